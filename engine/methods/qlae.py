"""QLAE, the quantised-latent autoencoder (Hsu et al. 2023): few values a code, and a strong weight decay.

    L = E[bce(x, decoder(q))] + lambda_quantisation E|sg(z) - q|^2 + lambda_commitment E|z - sg(q)|^2

    x    an image
    z    the encoder's codes
    q    the nearest values of the codes: each code has ``levels`` values of its own, which are learnt
    sg   the identity, without gradient; the gradient of q in the first term is passed on to z
    E    the mean over the batch, and over pixels and channels (bce) or codes (the distances)

All weights decay (AdamW), biases and values do not. A decoder that can be neither large nor choosy gives each code a
meaning of its own. Settings are those of the authors' public code. Two things are ours: values begin on [-1, 1] instead
of [-1/2, 1/2], and the networks are those of the VAEs here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from engine.lazy import torch
from engine.methods.base import Method, Scalars, Setup
from engine.methods.settings import MethodSettings
from engine.methods.vae import VAECommonSettings
from engine.models.codes import Codes
from engine.streams import stream_seed

if TYPE_CHECKING:
    from engine.models.quantised import QuantisedEncoder
    from engine.models.vae import Decoder


class QLAESettings(VAECommonSettings):
    """Settings of QLAE; the defaults are the authors'."""

    name: Literal["qlae"] = "qlae"
    codes: int = Field(default=10, ge=1, le=256, description="number of codes")
    reconstruction: Literal["bernoulli"] = Field(default="bernoulli", description="p(x|z) of a pixel")
    levels: int = Field(default=10, ge=2, le=256, description="values of each code")
    learn_levels: bool = Field(default=True, description="learn the values, which begin spaced evenly over [-1, 1]")
    lambda_quantisation: float = Field(default=0.01, ge=0, description="weight of the values' distance from codes")
    lambda_commitment: float = Field(default=0.01, ge=0, description="weight of the codes' distance from values")
    weight_decay: float = Field(default=0.1, ge=0, description="AdamW's decay of weights, but not of biases and values")
    gradient_clip: float = Field(default=1.0, gt=0, description="largest entry of a gradient of the decaying weights")
    learning_rate: float = Field(default=1e-3, gt=0, description="Adam step size of encoder and decoder")


class QLAE(Method[QLAESettings]):
    """Reconstruction through few values a code, against weight decay."""

    settings_type: ClassVar[type[MethodSettings]] = QLAESettings
    summary: ClassVar[str] = "autoencoder with quantised codes and a strong weight decay"

    encoder: QuantisedEncoder
    decoder: Decoder

    def __init__(self, settings: QLAESettings, setup: Setup) -> None:
        # Imported here, because it imports torch and listing methods must not.
        from engine.models.layers import Widths
        from engine.models.quantised import QuantisedEncoder
        from engine.models.vae import Decoder, initialised

        self.settings, self.setup = settings, setup
        self.codes = self.codes_of(settings)
        encoder_widths, decoder_widths = (Widths(**dict(widths)) for widths in (settings.encoder, settings.decoder))
        self.encoder = initialised(
            lambda: QuantisedEncoder(
                setup.image_shape,
                settings.codes,
                encoder_widths,
                settings.encoder_linear_last,
                settings.levels,
                settings.learn_levels,
            ),
            settings.initialisation,
            stream_seed(setup.seed, "encoder weights"),
        ).to(setup.device)
        self.decoder = initialised(
            lambda: Decoder(settings.codes, setup.image_shape, decoder_widths),
            settings.initialisation,
            stream_seed(setup.seed, "decoder weights"),
        ).to(setup.device)
        self.networks = torch.nn.ModuleDict({"encoder": self.encoder, "decoder": self.decoder})
        self._decaying = [value for name, value in self.networks.named_parameters() if name.endswith(".weight")]
        others = [value for name, value in self.networks.named_parameters() if not name.endswith(".weight")]
        groups = [
            self.parameter_group(self._decaying, settings.learning_rate) | {"weight_decay": settings.weight_decay},
            self.parameter_group(others, settings.learning_rate) | {"weight_decay": 0.0},
        ]
        betas = (settings.adam_beta1, settings.adam_beta2)
        self.optimizers = {
            "autoencoder": torch.optim.AdamW(
                groups, betas=betas, eps=settings.adam_eps, fused=True, capturable=self.on_gpu
            )
        }
        self.draws = {}

    @staticmethod
    def codes_of(settings: QLAESettings) -> Codes:
        return Codes(settings.codes)

    def compute(self, images: torch.Tensor) -> Scalars:
        """One step of encoder, decoder and values."""
        loss, scalars = self.loss(images)
        optimizer = self.optimizers["autoencoder"]
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_value_(self._decaying, self.settings.gradient_clip)
        optimizer.step()
        return {"loss": loss.detach(), **scalars}

    def loss(self, images: torch.Tensor) -> tuple[torch.Tensor, Scalars]:
        """The objective, and its parts for curves."""
        settings, quantiser = self.settings, self.encoder.quantiser
        continuous = self.encoder.continuous(images)
        values = quantiser(continuous)
        logits = self.decoder.logits(quantiser.passed_through(continuous))
        reconstruction = torch.nn.functional.binary_cross_entropy_with_logits(logits, images)
        quantisation = (continuous.detach() - values).square().mean()
        commitment = (continuous - values.detach()).square().mean()
        loss = reconstruction + settings.lambda_quantisation * quantisation + settings.lambda_commitment * commitment
        return loss, {"loss_reconstruction": reconstruction.detach(), "loss_commitment": commitment.detach()}

    def latent_networks(self) -> tuple[torch.nn.Module, torch.nn.Module]:
        from engine.models.quantised import DecoderOfValues

        return DecoderOfValues(self.decoder, self.encoder.quantiser), self.encoder
