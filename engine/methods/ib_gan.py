"""IB-GAN (Jeon, Lee, Pyeon, Kim: AAAI 2021): a GAN whose generator looks through an information bottleneck.

Noise z is embedded as a representation r ~ e(r|z), from which alone the image is made. A reconstructor q(z|x) keeps the
image informative about z, while the divergence of r from N(0, 1) bounds how much it may tell:

    min over G, e, q:  -E log D(G(r)) - E[log q(z|G(r)) - log p(z)] + beta E KL(e(r|z) || N(0, 1)).

The codes are the dimensions of r. Settings follow the authors' public code: method facts section 16.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from engine.lazy import torch
from engine.methods.base import Method, Setup
from engine.methods.settings import QUICK_TRAINING, MethodSettings, NetworkWidths, Preset
from engine.models.codes import Codes


class GeneratorWidths(NetworkWidths):
    """Hidden layers of the generator, in the order they are computed; the defaults are the authors' for dSprites."""

    dense: tuple[int, ...] = Field(default=(1024,), description="widths of the hidden fully connected layers")
    same_channels: tuple[int, ...] = Field(
        default=(64, 64), description="channels of the 3x3 convolutions of stride 1 where the image is smallest"
    )
    channels: tuple[int, ...] = Field(default=(32, 16), description="channels of the transposed convolutions")


class DiscriminatorWidths(NetworkWidths):
    """Hidden layers of D, in the order they are computed; the defaults are the authors' for dSprites."""

    channels: tuple[int, ...] = Field(default=(16, 32, 64), description="channels of the stride-2 convolutions")
    same_channels: tuple[int, ...] = Field(
        default=(128,), description="channels of the 3x3 convolutions of stride 1 where the image is smallest"
    )
    dense: tuple[int, ...] = Field(
        default=(256,), min_length=1, description="widths of the hidden fully connected layers"
    )


class ReconstructorWidths(DiscriminatorWidths):
    """Hidden layers of the reconstructor; the defaults are the authors' for dSprites."""

    dense: tuple[int, ...] = Field(
        default=(256, 256), min_length=1, description="widths of the hidden fully connected layers"
    )


class IBGANSettings(MethodSettings):
    """Settings of IB-GAN; the defaults are the authors' for dSprites."""

    name: Literal["ib-gan"] = "ib-gan"
    codes: int = Field(default=10, ge=1, le=256, description="dimensions of the representation r, each N(0, 1)")
    noise: int = Field(default=16, ge=1, le=4096, description="dimensions of the noise z, each N(0, 1)")
    embedding: tuple[int, ...] = Field(default=(32, 32), description="hidden widths of the embedding e(r|z)")
    generator: GeneratorWidths = GeneratorWidths()
    reconstructor: ReconstructorWidths = ReconstructorWidths()
    discriminator: DiscriminatorWidths = DiscriminatorWidths()
    beta: float = Field(default=0.141, ge=0, description="weight of KL(e(r|z) || N(0, 1)), the information's bound")
    instance_noise: float = Field(
        default=1.0, ge=0, description="standard deviation, at the start, of the noise on images in [-1, 1]"
    )
    instance_noise_steps: int = Field(
        default=100_000, ge=1, description="updates over which the instance noise falls linearly to zero"
    )
    generator_learning_rate: float = Field(
        default=5e-5, gt=0, description="RMSprop step size of embedding, generator and reconstructor"
    )
    discriminator_learning_rate: float = Field(default=1e-6, gt=0, description="RMSprop step size of D")
    rmsprop_momentum: float = Field(default=0.9, ge=0, lt=1, description="share of the last step kept by RMSprop")


