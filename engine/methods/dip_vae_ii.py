"""DIP-VAE-II (Kumar, Sattigeri & Balakrishnan 2018): the covariance of the sampled codes is pulled to the identity.

The loss is that of :mod:`engine.methods.dip_vae_i` with C = Cov_x[mu(x)] + E_x[diag sigma^2(x)]. mu and sigma^2 are the
mean and the variances of q(z|x). By the law of total covariance this C is the covariance of the aggregate posterior
q(z).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from engine.lazy import torch
from engine.methods.dip_vae_i import DIPVAEI, DIPVAECommonSettings
from engine.methods.settings import MethodSettings

if TYPE_CHECKING:
    from engine.models.posterior import Gaussian


class DIPVAEIISettings(DIPVAECommonSettings):
    """Settings of DIP-VAE-II; the study trains each lambda_od of 1, 2, 5, 10, 20 and 50, with lambda_d the same."""

    name: Literal["dip-vae-ii"] = "dip-vae-ii"


class DIPVAEII(DIPVAEI[DIPVAEIISettings]):
    """Evidence lower bound, and sampled codes that are uncorrelated over the images."""

    settings_type: ClassVar[type[MethodSettings]] = DIPVAEIISettings
    summary: ClassVar[str] = "VAE whose sampled codes are decorrelated"

    def covariance(self, posterior: Gaussian) -> torch.Tensor:
        """Cov[mu] + E[diag sigma^2] over the batch, ``[d, d]``."""
        return super().covariance(posterior) + posterior.log_variance.exp().mean(0).diag()
