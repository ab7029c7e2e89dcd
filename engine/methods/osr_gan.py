"""OSR-GAN (Jiang et al. 2024): each code is also a coefficient of the generated image, in a learnt orthogonal basis.

    min over G, Q, B  max over D    E log D(x) + E log(1 - D(G(c, z))) + lambda_info L_Q + lambda_subspace L_B

    L_B = E|last k coefficients of G(c, z) - c|^2 / k

    B    an orthogonal matrix; the coefficients of an image x are a B x B' + b, row by row (a, b are learnt)
    k    number of continuous codes c

The other symbols are those of :mod:`engine.methods.infogan`. Since coefficients of an orthogonal basis do not overlap,
codes that are coefficients change an image in ways that do not overlap either. Only the public code of the authors was
at hand, not the paper. The term L_B is as they have it; the adversarial part is InfoGAN's (theirs is a Wasserstein GAN
with a gradient penalty), and so are the networks.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from engine.lazy import torch
from engine.methods.base import Scalars, Setup
from engine.methods.infogan import InfoGAN, InfoGANCommonSettings
from engine.methods.settings import MethodSettings
from engine.streams import stream_seed


class OSRGANSettings(InfoGANCommonSettings):
    """Settings of OSR-GAN; the weights are the authors' relative to their adversarial loss."""

    name: Literal["osr-gan"] = "osr-gan"
    codes: int = Field(default=5, ge=1, le=256, description="number of continuous regularised codes c, each U[-1, 1]")
    noise: int = Field(default=60, ge=0, le=4096, description="dimensions of the noise z, each U[-1, 1]")
    lambda_info: float = Field(default=0.1, ge=0, description="weight of the mutual-information term L_Q")
    lambda_subspace: float = Field(default=0.1, ge=0, description="weight of the coefficients' distance from the codes")


class OSRGAN(InfoGAN[OSRGANSettings]):
    """InfoGAN whose codes are coefficients of a learnt orthogonal basis."""

    settings_type: ClassVar[type[MethodSettings]] = OSRGANSettings
    summary: ClassVar[str] = "InfoGAN whose codes are coefficients of the image in a learnt orthogonal basis"

    def __init__(self, settings: OSRGANSettings, setup: Setup) -> None:
        from engine.models.orthogonal import OrthogonalExpansion

        height, width, _ = setup.image_shape
        if height != width or settings.codes > height * width:
            raise ValueError(
                f"osr-gan takes square images with at least as many pixels as codes, not {height}x{width} and "
                f"{settings.codes} codes"
            )
        super().__init__(settings, setup)
        draws = torch.Generator().manual_seed(stream_seed(setup.seed, "orthogonal basis"))
        self.expansion = OrthogonalExpansion(height, draws).to(setup.device)
        self.networks["expansion"] = self.expansion
        self.optimizers["expansion"] = self.adam(self.expansion, settings.generator_learning_rate)

    def generator_loss(self, fake: torch.Tensor, latent: torch.Tensor) -> tuple[torch.Tensor, Scalars]:
        """InfoGAN's loss of G, and the weighted distance of coefficients from codes."""
        loss, parts = super().generator_loss(fake, latent)
        subspace = self.subspace_loss(fake, latent)
        return loss + self.settings.lambda_subspace * subspace, parts | {"loss_subspace": subspace.detach()}

    def subspace_loss(self, fake: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        """L_B: mean squared distance of the last coefficients of images from the continuous codes they were made of."""
        k = self.codes.continuous
        distance: torch.Tensor = (self.expansion(fake)[:, -k:] - latent[:, :k]).square().mean()
        return distance

    def step_generator(self, loss: torch.Tensor) -> None:
        """One step of G and of the basis."""
        expansion = self.optimizers["expansion"]
        expansion.zero_grad()
        self.optimizers["generator"].zero_grad()
        trained = [*self.generator.parameters(), *self.expansion.parameters()]
        loss.backward(inputs=trained)
        self.optimizers["generator"].step()
        expansion.step()