class IBGAN(Method):
    """Embedding, generator and reconstructor against D."""

    settings_type: ClassVar[type[MethodSettings]] = IBGANSettings
    summary: ClassVar[str] = "GAN with an information bottleneck in front of the generator"
    presets: ClassVar[Mapping[str, Preset]] = {
        "paper": Preset("the authors' settings for dSprites", data="dsprites", training={"steps": 150_000}),
        "quick": Preset(
            "minisprites on a CPU in minutes: small convolutional networks",
            data="minisprites",
            method={
                "codes": 6,
                "noise": 4,
                "embedding": [64, 64],
                "generator": {"dense": [128], "same_channels": [], "channels": [16, 8]},
                "reconstructor": {"channels": [8, 16, 32], "same_channels": [], "dense": [128]},
                "discriminator": {"channels": [8, 16, 32], "same_channels": [], "dense": [128]},
                "beta": 0.12,
                "instance_noise": 0.5,
                "instance_noise_steps": 2_500,
                "generator_learning_rate": 1.5e-4,
                "discriminator_learning_rate": 4e-5,
                "learning_rate_decay_from": 0.5,
            },
            training=QUICK_TRAINING,
            threads=1,
        ),
    }

    def __init__(self, settings: Any, setup: Setup) -> None:
        # The networks are torch modules, which only a process that trains may import.
        from engine.models import ib_gan

        self.settings = settings
        self.setup = setup
        self.codes = self.codes_of(settings)
        shape, widths = setup.image_shape, ib_gan.IBGANWidths
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(setup.seed)
            self.embedding = ib_gan.Embedding(settings.noise, settings.codes, settings.embedding)
            self.generator = ib_gan.Generator(settings.codes, shape, widths(**dict(settings.generator)))
            self.reconstructor = ib_gan.Discriminative(shape, settings.noise, widths(**dict(settings.reconstructor)))
            self.discriminator = ib_gan.Discriminative(shape, 1, widths(**dict(settings.discriminator)))
            self.networks = torch.nn.ModuleDict(
                {
                    "embedding": self.embedding,
                    "generator": self.generator,
                    "reconstructor": self.reconstructor,
                    "discriminator": self.discriminator,
                }
            )
            self.networks.apply(ib_gan.initialise)
        self.networks.to(setup.device).eval()
        behind = [self.embedding, self.generator, self.reconstructor]
        self.optimizers = {
            "generator": self._rmsprop(behind, settings.generator_learning_rate),
            "discriminator": self._rmsprop([self.discriminator], settings.discriminator_learning_rate),
        }
        self.draws = {
            name: self.random_stream(setup.seed + offset)
            for offset, name in enumerate(("latent", "representation", "instance"))
        }

    @staticmethod
    def codes_of(settings: Any) -> Codes:
        return Codes(settings.codes, prior="normal")

    def prepare(self, iteration: int) -> dict[str, float]:
        deviation = self.instance_noise_at(iteration)
        self._deviation = self.scheduled("instance noise", deviation)
        self._is_noisy = deviation > 0
        return {"instance_noise": deviation} | super().prepare(iteration)

    def phase(self) -> bool:
        return self._is_noisy

    def compute(self, images: torch.Tensor) -> dict[str, torch.Tensor | float]:
        """One step of all networks, both losses taken from one forward of each, before anything changes.

        D, the reconstructor and both losses see the same noisy images. The reconstructor sees the real ones too, which
        move its moving statistics as in the authors' code and nothing else.
        """
        from engine.models.layers import symmetric

        settings = self.settings
        # Evaluation, between updates, normalises with moving statistics.
        self.networks.train()
        z = self.normal("latent", (len(images), settings.noise))
        representation = self.embedding(z)
        r = representation.sample(self.normal("representation", (len(images), settings.codes)))
        fake = self._noisy(symmetric(self.generator(r)))
        real = self._noisy(symmetric(images))
        answer, fake_logits = self.reconstructor(fake), self.discriminator(fake)
        real_logits = self.discriminator(real)
        with torch.no_grad():
            self.reconstructor(real)
        discriminator_loss = self._surprise(real_logits) + self._surprise(-fake_logits)
        adversarial = self._surprise(fake_logits)
        lower, upper = self.information_bounds(z, answer, representation)
        self._backward("discriminator", discriminator_loss, keep=True)
        self._backward("generator", adversarial - lower + settings.beta * upper)
        for optimizer in self.optimizers.values():
            optimizer.step()
        self.networks.eval()
        return {
            "loss_discriminator": discriminator_loss.detach(),
            "loss_generator": adversarial.detach(),
            "real_probability": torch.sigmoid(real_logits.detach()).mean(),
            "fake_probability": torch.sigmoid(fake_logits.detach()).mean(),
            "information_lower_bound": lower.detach(),
            "information_upper_bound": upper.detach(),
        }

    def information_bounds(
        self, z: torch.Tensor, answer: torch.Tensor, representation: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Variational bounds of the mutual information of noise and image, in nats, batch means (Jeon et al. 2021).

        Args:
            z: noise ``[n, noise]``.
            answer: the reconstructor's mean of q(z|x), ``[n, noise]``; its variance is one.
            representation: e(r|z), the means and log-variances ``[n, codes]``.

        Returns:
            b[(|z|^2 - |z - answer|^2) / 2] and b[KL(e(r|z) || N(0, 1))].
        """
        lower = 0.5 * (z.square() - (z - answer).square()).sum(1).mean()
        return lower, representation.kl().sum(1).mean()

    def instance_noise_at(self, iteration: int) -> float:
        """Standard deviation of the instance noise: linear from its start at iteration 0 to zero, then zero."""
        last = max(self.settings.instance_noise_steps - 1, 1)
        start: float = self.settings.instance_noise
        share: float = max(0.0, 1.0 - iteration / last)
        return start * share

    def latent_networks(self) -> tuple[torch.nn.Module, torch.nn.Module]:
        from engine.models.ib_gan import RepresentationEncoder

        return self.generator, RepresentationEncoder(self.reconstructor, self.embedding)

    def _noisy(self, images: torch.Tensor) -> torch.Tensor:
        """Images in [-1, 1] with Gaussian noise, cut at the range."""
        if not self._is_noisy:
            return images
        return (images + self._deviation * self.normal("instance", tuple(images.shape))).clamp(-1, 1)

    @staticmethod
    def _surprise(logits: torch.Tensor) -> torch.Tensor:
        """-b log(sigmoid(logits))."""
        return -torch.nn.functional.logsigmoid(logits).mean()

    def _backward(self, optimizer: str, loss: torch.Tensor, keep: bool = False) -> None:
        chosen = self.optimizers[optimizer]
        chosen.zero_grad()
        loss.backward(inputs=chosen.param_groups[0]["params"], retain_graph=keep)  # type: ignore[no-untyped-call]

    def _rmsprop(self, networks: list[Any], learning_rate: float) -> torch.optim.RMSprop:
        parameters = [parameter for network in networks for parameter in network.parameters()]
        group = self.parameter_group(parameters, learning_rate)
        return torch.optim.RMSprop([group], momentum=self.settings.rmsprop_momentum, capturable=self.on_gpu)
