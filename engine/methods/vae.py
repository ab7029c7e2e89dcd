"""The variational autoencoder (Kingma & Welling 2014), and what every method built on it shares.

All train an encoder q(z|x) and a decoder p(x|z) on

    L = E_x [ -E_q(z|x) log p(x|z) ] + regulariser,

*b* being the mean over the batch. A method is its regulariser; of the VAE it is b KL(q(z|x) || N(0, 1)).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from engine.lazy import torch
from engine.methods.base import Method, Setup
from engine.methods.settings import QUICK_TRAINING, MethodSettings, NetworkWidths, Preset
from engine.models.codes import Codes

if TYPE_CHECKING:
    from engine.models.posterior import Gaussian

Scalars = dict[str, "torch.Tensor | float"]


class VAECommonSettings(MethodSettings):
    """What all VAEs share; the defaults are those of disentanglement_lib's study (method facts section 16)."""

    codes: int = Field(default=10, ge=1, le=256, description="dimensions of z, each N(0, 1)")
    encoder: NetworkWidths = NetworkWidths(dense=(256,), channels=(32, 32, 64, 64))
    decoder: NetworkWidths = NetworkWidths(dense=(256,), channels=(64, 32, 32))
    encoder_linear_last: bool = Field(
        default=False, description="leave the encoder's last hidden layer without activation"
    )
    initialisation: Literal["normal", "glorot"] = Field(
        default="glorot", description="initial weights: N(0, 0.02^2), or Glorot's uniform"
    )
    reconstruction: Literal["bernoulli", "gaussian"] = Field(
        default="bernoulli", description="p(x|z) of a pixel: Bernoulli, or a Gaussian of variance one"
    )
    learning_rate: float = Field(default=1e-4, gt=0, description="Adam step size of encoder and decoder")
    adam_beta1: float = Field(default=0.9, ge=0, lt=1, description="share of the past in Adam's mean of gradients")
    adam_beta2: float = Field(default=0.999, ge=0, lt=1, description="share of the past in Adam's mean of squares")
    adam_eps: float = Field(default=1e-8, gt=0, description="added to the root of Adam's mean of squares")


class VAESettings(VAECommonSettings):
    """Settings of the VAE."""

    name: Literal["vae"] = "vae"


PAPER_TRAINING: Mapping[str, Any] = {"steps": 300_000}
"""Length of disentanglement_lib's study; the batch of 64 is the loop's default."""

QUICK_METHOD: Mapping[str, Any] = {
    "codes": 6,
    "encoder": {"dense": [512, 256], "channels": []},
    "decoder": {"dense": [128, 256], "channels": []},
    "learning_rate": 1e-3,
    "learning_rate_decay_from": 0.4,
}
"""Settings of the quick presets, shared by all VAEs so that they compare like with like."""


STUDY_PRESET = Preset("settings of disentanglement_lib's study", data="dsprites", training=PAPER_TRAINING)
"""A method's defaults on dSprites; where the study tries several values, the default is one of them."""


def quick_preset(**method: Any) -> Preset:
    """A run of minutes on minisprites that differs from other VAEs' in a method's own settings only."""
    return Preset(
        "minisprites on a CPU in minutes: small fully connected networks",
        data="minisprites",
        method={**QUICK_METHOD, **method},
        training=QUICK_TRAINING,
        threads=1,
    )


