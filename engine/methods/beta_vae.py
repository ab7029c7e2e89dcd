"""beta-VAE (Higgins et al. 2017): the KL divergence weighted.

L = -E log p(x|z) + beta KL(q(z|x) || N(0, 1))

A beta above one trades reconstruction for codes that are closer to the independent prior.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from engine.lazy import torch
from engine.methods.settings import MethodSettings, Preset
from engine.methods.vae import STUDY_PRESET, VAE, Scalars, VAECommonSettings, quick_preset

if TYPE_CHECKING:
    from engine.models.posterior import Gaussian


class BetaVAESettings(VAECommonSettings):
    """Settings of beta-VAE; the study trains each beta of 1, 2, 4, 6, 8 and 16."""

    name: Literal["beta-vae"] = "beta-vae"
    beta: float = Field(default=4.0, ge=0, description="weight of the KL divergence; 1 = the VAE")


class BetaVAE(VAE):
    """Reconstruction and weighted KL divergence."""

    settings_type: ClassVar[type[MethodSettings]] = BetaVAESettings
    summary: ClassVar[str] = "VAE whose KL divergence has a weight"
    presets: ClassVar[Mapping[str, Preset]] = {"paper": STUDY_PRESET, "quick": quick_preset(beta=8.0)}

    def regulariser(self, posterior: Gaussian, z: torch.Tensor) -> tuple[torch.Tensor, Scalars]:
        """Beta times the KL divergence (Higgins et al. 2017, eq. 4)."""
        return self.settings.beta * posterior.kl().sum(1).mean(), {}
