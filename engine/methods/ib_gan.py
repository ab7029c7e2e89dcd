"""IB-GAN (Jeon, Lee, Pyeon, Kim: AAAI 2021): a GAN whose generator looks through an information bottleneck.

An embedding e(r|z) turns the noise z into a representation r, and the generator G sees r alone. A reconstructor q(z|x)
keeps the image informative about z. The divergence of r from N(0, 1) bounds how informative it may be. Against a
discriminator D,

    min over G, e, q:  -E log D(G(r)) - E[log q(z|G(r)) - log p(z)] + beta E KL(e(r|z) || N(0, 1)).

The codes are the dimensions of r. Settings follow the authors' public code (docs/method.md, section 16).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, field_validator

from engine.lazy import torch
from engine.methods.base import Method, Scalars, Setup
from engine.methods.settings import MethodSettings, NetworkWidths
from engine.models.codes import Codes
from engine.settings import Moment, MomentField, later_than_start, moment
from engine.streams import stream_seed

if TYPE_CHECKING:
    from engine.models.posterior import Gaussian


class GeneratorWidths(NetworkWidths):
    """Hidden layers of the generator, in the order they are computed; the defaults are the authors' for dSprites."""

    dense: tuple[int, ...] = Field(default=(256,), description="widths of the hidden fully connected layers")
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
    instance_noise_steps: MomentField = Field(
        default=moment("66.6667%"),
        description="updates, or share of the run, over which the instance noise falls linearly to zero",
    )
    generator_learning_rate: float = Field(
        default=5e-5, gt=0, description="RMSprop step size of embedding, generator and reconstructor"
    )
    discriminator_learning_rate: float = Field(default=1e-6, gt=0, description="RMSprop step size of D")
    rmsprop_momentum: float = Field(default=0.9, ge=0, lt=1, description="share of the last step kept by RMSprop")

    @field_validator("instance_noise_steps")
    @classmethod
    def _takes_time(cls, value: Moment) -> Moment:
        return later_than_start(value)


class IBGAN(Method[IBGANSettings]):
    """Embedding, generator and reconstructor against D."""

    settings_type: ClassVar[type[MethodSettings]] = IBGANSettings
    summary: ClassVar[str] = "GAN with an information bottleneck in front of the generator"

    def __init__(self, settings: IBGANSettings, setup: Setup) -> None:
        # Imported here, because it imports torch and listing methods must not.
        from engine.models import ib_gan

        self.settings = settings
        self.setup = setup
        self.codes = self.codes_of(settings)
        shape, widths = setup.image_shape, ib_gan.IBGANWidths
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stream_seed(setup.seed, "weights"))
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
        self.optimizers = {
            "generator": self._rmsprop(
                [self.embedding, self.generator, self.reconstructor], settings.generator_learning_rate
            ),
            "discriminator": self._rmsprop([self.discriminator], settings.discriminator_learning_rate),
        }
        self.draws = {name: self.random_stream(name) for name in ("latent", "representation", "instance")}

    @staticmethod
    def codes_of(settings: IBGANSettings) -> Codes:
        return Codes(settings.codes, prior="normal")

    def prepare(self, iteration: int) -> dict[str, float]:
        deviation = self.instance_noise_at(iteration)
        self._deviation = self.scheduled("instance noise", deviation)
        self._is_noisy = deviation > 0
        return {"instance_noise": deviation} | super().prepare(iteration)

    def phase(self) -> bool:
        return self._is_noisy

    def compute(self, images: torch.Tensor) -> Scalars:
        """One step of all networks. Both losses are computed before any network changes.

        D, the reconstructor and both losses see the same noisy images. The reconstructor sees the real images too. As
        in the authors' code, that only moves its moving statistics.
        """
        from engine.models.layers import symmetric

        settings = self.settings
        # Between updates the networks are in inference mode, for scores.
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
        self, z: torch.Tensor, answer: torch.Tensor, representation: Gaussian
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Variational bounds of the mutual information of noise and image in nats, means over the batch.

        Args:
            z: noise ``[n, noise]``.
            answer: the mean of the reconstructor's q(z|x), ``[n, noise]``; its variance is one.
            representation: e(r|z): means and log-variances ``[n, codes]``.

        Returns:
            The lower bound, the mean of (|z|^2 - |z - answer|^2) / 2, and the upper bound, the mean of
            KL(e(r|z) || N(0, 1)) (Jeon et al. 2021).
        """
        lower = 0.5 * (z.square() - (z - answer).square()).sum(1).mean()
        return lower, representation.kl().sum(1).mean()

    def instance_noise_at(self, iteration: int) -> float:
        """Standard deviation of the instance noise: it falls linearly from iteration 0 to zero, then stays zero."""
        last = max(self.settings.instance_noise_steps.in_run_of(self.setup.total_steps) - 1, 1)
        return self.settings.instance_noise * max(0.0, 1.0 - iteration / last)

    def latent_networks(self) -> tuple[torch.nn.Module, torch.nn.Module]:
        from engine.models.ib_gan import RepresentationEncoder

        return self.generator, RepresentationEncoder(self.reconstructor, self.embedding)

    def _noisy(self, images: torch.Tensor) -> torch.Tensor:
        """Images in [-1, 1] with Gaussian noise, clipped to [-1, 1]."""
        if not self._is_noisy:
            return images
        return (images + self._deviation * self.normal("instance", tuple(images.shape))).clamp(-1, 1)

    @staticmethod
    def _surprise(logits: torch.Tensor) -> torch.Tensor:
        """The mean of -log(sigmoid(logits))."""
        return -torch.nn.functional.logsigmoid(logits).mean()

    def _backward(self, optimizer: str, loss: torch.Tensor, keep: bool = False) -> None:
        chosen = self.optimizers[optimizer]
        chosen.zero_grad()
        loss.backward(inputs=chosen.param_groups[0]["params"], retain_graph=keep)

    def _rmsprop(self, networks: Sequence[torch.nn.Module], learning_rate: float) -> torch.optim.RMSprop:
        parameters = [parameter for network in networks for parameter in network.parameters()]
        group = self.parameter_group(parameters, learning_rate)
        return torch.optim.RMSprop([group], momentum=self.settings.rmsprop_momentum, capturable=self.on_gpu)
