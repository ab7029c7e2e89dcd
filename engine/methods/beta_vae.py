"""beta-VAE (Higgins et al. 2017): the KL divergence has a weight.

    L = E[-log p(x|z)] + beta KL(q(z|x) || N(0, 1))

The symbols are those of :mod:`engine.methods.vae`. A beta above one trades reconstruction for codes that are closer to
the independent prior.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from engine.lazy import torch
from engine.methods.base import Scalars
from engine.methods.settings import MethodSettings
from engine.methods.vae import VAE, VAECommonSettings

if TYPE_CHECKING:
    from engine.models.posterior import Gaussian


class BetaVAESettings(VAECommonSettings):
    """Settings of beta-VAE; the study trains each beta of 1, 2, 4, 6, 8 and 16."""

    name: Literal["beta-vae"] = "beta-vae"
    beta: float = Field(default=4.0, ge=0, description="weight of the KL divergence; 1 = the VAE")


class BetaVAE(VAE[BetaVAESettings]):
    """Reconstruction and weighted KL divergence."""

    settings_type: ClassVar[type[MethodSettings]] = BetaVAESettings
    summary: ClassVar[str] = "VAE whose KL divergence has a weight"

    def regulariser(self, posterior: Gaussian, z: torch.Tensor) -> tuple[torch.Tensor, Scalars]:
        """Beta times the KL divergence (Higgins et al. 2017, eq. 4)."""
        return self.settings.beta * posterior.kl().sum(1).mean(), {}
