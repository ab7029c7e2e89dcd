"""FactorVAE (Kim & Mnih 2018): a discriminator D, trained alongside, estimates the total correlation TC.

    L = E[-log p(x|z)] + KL(q(z|x) || N(0, 1)) + gamma TC,    TC = E[log D(z) - log(1 - D(z))]

The symbols are those of :mod:`engine.methods.vae`. D(z) is the probability that z comes from the aggregate posterior
q(z) and not from the product of its marginals. Draws from that product are made by permuting each dimension over a
batch.

The defaults and the preset ``paper`` follow the InfoGAN-CR authors' variant (docs/method.md, section 7): D sees fresh
draws for the batch that the VAE was trained on, and the same draws permuted. With ``second_batch`` it is algorithm 2 of
the original: D sees the draws that were decoded, and permuted draws for a second batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from engine.lazy import torch
from engine.methods.base import Scalars, Setup
from engine.methods.settings import MethodSettings, NetworkWidths
from engine.methods.vae import VAE, EncoderWidths, VAECommonSettings
from engine.streams import stream_seed

if TYPE_CHECKING:
    from engine.models.posterior import Gaussian

EPS = 1e-8
"""Added to D's probabilities inside logarithms."""


class FactorVAESettings(VAECommonSettings):
    """Settings of FactorVAE; the defaults are the InfoGAN-CR authors', who train each gamma of 1, 10, 20 and 40."""

    name: Literal["factor-vae"] = "factor-vae"
    encoder: EncoderWidths = EncoderWidths(dense=(128,))
    decoder: NetworkWidths = NetworkWidths(dense=(128,), channels=(64, 32, 32))
    encoder_linear_last: bool = Field(
        default=True, description="leave the encoder's last hidden layer without activation"
    )
    initialisation: Literal["normal", "glorot"] = Field(
        default="normal", description="initial weights: N(0, 0.02^2), or Glorot's uniform"
    )
    gamma: float = Field(default=10.0, ge=0, description="weight of the total correlation")
    second_batch: bool = Field(
        default=False, description="permute the codes of a second batch (Kim & Mnih 2018), not of the first"
    )
    discriminator_hidden: tuple[int, ...] = Field(
        default=(1000,) * 5, min_length=1, description="widths of D's hidden fully connected layers"
    )
    discriminator_learning_rate: float = Field(default=1e-4, gt=0, description="Adam step size of D")
    discriminator_adam_beta1: float = Field(
        default=0.5, ge=0, lt=1, description="share of the past in the mean of D's gradients"
    )
    discriminator_adam_beta2: float = Field(
        default=0.9, ge=0, lt=1, description="share of the past in the mean of D's squared gradients"
    )


class FactorVAE(VAE[FactorVAESettings]):
    """Evidence lower bound and total correlation, against D."""

    settings_type: ClassVar[type[MethodSettings]] = FactorVAESettings
    summary: ClassVar[str] = "VAE whose total correlation has a weight, estimated by a discriminator"

    def __init__(self, settings: FactorVAESettings, setup: Setup) -> None:
        # Imported here, because it imports torch and listing methods must not.
        from engine.models.vae import TotalCorrelationDiscriminator, initialised

        super().__init__(settings, setup)
        self.discriminator = initialised(
            lambda: TotalCorrelationDiscriminator(self.codes.count, settings.discriminator_hidden),
            settings.initialisation,
            stream_seed(setup.seed, "discriminator weights"),
        ).to(setup.device)
        self.networks["discriminator"] = self.discriminator
        betas = (settings.discriminator_adam_beta1, settings.discriminator_adam_beta2)
        self.optimizers["discriminator"] = self.adam(
            list(self.discriminator.parameters()), settings.discriminator_learning_rate, betas
        )
        self.draws["permutation"] = self.random_stream("permutation")

    @property
    def batches_per_update(self) -> int:
        return 2 if self.settings.second_batch else 1

    def compute(self, images: torch.Tensor) -> Scalars:
        """One step of encoder and decoder, then one of D on codes from the new encoder."""
        first, *second = images.chunk(self.batches_per_update)
        scalars, decoded = self.step_autoencoder(first)
        drawn = self.drawn_codes(second[0] if second else first)
        joint = decoded if second else drawn
        return scalars | self.step_discriminator(joint, self.permuted(drawn))

    def regulariser(self, posterior: Gaussian, z: torch.Tensor) -> tuple[torch.Tensor, Scalars]:
        """The KL divergence and D's estimate of the total correlation (Kim & Mnih 2018, eqs. 2 and 3).

        D answers with two logits; log D(z) - log(1 - D(z)) is their difference.
        """
        joint, product = self.discriminator(z).unbind(1)
        tc = (joint - product).mean()
        return posterior.kl().sum(1).mean() + self.settings.gamma * tc, {"total_correlation": tc.detach()}

    @torch.no_grad()
    def drawn_codes(self, images: torch.Tensor) -> torch.Tensor:
        """A draw from q(z|x) of each image, float ``[n, d]``."""
        return self.encoder.sample_codes(images, self.noise(len(images)))

    def permuted(self, z: torch.Tensor) -> torch.Tensor:
        """``z`` ``[n, d]`` with each dimension in a random order over the batch (Kim & Mnih 2018, algorithm 1)."""
        stream = self.draws["permutation"]
        order = torch.rand(z.shape, generator=stream, device=stream.device).argsort(0)
        return z.gather(0, order.to(z.device))

    def step_discriminator(self, joint: torch.Tensor, product: torch.Tensor) -> Scalars:
        """One step of D on codes ``[n, d]`` from q(z) and from the product of its marginals."""
        loss, accuracy = self.discriminator_loss(joint, product)
        self.step("discriminator", loss)
        return {"loss_discriminator": loss.detach(), "discriminator_accuracy": accuracy}

    def discriminator_loss(self, joint: torch.Tensor, product: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """-(E log D(joint) + E log(1 - D(product))) / 2, and the share of codes that D assigns rightly."""
        of_joint = self.discriminator(joint).softmax(1)[:, 0]
        of_product = self.discriminator(product).softmax(1)[:, 1]
        loss = -0.5 * ((of_joint + EPS).log().mean() + (of_product + EPS).log().mean())
        accuracy = 0.5 * ((of_joint > 0.5).float().mean() + (of_product > 0.5).float().mean())
        return loss, accuracy
