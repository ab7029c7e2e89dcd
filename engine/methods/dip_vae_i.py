"""DIP-VAE-I (Kumar, Sattigeri & Balakrishnan 2018): the covariance of the posterior means is pulled to the identity.

    L = E[-log p(x|z)] + KL(q(z|x) || N(0, 1)) + lambda_od sum_{i != j} C_ij^2 + lambda_d sum_i (C_ii - 1)^2

The symbols are those of :mod:`engine.methods.vae`. C = Cov_x[mu(x)] is the covariance over the images of mu, the mean
of q(z|x). :mod:`engine.methods.dip_vae_ii` is the same with another C.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

from pydantic import Field

from engine.lazy import torch
from engine.methods.base import Scalars
from engine.methods.settings import MethodSettings
from engine.methods.vae import VAE, VAECommonSettings

if TYPE_CHECKING:
    from engine.models.posterior import Gaussian


class DIPVAECommonSettings(VAECommonSettings):
    """What both DIP-VAEs share."""

    lambda_od: float = Field(default=10.0, ge=0, description="weight of the squared covariances")
    lambda_d: float = Field(default=10.0, ge=0, description="weight of the variances' squared distances from one")


class DIPVAEISettings(DIPVAECommonSettings):
    """Settings of DIP-VAE-I; the study trains each lambda_od of 1, 2, 5, 10, 20 and 50, with lambda_d ten times it."""

    name: Literal["dip-vae-i"] = "dip-vae-i"
    lambda_d: float = Field(default=100.0, ge=0, description="weight of the variances' squared distances from one")


S = TypeVar("S", bound=DIPVAECommonSettings)


class DIPVAEI(VAE[S]):
    """Evidence lower bound, and mean codes that are uncorrelated over the images."""

    settings_type: ClassVar[type[MethodSettings]] = DIPVAEISettings
    summary: ClassVar[str] = "VAE whose mean codes are decorrelated"

    def regulariser(self, posterior: Gaussian, z: torch.Tensor) -> tuple[torch.Tensor, Scalars]:
        """The KL divergence and the penalty on the covariance C (Kumar et al. 2018, eqs. 6 and 7)."""
        covariance = self.covariance(posterior)
        variances = covariance.diagonal()
        off_diagonal = covariance.square().sum() - variances.square().sum()
        diagonal = (variances - 1).square().sum()
        penalty = self.settings.lambda_od * off_diagonal + self.settings.lambda_d * diagonal
        scalars: Scalars = {"loss_covariance": penalty.detach()}
        return posterior.kl().sum(1).mean() + penalty, scalars

    def covariance(self, posterior: Gaussian) -> torch.Tensor:
        """Cov[mu] over the batch, divided by n as in disentanglement_lib, ``[d, d]``."""
        centred = posterior.mean - posterior.mean.mean(0)
        return centred.T @ centred / len(centred)
