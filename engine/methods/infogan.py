"""InfoGAN (Chen et al. 2016) in the modified form that InfoGAN-CR builds on (Lin et al. 2020, "InfoGAN (modified)").

    min over G, Q  max over D    E log D(x) + E log(1 - D(G(c, z))) + lambda_info L_Q(G, Q)

    L_Q = E[-log q(c | G(c, z))]

    x          a real image
    c, z       codes and noise, the latent vector of a generated image
    G(c, z)    the generator's image
    D(x)       the discriminator's probability that an image is real
    Q          the encoder: reads the codes off an image as q(c | x); it shares D's layers but for the last ones
    E          the mean over the batch

G minimises -E log D(G(c, z)) in place of E log(1 - D(G(c, z))), the non-saturating form. ``log_eps`` is added inside
D's logarithms. Networks, losses, settings and the order of an iteration follow the InfoGAN-CR authors' public code
(docs/method.md, sections 1 to 4 and 6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self, TypeVar

from pydantic import Field, model_validator

from engine.lazy import torch
from engine.methods.base import Method, Scalars, Setup
from engine.methods.settings import MethodSettings, NetworkWidths
from engine.methods.shared_work import GeneratedImages, fixed_weights
from engine.models.codes import Codes
from engine.streams import stream_seed

if TYPE_CHECKING:
    from engine.models.infogan import Discriminator, Generator


class GANWidths(NetworkWidths):
    """Hidden layers of one network of a GAN; the defaults are those of D and H for dSprites."""

    dense: tuple[int, ...] = Field(default=(128,), description="widths of the hidden fully connected layers")
    channels: tuple[int, ...] = Field(
        default=(32, 32, 64, 64), description="channels of the stride-2 convolutions; [] for a fully connected network"
    )
    kernel: Literal[4, 5] = Field(default=4, description="side of the convolutions' kernels")

    @model_validator(mode="after")
    def _some_layer(self) -> Self:
        if not self.dense and not self.channels:
            raise ValueError("there must be a hidden layer: dense and channels are both empty")
        return self


class GeneratorWidths(GANWidths):
    """Hidden layers of G; the defaults are those for dSprites."""

    channels: tuple[int, ...] = Field(
        default=(64, 32, 32), description="channels of the transposed convolutions; [] for a fully connected network"
    )
    start_channels: int | None = Field(
        default=None,
        ge=1,
        description="channels of the tensor that the transposed convolutions begin with; "
        "default: as many as the first of them makes",
    )
    activation: Literal["leaky-relu", "relu"] = Field(
        default="leaky-relu", description="of the transposed convolutions; the fully connected layers have ReLU"
    )
    normalisation: Literal["batch-after", "batch-before"] = Field(
        default="batch-after", description="batch normalisation after or before the activation"
    )


class InfoGANCommonSettings(MethodSettings):
    """What InfoGAN and InfoGAN-CR share; the defaults are the authors' for dSprites."""

    codes: int = Field(default=5, ge=0, le=256, description="number of continuous regularised codes c, each U[-1, 1]")
    categorical_codes: tuple[Annotated[int, Field(ge=2, le=1000)], ...] = Field(
        default=(), max_length=64, description="categories of each categorical code, [10] for one code of ten"
    )
    noise: int = Field(default=5, ge=0, le=4096, description="dimensions of the noise z, each U[-1, 1]")
    lambda_info: float = Field(default=0.05, ge=0, description="weight of the mutual-information term L_Q")
    generator: GeneratorWidths = GeneratorWidths()
    discriminator: GANWidths = GANWidths()
    pixel_range: Literal["unit", "symmetric"] = Field(
        default="unit",
        description="what the networks see: [0, 1], G ending in sigmoid, or [-1, 1], G ending in tanh",
    )
    generator_learning_rate: float = Field(default=1e-3, gt=0, description="Adam step size of G")
    discriminator_learning_rate: float = Field(default=2e-3, gt=0, description="Adam step size of D and Q")
    adam_beta1: float = Field(default=0.5, ge=0, lt=1, description="share of the past in Adam's mean of gradients")
    adam_beta2: float = Field(default=0.999, ge=0, lt=1, description="share of the past in Adam's mean of squares")
    adam_eps: float = Field(default=1e-8, gt=0, description="added to the root of Adam's mean of squares")
    generator_steps: int = Field(
        default=2, ge=1, le=16, description="updates of G per iteration, all on the same draws"
    )
    logit_scale: float = Field(
        default=1.0,
        gt=0,
        description="factor on D's logits: spectral normalisation bounds D's slope by 1, this loosens the bound",
    )
    log_eps: float = Field(default=1e-8, ge=0, description="added inside the logarithms of D's losses")
    spectral_gradient: Literal["full", "detached"] = Field(
        default="full", description="differentiate through the power iteration (full) or hold its vectors constant"
    )

    @model_validator(mode="after")
    def _some_code(self) -> Self:
        if self.codes + len(self.categorical_codes) < 1:
            raise ValueError("there must be a code: codes and categorical_codes are both empty")
        return self


