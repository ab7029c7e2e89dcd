"""InfoGAN (Chen et al. 2016) in the modified form that InfoGAN-CR builds on (Lin et al. 2020, "InfoGAN (modified)").

Losses and settings follow the authors' public code: method facts sections 1-4 and 6. ``eps`` is added
inside logarithms; *b* is the mean over the batch; D(x) is a sigmoid.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from engine.lazy import torch
from engine.methods.base import Method, Setup
from engine.methods.settings import QUICK_TRAINING, MethodSettings, NetworkWidths, Preset
from engine.models.codes import Codes


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


TEAPOTS_METHOD: Mapping[str, Any] = {"lambda_info": 0.2}
"""Settings for 3DTeapots, shared with InfoGAN-CR like all of these (method facts section 1)."""

CDSPRITES_METHOD: Mapping[str, Any] = {"codes": 2, "lambda_info": 0.2}
"""Settings for the circular CdSprites."""

CELEBA_METHOD: Mapping[str, Any] = {
    "codes": 5,
    "noise": 100,
    "lambda_info": 2.0,
    "pixel_range": "symmetric",
    "generator": {
        "dense": [1024],
        "start_channels": 256,
        "channels": [128, 64],
        "kernel": 5,
        "activation": "relu",
        "normalisation": "batch-before",
    },
    "discriminator": {"dense": [], "channels": [64, 128, 256, 512], "kernel": 5},
    "generator_learning_rate": 2e-3,
    "discriminator_learning_rate": 2e-4,
}
"""Settings for CelebA at 32x32 (method facts section 2.4)."""

TEAPOTS_TRAINING: Mapping[str, Any] = {"checkpoint_every": 3_125}
"""A checkpoint an epoch, as the reference does."""

CDSPRITES_TRAINING: Mapping[str, Any] = {"batch_size": 30}
CELEBA_TRAINING: Mapping[str, Any] = {"batch_size": 128, "checkpoint_every": 1_582}

QUICK_METHOD: Mapping[str, Any] = {
    "codes": 4,
    "noise": 1,
    "lambda_info": 0.2,
    "generator": {"dense": [128, 256], "channels": []},
    "discriminator": {"dense": [512, 256], "channels": []},
    "discriminator_learning_rate": 1e-3,
    "logit_scale": 5.0,
    "generator_steps": 1,
    "learning_rate_decay_from": 0.4,
}
"""Settings of the quick preset, shared with InfoGAN-CR so that the two compare like with like."""


class InfoGAN(Method):
    """G against D, with Q rewarded for recovering the codes."""

    settings_type: ClassVar[type[MethodSettings]] = InfoGANSettings
    summary: ClassVar[str] = "InfoGAN as modified by the InfoGAN-CR authors"
    presets: ClassVar[Mapping[str, Preset]] = {
        "paper": Preset(
            "the authors' settings for dSprites: 25 epochs, where their InfoGAN-CR runs switch the regulariser on",
            data="dsprites",
            training={"steps": 288_000},
        ),
        "paper-3dteapots": Preset(
            "the authors' settings for 3DTeapots: 16 epochs, where their InfoGAN-CR runs switch the regulariser on",
            data="3dteapots",
            method=TEAPOTS_METHOD,
            training={**TEAPOTS_TRAINING, "steps": 50_000},
        ),
        "paper-celeba": Preset(
            "the authors' settings for CelebA: up to where their InfoGAN-CR run switches the regulariser on",
            data="celeba",
            method=CELEBA_METHOD,
            training={**CELEBA_TRAINING, "steps": 80_000},
        ),
        "paper-cdsprites": Preset(
            "the authors' settings for CdSprites: 6,000 epochs, where their InfoGAN-CR runs switch the regulariser on",
            data="cdsprites",
            method=CDSPRITES_METHOD,
            training={**CDSPRITES_TRAINING, "steps": 216_000},
        ),
        "quick": Preset(
            "minisprites on a CPU in minutes: small fully connected networks",
            data="minisprites",
            method=QUICK_METHOD,
            training=QUICK_TRAINING,
            threads=1,
        ),
    }

    def __init__(self, settings: Any, setup: Setup) -> None:
        # The networks are torch modules, which only a process that trains may import.
        from engine.models.infogan import Discriminator, DiscriminatorLayers, Generator, GeneratorLayers

        self.settings = settings
        self.codes = self.codes_of(settings)
        self.setup = setup
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(setup.seed)
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
            "generator": self._adam(self.generator, settings.generator_learning_rate),
            "discriminator": self._adam(self.discriminator, settings.discriminator_learning_rate),
        }
        self.draws = {"latent": self.random_stream(setup.seed)}

    @staticmethod
    def codes_of(settings: Any) -> Codes:
        return Codes(settings.codes, settings.noise, categorical=settings.categorical_codes)

    def compute(self, images: torch.Tensor) -> dict[str, torch.Tensor | float]:
        """One iteration: D and Q once, then G ``generator_steps`` times on the same latent batch (section 4)."""
        latent = self.codes.sample(len(images), self.draws["latent"]).to(self.setup.device)
        fake = self.generator(latent, moving=False)
        # D has not touched G, so D's fake batch and G's first forward are one; it counts twice in the moving
        # statistics.
        forwards = [self.generator.observed()] * 2
        scalars = self.train_discriminator(images, fake.detach(), latent)
        self.freeze(self.discriminator)
        for repeat in range(self.settings.generator_steps):
            if repeat > 0:
                fake = self.generator(latent, moving=False)
                forwards.append(self.generator.observed())
            loss, parts = self.generator_loss(fake, latent)
            self.step_generator(loss)
            scalars |= parts
        self.generator.update_moving(forwards)
        self.discriminator.persist_spectral()
        self.release()
        return scalars

    def train_discriminator(
        self, images: torch.Tensor, fake: torch.Tensor, latent: torch.Tensor
    ) -> dict[str, torch.Tensor | float]:
        """Step D and Q: -b log(D(x)+eps) - b log(1-D(G)+eps) + lambda_info L_Q, over trunk and heads (section 3)."""
        self.discriminator.normalise(self.settings.spectral_gradient)
        logits, answer = self.discriminator(torch.cat([images, fake]))
        logits = self.settings.logit_scale * logits
        real_logits, fake_logits = torch.split(logits, len(images))
        adversarial = self._surprise(real_logits) + self._surprise(-fake_logits)
        information = self.information_loss(answer[len(images) :], latent)
        loss = adversarial + self.settings.lambda_info * information
        optimizer = self.optimizers["discriminator"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            probabilities = torch.split(torch.sigmoid(logits), len(images))
        return {
            "loss_discriminator": adversarial.detach(),
            "real_probability": probabilities[0].mean(),
            "fake_probability": probabilities[1].mean(),
        }

    def generator_loss(
        self, fake: torch.Tensor, latent: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor | float]]:
        """-b log(D(G)+eps) + lambda_info L_Q, the non-saturating form (section 3)."""
        logits, answer = self.discriminator(fake)
        adversarial = self._surprise(self.settings.logit_scale * logits)
        information = self.information_loss(answer, latent)
        parts: dict[str, torch.Tensor | float] = {
            "loss_generator": adversarial.detach(),
            "loss_information": information.detach(),
        }
        return adversarial + self.settings.lambda_info * information, parts

    def information_loss(self, answer: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        """L_Q in nats: -log likelihood of the codes under Q, summed over codes, mean over the batch.

        Continuous codes under a Gaussian of variance one (section 3), categorical ones under the softmax of their
        logits (Chen et al. 2016, section 6).

        Args:
            answer: Q's means and logits, ``[n, codes.regularised]``.
            latent: what the images were made from, ``[n, codes.dimensions]``.
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
        """Backpropagate into G alone: nobody needs the weight gradients of the networks behind it."""
        optimizer = self.optimizers["generator"]
        optimizer.zero_grad()
        loss.backward(inputs=list(self.generator.parameters()))  # type: ignore[no-untyped-call]
        optimizer.step()

    def freeze(self, *networks: Any) -> None:
        """Fix the effective weights after a step, once for all forwards of the generator's steps."""
        with torch.no_grad():
            for network in networks:
                network.normalise()

    def release(self) -> None:
        """Forget effective weights at the end of an iteration, so that evaluation computes its own."""
        for network in (self.generator, self.discriminator):
            network.release()

    def latent_networks(self) -> tuple[torch.nn.Module, torch.nn.Module]:
        return self.generator, self.discriminator

    def _adam(self, network: torch.nn.Module, learning_rate: float) -> torch.optim.Adam:
        settings = self.settings
        group = self.parameter_group(network.parameters(), learning_rate)
        return torch.optim.Adam(
            [group],
            betas=(settings.adam_beta1, settings.adam_beta2),
            eps=settings.adam_eps,
            fused=True,
            capturable=self.on_gpu,
        )

    def _surprise(self, logits: torch.Tensor) -> torch.Tensor:
        """-b log(sigmoid(logits) + eps). With eps = 0 the exact log-sigmoid, which does not underflow."""
        if self.settings.log_eps == 0:
            return -torch.nn.functional.logsigmoid(logits).mean()
        return -torch.log(torch.sigmoid(logits) + self.settings.log_eps).mean()
