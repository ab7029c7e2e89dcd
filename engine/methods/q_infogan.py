"""Q-InfoGAN: InfoGAN whose codes take a few values each (after Hsu et al. 2023, who quantise InfoGAN like QLAE).

    L_Q = E[-log q(c | G(c, z))] + lambda_commitment E|m - sg(v)|^2,    q = N(v, 1)

The symbols are those of :mod:`engine.methods.infogan`. Codes c are drawn from ``levels`` values that are spaced evenly
over [-1, 1]. Q's means m are replaced by the nearest values v, and the gradient of v is passed on to m; sg is the
identity without gradient. Here the values are fixed and the adversarial part is InfoGAN's; the authors learn values and
train a Wasserstein GAN with gradient penalty.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from engine.lazy import torch
from engine.methods.base import Setup
from engine.methods.infogan import InfoGAN, InfoGANCommonSettings
from engine.methods.settings import MethodSettings


class QInfoGANSettings(InfoGANCommonSettings):
    """Settings of Q-InfoGAN."""

    name: Literal["q-infogan"] = "q-infogan"
    codes: int = Field(default=5, ge=1, le=256, description="number of quantised codes c")
    levels: int = Field(default=10, ge=2, le=256, description="values of each code, spaced evenly over [-1, 1]")
    lambda_commitment: float = Field(default=0.01, ge=0, description="weight of the distance of Q's means from values")


class QInfoGAN(InfoGAN[QInfoGANSettings]):
    """InfoGAN with quantised codes."""

    settings_type: ClassVar[type[MethodSettings]] = QInfoGANSettings
    summary: ClassVar[str] = "InfoGAN whose codes take a few values each"

    def __init__(self, settings: QInfoGANSettings, setup: Setup) -> None:
        from engine.models.quantised import Quantiser

        super().__init__(settings, setup)
        self.quantiser = Quantiser(settings.codes, settings.levels, learnt=False).to(setup.device)
        self.networks["quantiser"] = self.quantiser
        self.draws["levels"] = self.random_stream("levels")

    def draw_latent(self, n: int) -> torch.Tensor:
        """``n`` latent vectors whose continuous codes are values of the quantiser, all equally likely."""
        latent = super().draw_latent(n)
        latent[:, : self.codes.continuous] = self.quantiser.sample(n, self.draws["levels"])
        return latent

    def information_loss(self, answer: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        """L_Q in nats, of the values nearest to Q's means, and the means' distance from them."""
        means, rest = answer[:, : self.codes.continuous], answer[:, self.codes.continuous :]
        passed = torch.cat([self.quantiser.passed_through(means), rest], dim=1)
        commitment: torch.Tensor = (means - self.quantiser(means)).square().mean()
        return super().information_loss(passed, latent) + self.settings.lambda_commitment * commitment

    def latent_networks(self) -> tuple[torch.nn.Module, torch.nn.Module]:
        from engine.models.quantised import DecoderOfValues, EncoderToValues

        return DecoderOfValues(self.generator, self.quantiser), EncoderToValues(self.discriminator, self.quantiser)
