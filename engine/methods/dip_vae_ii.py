"""DIP-VAE-II (Kumar, Sattigeri & Balakrishnan 2018): the covariance of the codes themselves is drawn to the identity.

The loss is DIP-VAE-I's with C = Cov_x[mu(x)] + E_x[diag sigma^2(x)], the covariance of the aggregate posterior q(z), by
the law of total covariance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from engine.lazy import torch
from engine.methods.dip_vae_i import DIPVAEI
from engine.methods.settings import MethodSettings, Preset
from engine.methods.vae import STUDY_PRESET, VAECommonSettings, quick_preset

if TYPE_CHECKING:
    from engine.models.posterior import Gaussian


class DIPVAEIISettings(VAECommonSettings):
    """Settings of DIP-VAE-II; the study trains each lambda_od of 1, 2, 5, 10, 20 and 50, with lambda_d the same."""

    name: Literal["dip-vae-ii"] = "dip-vae-ii"
    lambda_od: float = Field(default=10.0, ge=0, description="weight of the squared covariances")
    lambda_d: float = Field(default=10.0, ge=0, description="weight of the variances' squared distances from one")


class DIPVAEII(DIPVAEI):
    """Evidence lower bound, and draws of the codes uncorrelated over the data."""

    settings_type: ClassVar[type[MethodSettings]] = DIPVAEIISettings
    summary: ClassVar[str] = "VAE whose sampled codes are decorrelated"
    presets: ClassVar[Mapping[str, Preset]] = {
        "paper": STUDY_PRESET,
        "quick": quick_preset(lambda_od=50.0, lambda_d=50.0),
    }

    def covariance(self, posterior: Gaussian) -> torch.Tensor:
        """Cov[mu] + E[diag sigma^2] over the batch, ``[d, d]``."""
        return super().covariance(posterior) + posterior.log_variance.exp().mean(0).diag()
