"""beta-TCVAE (Chen, Li, Grosse & Duvenaud 2018): the total correlation of the codes has a weight of its own.

On average over the images x, the KL divergence of a VAE is a sum of three terms:

    KL(q(z|x) || p(z)) = I_q(z; x) + KL(q(z) || prod_k q(z_k)) + sum_k KL(q(z_k) || p(z_k)).

q(z) is the aggregate posterior, the mean of q(z|x) over the images. The second term is the total correlation TC. Eq. 4
gives the terms the weights alpha, beta and gamma; the paper chooses alpha = gamma = 1, which leaves

    L = E[-log p(x|z)] + KL(q(z|x) || p(z)) + (beta - 1) TC.

The KL divergence is computed in closed form, as in disentanglement_lib; TC is estimated within the batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from engine.lazy import torch
from engine.methods.aggregate_posterior import Sampling, log_aggregate, log_weights
from engine.methods.base import Scalars
from engine.methods.settings import MethodSettings
from engine.methods.vae import VAE, VAECommonSettings

if TYPE_CHECKING:
    from engine.models.posterior import Gaussian


class BetaTCVAESettings(VAECommonSettings):
    """Settings of beta-TCVAE; the study trains each beta of 1, 2, 4, 6, 8 and 10."""

    name: Literal["beta-tcvae"] = "beta-tcvae"
    beta: float = Field(default=6.0, ge=0, description="weight of the total correlation; 1 = the VAE")
    sampling: Sampling = Field(default="weighted", description="how a batch estimates q(z) and its marginals")


class BetaTCVAE(VAE[BetaTCVAESettings]):
    """Evidence lower bound with weighted total correlation."""

    settings_type: ClassVar[type[MethodSettings]] = BetaTCVAESettings
    summary: ClassVar[str] = "VAE whose total correlation has a weight, estimated within the batch"

    def regulariser(self, posterior: Gaussian, z: torch.Tensor) -> tuple[torch.Tensor, Scalars]:
        """KL divergence and weighted total correlation (Chen et al. 2018, eq. 4)."""
        tc = self.total_correlation(posterior, z)
        return posterior.kl().sum(1).mean() + (self.settings.beta - 1) * tc, {"total_correlation": tc.detach()}

    def total_correlation(self, posterior: Gaussian, z: torch.Tensor) -> torch.Tensor:
        """The batch's mean of log q(z) - sum_k log q(z_k) in nats, each density estimated within the batch.

        The ``weighted`` estimate is too large by about (d - 1) log N, a constant without gradient; N is the number of
        images.
        """
        log_densities = posterior.log_densities_at(z)
        weights = log_weights(self.settings.sampling, len(z), self.setup.images)
        joint = log_aggregate(log_densities.sum(2), weights)
        marginals = log_aggregate(log_densities, weights)
        return (joint - marginals.sum(1)).mean()
