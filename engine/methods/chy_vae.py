"""CHyVAE (Ansari & Soh, AAAI 2019): a VAE whose prior's covariance has an inverse-Wishart prior of its own.

The prior of the d codes z is N(0, Sigma_p) with Sigma_p ~ W^-1(Psi, nu) and Psi = max(nu - d - 1, 1) I. For nu above
d + 1 this makes E[Sigma_p] = I. A larger nu holds the codes more firmly to independence. Given a draw z, the posterior
of Sigma_p is W^-1(Psi + z z^T, nu + 1). But for constants the loss is then the reconstruction plus

    (nu + 1)/2 log |Psi + z z^T| - 1/2 log |Sigma| + (nu + 1)/2 tr[(Sigma + m m^T + Psi) (Psi + z z^T)^-1],

where m and Sigma are the mean and the full covariance of q(z|x). As in the authors' code, the z of these terms is a
draw of its own and not the one that is decoded (docs/method.md, section 16).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from engine.lazy import torch
from engine.methods.base import Scalars
from engine.methods.settings import MethodSettings, NetworkWidths
from engine.methods.vae import VAE, EncoderWidths, VAECommonSettings

if TYPE_CHECKING:
    from engine.models.full_covariance import CorrelatedGaussian, FullCovarianceEncoder


class CHyVAESettings(VAECommonSettings):
    """Settings of CHyVAE; the defaults are the authors'."""

    name: Literal["chy-vae"] = "chy-vae"
    encoder: EncoderWidths = EncoderWidths(dense=(128,))
    decoder: NetworkWidths = NetworkWidths(dense=(128,), channels=(64, 32, 32))
    nu: float = Field(
        default=200.0, gt=0, description="degrees of freedom of the inverse-Wishart prior; above codes - 1"
    )

    @model_validator(mode="after")
    def _proper_prior(self) -> Self:
        if self.nu <= self.codes - 1:
            raise ValueError(f"nu must be above codes - 1 = {self.codes - 1}, or the inverse-Wishart prior is improper")
        return self


class CHyVAE(VAE[CHyVAESettings]):
    """Reconstruction and the divergence from a hierarchical prior."""

    settings_type: ClassVar[type[MethodSettings]] = CHyVAESettings
    summary: ClassVar[str] = "VAE with a full posterior covariance and an inverse-Wishart hyperprior"

    encoder: FullCovarianceEncoder

    def build_encoder(self) -> FullCovarianceEncoder:
        """An encoder with full covariance."""
        from engine.models.full_covariance import FullCovarianceEncoder

        return self.initialised_encoder(FullCovarianceEncoder)

    def compute(self, images: torch.Tensor) -> Scalars:
        """One step on the reconstruction at one draw from q(z|x) and the hyperprior's terms at another."""
        posterior = self.encoder.distribution(images)
        decoded = self.decoder.logits(posterior.sample(self.noise(len(images))))
        reconstruction = self.reconstruction_loss(images, decoded)
        hyperprior = self.hyperprior_loss(posterior, posterior.sample(self.noise(len(images))))
        loss = reconstruction + hyperprior
        self.step("vae", loss)
        return {
            "loss": loss.detach(),
            "loss_reconstruction": reconstruction.detach(),
            "loss_hyperprior": hyperprior.detach(),
            "kl": posterior.marginals().kl().detach().sum(1).mean(),
        }

    def hyperprior_loss(self, posterior: CorrelatedGaussian, z: torch.Tensor) -> torch.Tensor:
        """The terms of the module's docstring in nats, mean over the batch.

        Psi = s I, so the determinant and the inverse of Psi + z z^T have closed forms: s^d (1 + |z|^2/s) and (I - z z^T
        / (s + |z|^2)) / s (Sherman & Morrison 1950). The constants (nu + 1)/2 d (log s + 1) + d/2 are left out, because
        they are much larger than the rest. What remains tends to KL(q(z|x) || N(0, I)) as nu grows.

        Args:
            posterior: q(z|x) of the batch.
            z: a draw from it, ``[n, d]``.
        """
        degrees, s, d = self.settings.nu + 1, self.scale, z.shape[1]
        squared_length = z.square().sum(1)
        second_moment = posterior.covariance.diagonal(dim1=1, dim2=2).sum(1) + posterior.mean.square().sum(1)
        along_z = torch.einsum("ni,nij,nj->n", z, posterior.covariance, z) + (posterior.mean * z).sum(1).square()
        trace = (second_moment - (along_z + s * squared_length) / (s + squared_length)) / s
        terms = degrees * (torch.log1p(squared_length / s) + trace) - posterior.log_determinant() - d
        return 0.5 * terms.mean()

    @property
    def scale(self) -> float:
        """The s of Psi = s I: max(nu - d - 1, 1)."""
        return max(self.settings.nu - self.codes.count - 1, 1.0)
