"""The variational autoencoder (VAE; Kingma & Welling 2014), and what every method built on it shares.

All of them minimise, over an encoder q(z|x) and a decoder p(x|z),

    L = E[-log p(x|z)] + regulariser,

where x is an image, z ~ q(z|x) its codes, and E the mean over the batch. The methods differ in the regulariser. That of
the VAE is the divergence KL(q(z|x) || N(0, 1)).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self, TypeVar

from pydantic import Field, model_validator

from engine.lazy import torch
from engine.methods.base import Method, Scalars, Setup
from engine.methods.settings import MethodSettings, NetworkWidths
from engine.models.codes import Codes
from engine.streams import stream_seed

if TYPE_CHECKING:
    from engine.models.posterior import Gaussian
    from engine.models.vae import Decoder, GaussianEncoder

E = TypeVar("E", bound="GaussianEncoder")


class EncoderWidths(NetworkWidths):
    """Hidden layers of an encoder; the defaults are those of every VAE but FactorVAE and CHyVAE."""

    dense: tuple[int, ...] = Field(
        default=(256,), min_length=1, description="widths of the hidden fully connected layers"
    )
    channels: tuple[int, ...] = Field(
        default=(32, 32, 64, 64), description="channels of the stride-2 convolutions; [] for a fully connected network"
    )
    kernels: tuple[Literal[2, 4], ...] = Field(
        default=(), description="side of each convolution's kernel, 2 or 4; [] for 4 throughout"
    )

    @model_validator(mode="after")
    def _one_kernel_a_convolution(self) -> Self:
        if self.kernels and len(self.kernels) != len(self.channels):
            found = f"kernels has {len(self.kernels)} numbers for {len(self.channels)} convolutions"
            raise ValueError(f"{found}; give one for each, or []")
        return self


class VAECommonSettings(MethodSettings):
    """What all VAEs share; the defaults are those of disentanglement_lib's study (docs/method.md, section 16).

    One thing differs: the study's encoder has kernels of 2 in its third and fourth convolution, these have 4
    throughout. Preset ``dlib`` has the study's kernels.
    """

    codes: int = Field(default=10, ge=1, le=256, description="dimensions of z, each N(0, 1)")
    encoder: EncoderWidths = EncoderWidths()
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


S = TypeVar("S", bound=VAECommonSettings)


class VAE(Method[S]):
    """Reconstruction and KL divergence, equally weighted: the evidence lower bound."""

    settings_type: ClassVar[type[MethodSettings]] = VAESettings
    summary: ClassVar[str] = "variational autoencoder"

    encoder: GaussianEncoder
    decoder: Decoder

    def __init__(self, settings: S, setup: Setup) -> None:
        self.settings = settings
        self.setup = setup
        self.codes = self.codes_of(settings)
        self.encoder, self.decoder = self.build_encoder(), self.build_decoder()
        self.networks = torch.nn.ModuleDict({"encoder": self.encoder, "decoder": self.decoder})
        parameters = [*self.encoder.parameters(), *self.decoder.parameters()]
        betas = (settings.adam_beta1, settings.adam_beta2)
        self.optimizers = {"vae": self.adam(parameters, settings.learning_rate, betas)}
        self.draws = {"posterior": self.random_stream("posterior")}

    @staticmethod
    def codes_of(settings: VAECommonSettings) -> Codes:
        return Codes(settings.codes, prior="normal")

    def build_encoder(self) -> GaussianEncoder:
        """The encoder with its initial weights, on the device."""
        # Imported here, because it imports torch and listing methods must not.
        from engine.models.vae import GaussianEncoder

        return self.initialised_encoder(GaussianEncoder)

    def build_decoder(self) -> Decoder:
        """The decoder with its initial weights, on the device."""
        from engine.models.layers import Widths
        from engine.models.vae import Decoder, initialised

        settings, widths = self.settings, Widths(**dict(self.settings.decoder))
        decoder = initialised(
            lambda: Decoder(self.codes.count, self.setup.image_shape, widths),
            settings.initialisation,
            stream_seed(self.setup.seed, "decoder weights"),
        )
        return decoder.to(self.setup.device)

    def initialised_encoder(self, encoder_type: type[E]) -> E:
        """An encoder of this type, as the settings describe it, with its initial weights, on the device."""
        from engine.models.layers import Widths
        from engine.models.vae import initialised

        settings, widths = self.settings, Widths(**dict(self.settings.encoder))
        encoder = initialised(
            lambda: encoder_type(self.setup.image_shape, self.codes.count, widths, settings.encoder_linear_last),
            settings.initialisation,
            stream_seed(self.setup.seed, "encoder weights"),
        )
        return encoder.to(self.setup.device)

    def compute(self, images: torch.Tensor) -> Scalars:
        """One step on reconstruction and regulariser."""
        return self.step_autoencoder(images)[0]

    def step_autoencoder(self, images: torch.Tensor) -> tuple[Scalars, torch.Tensor]:
        """One step of encoder and decoder.

        Returns:
            The scalars of the iteration, and the draws of z that were decoded, float ``[n, d]``, without gradient.
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
        """The regulariser in nats, and those of its parts that are worth a curve.

        Here KL(q(z|x) || N(0, 1)), summed over dimensions, mean over the batch (Kingma & Welling 2014, eq. 10).

        Args:
            posterior: q(z|x) of the batch, ``[n, d]``.
            z: the draw from it that was decoded, ``[n, d]``.
        """
        return posterior.kl().sum(1).mean(), {}

    def reconstruction_loss(self, images: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """-log p(x|z) in nats, summed over pixels and channels, mean over the batch.

        The mean of a pixel is the sigmoid of its logit, for the Bernoulli and for the Gaussian. The Gaussian's constant
        is left out.
        """
        if self.settings.reconstruction == "bernoulli":
            total = torch.nn.functional.binary_cross_entropy_with_logits(logits, images, reduction="sum")
        else:
            total = 0.5 * (torch.sigmoid(logits) - images).square().sum()
        return total / len(images)

    def noise(self, n: int) -> torch.Tensor:
        """N(0, 1) draws for one sample of each of ``n`` posteriors, float32 ``[n, d]`` on the device."""
        return self.normal("posterior", (n, self.codes.count))

    def adam(
        self, parameters: list[torch.nn.Parameter], learning_rate: float, betas: tuple[float, float]
    ) -> torch.optim.Adam:
        """Adam with a step size that :meth:`decay_learning_rates` can change."""
        group = self.parameter_group(parameters, learning_rate)
        return torch.optim.Adam([group], betas=betas, eps=self.settings.adam_eps, fused=True, capturable=self.on_gpu)

    def step(self, optimizer: str, loss: torch.Tensor) -> None:
        """One update of the named optimiser's parameters, and of no others."""
        chosen = self.optimizers[optimizer]
        chosen.zero_grad()
        loss.backward(inputs=chosen.param_groups[0]["params"])
        chosen.step()

    def latent_networks(self) -> tuple[torch.nn.Module, torch.nn.Module]:
        return self.decoder, self.encoder