class VAE(Method):
    """Reconstruction and KL divergence, equally weighted: the evidence lower bound."""

    settings_type: ClassVar[type[MethodSettings]] = VAESettings
    summary: ClassVar[str] = "variational autoencoder"
    presets: ClassVar[Mapping[str, Preset]] = {"paper": STUDY_PRESET, "quick": quick_preset()}

    def __init__(self, settings: Any, setup: Setup) -> None:
        self.settings = settings
        self.setup = setup
        self.codes = self.codes_of(settings)
        self.encoder, self.decoder = self.build_encoder(), self.build_decoder()
        self.networks = torch.nn.ModuleDict({"encoder": self.encoder, "decoder": self.decoder})
        parameters = [*self.encoder.parameters(), *self.decoder.parameters()]
        betas = (settings.adam_beta1, settings.adam_beta2)
        self.optimizers = {"vae": self.adam(parameters, settings.learning_rate, betas)}
        self.draws = {"posterior": self.random_stream(setup.seed)}

    @staticmethod
    def codes_of(settings: Any) -> Codes:
        return Codes(settings.codes, prior="normal")

    def build_encoder(self) -> Any:
        """The encoder with its initial weights, on the device."""
        # The networks are torch modules, which only a process that trains may import.
        from engine.models.vae import GaussianEncoder

        return self.initialised_encoder(GaussianEncoder)

    def build_decoder(self) -> Any:
        """The decoder with its initial weights, on the device."""
        from engine.models.layers import Widths
        from engine.models.vae import Decoder, initialised

        settings, widths = self.settings, Widths(**dict(self.settings.decoder))
        decoder = initialised(
            lambda: Decoder(self.codes.count, self.setup.image_shape, widths),
            settings.initialisation,
            self.setup.seed + 1,
        )
        return decoder.to(self.setup.device)

    def initialised_encoder(self, encoder_type: Any) -> Any:
        """An encoder of this type, a :class:`engine.models.vae.GaussianEncoder`, as the settings describe it."""
        from engine.models.layers import Widths
        from engine.models.vae import initialised

        settings, widths = self.settings, Widths(**dict(self.settings.encoder))
        encoder = initialised(
            lambda: encoder_type(self.setup.image_shape, self.codes.count, widths, settings.encoder_linear_last),
            settings.initialisation,
            self.setup.seed,
        )
        return encoder.to(self.setup.device)

    def compute(self, images: torch.Tensor) -> dict[str, torch.Tensor | float]:
        """One step on reconstruction and regulariser."""
        return self.step_autoencoder(images)[0]

    def step_autoencoder(self, images: torch.Tensor) -> tuple[Scalars, torch.Tensor]:
        """One step of encoder and decoder.

        Returns:
            The scalars of the iteration, and the codes that were decoded, float ``[n, d]``, without gradient.
        """
        posterior = self.encoder.posterior(images)
        z = posterior.sample(self.noise(len(images)))
        reconstruction = self.reconstruction_loss(images, self.decoder.logits(z))
        regulariser, scalars = self.regulariser(posterior, z)
        loss = reconstruction + regulariser
        self.step("vae", loss)
        return {
            "loss": loss.detach(),
            "loss_reconstruction": reconstruction.detach(),
            "kl": posterior.kl().detach().sum(1).mean(),
            **scalars,
        }, z.detach()

    def regulariser(self, posterior: Gaussian, z: torch.Tensor) -> tuple[torch.Tensor, Scalars]:
        """What is added to the reconstruction loss, in nats, and its parts worth a curve.

        Here b KL(q(z|x) || N(0, 1)), summed over dimensions (Kingma & Welling 2014, eq. 10).

        Args:
            posterior: q(z|x) of the batch, ``[n, d]``.
            z: the draw from it that was decoded, ``[n, d]``.
        """
        return posterior.kl().sum(1).mean(), {}

    def reconstruction_loss(self, images: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """-log p(x|z) in nats, summed over pixels and channels, mean over the batch.

        Without the constant of the Gaussian, whose mean is the sigmoid of the logits as is the Bernoulli's.
        """
        if self.settings.reconstruction == "bernoulli":
            total = torch.nn.functional.binary_cross_entropy_with_logits(logits, images, reduction="sum")
        else:
            total = 0.5 * (torch.sigmoid(logits) - images).square().sum()
        return total / len(images)

    def noise(self, n: int) -> torch.Tensor:
        """N(0, 1) draws of one posterior sample a row, float32 ``[n, d]`` on the device."""
        return self.normal("posterior", (n, self.codes.count))

    def adam(self, parameters: list[Any], learning_rate: float, betas: tuple[float, float]) -> torch.optim.Adam:
        """An Adam whose step size :meth:`decay_learning_rates` knows."""
        group = self.parameter_group(parameters, learning_rate)
        return torch.optim.Adam([group], betas=betas, eps=self.settings.adam_eps, fused=True, capturable=self.on_gpu)

    def step(self, optimizer: str, loss: torch.Tensor) -> None:
        """One update of the named optimiser's parameters, and of no others."""
        chosen = self.optimizers[optimizer]
        chosen.zero_grad()
        loss.backward(inputs=chosen.param_groups[0]["params"])  # type: ignore[no-untyped-call]
        chosen.step()

    def latent_networks(self) -> tuple[torch.nn.Module, torch.nn.Module]:
        return self.decoder, self.encoder