class InfoGANSettings(InfoGANCommonSettings):
    """Settings of InfoGAN."""

    name: Literal["infogan"] = "infogan"


S = TypeVar("S", bound=InfoGANCommonSettings)


class InfoGAN(Method[S]):
    """G against D, with Q rewarded for recovering the codes."""

    settings_type: ClassVar[type[MethodSettings]] = InfoGANSettings
    summary: ClassVar[str] = "InfoGAN as modified by the InfoGAN-CR authors"

    generator: Generator
    discriminator: Discriminator
    """D and Q."""

    def __init__(self, settings: S, setup: Setup) -> None:
        # Imported here, because it imports torch and listing methods must not.
        from engine.models.infogan import Discriminator, DiscriminatorLayers, Generator, GeneratorLayers

        self.settings = settings
        self.codes = self.codes_of(settings)
        self.setup = setup
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stream_seed(setup.seed, "weights"))
            generator = Generator(
                self.codes.dimensions,
                setup.image_shape,
                GeneratorLayers(**dict(settings.generator)),
                settings.pixel_range,
            )
            discriminator = Discriminator(
                setup.image_shape,
                self.codes,
                DiscriminatorLayers(**dict(settings.discriminator)),
                settings.pixel_range,
            )
        self.generator = generator.to(setup.device)
        self.discriminator = discriminator.to(setup.device)
        self.networks = torch.nn.ModuleDict({"generator": self.generator, "discriminator": self.discriminator})
        self.optimizers = {
            "generator": self.adam(self.generator, settings.generator_learning_rate),
            "discriminator": self.adam(self.discriminator, settings.discriminator_learning_rate),
        }
        self.draws = {"latent": self.random_stream("latent")}

    @staticmethod
    def codes_of(settings: InfoGANCommonSettings) -> Codes:
        return Codes(settings.codes, settings.noise, categorical=settings.categorical_codes)

    def compute(self, images: torch.Tensor) -> Scalars:
        """One iteration: D with Q, then G, all on the same draws (docs/method.md, section 4)."""
        latent = self.draw_latent(len(images))
        generated = GeneratedImages(self.generator)

        scalars = self.step_discriminator(images, generated(latent).detach(), latent)

        with fixed_weights(self.discriminator):
            for _ in range(self.settings.generator_steps):
                loss, parts = self.generator_loss(generated(latent), latent)
                self.step_generator(loss)
                generated.forget()
                scalars |= parts
        generated.update_moving_statistics()
        return scalars

    def draw_latent(self, n: int) -> torch.Tensor:
        """``n`` latent vectors (c, z) from the prior, float32 ``[n, codes.dimensions]`` on the device."""
        return self.codes.sample(n, self.draws["latent"]).to(self.setup.device)

    def step_discriminator(self, images: torch.Tensor, fake: torch.Tensor, latent: torch.Tensor) -> Scalars:
        """One step of D and Q on -E log D(x) - E log(1 - D(G(c, z))) + lambda_info L_Q (docs/method.md, section 3).

        Args:
            images: real images x, ``[n, C, H, W]``.
            fake: generated images G(c, z), of the same shape and without gradient.
            latent: the codes and noise that ``fake`` was made from, ``[n, codes.dimensions]``.
        """
        self.discriminator.normalise(self.settings.spectral_gradient)
        logits, answer = self.discriminator(torch.cat([images, fake]))
        logits = self.settings.logit_scale * logits
        real_logits, fake_logits = torch.split(logits, len(images))
        # 1 - D is the sigmoid of the logit's negative.
        adversarial = self._surprise(real_logits) + self._surprise(-fake_logits)
        information = self.information_loss(answer[len(images) :], latent)
        self._step("discriminator", adversarial + self.settings.lambda_info * information)
        with torch.no_grad():
            probabilities = torch.split(torch.sigmoid(logits), len(images))
        return {
            "loss_discriminator": adversarial.detach(),
            "real_probability": probabilities[0].mean(),
            "fake_probability": probabilities[1].mean(),
        }

    def generator_loss(self, fake: torch.Tensor, latent: torch.Tensor) -> tuple[torch.Tensor, Scalars]:
        """-E log D(G(c, z)) + lambda_info L_Q, and both terms for curves (docs/method.md, section 3)."""
        logits, answer = self.discriminator(fake)
        adversarial = self._surprise(self.settings.logit_scale * logits)
        information = self.information_loss(answer, latent)
        parts: Scalars = {"loss_generator": adversarial.detach(), "loss_information": information.detach()}
        return adversarial + self.settings.lambda_info * information, parts

    def information_loss(self, answer: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        """L_Q in nats: -log q(c | x), summed over codes, mean over the batch.

        q is a Gaussian of variance one for a continuous code (docs/method.md, section 3), and the softmax of its logits
        for a categorical one (Chen et al. 2016, section 6).

        Args:
            answer: Q's means and logits, ``[n, codes.regularised]``.
            latent: the codes and noise that the images were made from, ``[n, codes.dimensions]``.
        """
        from engine.models.layers import log_normal_constant

        continuous = self.codes.continuous
        squared_error = (answer[:, :continuous] - latent[:, :continuous]).square().sum(1).mean()
        loss = 0.5 * squared_error + log_normal_constant(continuous)
        for code in range(continuous, self.codes.count):
            block = self.codes.columns(code)
            loss = loss + torch.nn.functional.cross_entropy(answer[:, block], latent[:, block])
        return loss

    def step_generator(self, loss: torch.Tensor) -> None:
        """One step of G. The networks behind it get no gradients: nobody needs those."""
        optimizer = self.optimizers["generator"]
        optimizer.zero_grad()
        loss.backward(inputs=list(self.generator.parameters()))
        optimizer.step()

    def latent_networks(self) -> tuple[torch.nn.Module, torch.nn.Module]:
        return self.generator, self.discriminator

    def adam(self, network: torch.nn.Module, learning_rate: float) -> torch.optim.Adam:
        """Adam with a step size that :meth:`decay_learning_rates` can change."""
        settings = self.settings
        group = self.parameter_group(network.parameters(), learning_rate)
        return torch.optim.Adam(
            [group],
            betas=(settings.adam_beta1, settings.adam_beta2),
            eps=settings.adam_eps,
            fused=True,
            capturable=self.on_gpu,
        )

    def _step(self, optimizer: str, loss: torch.Tensor) -> None:
        """One step of the named optimiser on a loss that reaches no other network's parameters."""
        chosen = self.optimizers[optimizer]
        chosen.zero_grad()
        loss.backward()
        chosen.step()

    def _surprise(self, logits: torch.Tensor) -> torch.Tensor:
        """-E log(sigmoid(logits) + log_eps). With log_eps = 0 the exact log-sigmoid, which does not underflow."""
        if self.settings.log_eps == 0:
            return -torch.nn.functional.logsigmoid(logits).mean()
        return -torch.log(torch.sigmoid(logits) + self.settings.log_eps).mean()
