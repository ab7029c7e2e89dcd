"""InfoGAN-CR written the plain way: one eager forward for each image batch that the method's description names.

This is what a reader of the method would write first, on torch's own layers and defaults. It shares no code with the
engine, so that the benchmark has something to beat and the tests something to agree with. It wastes nothing that such
a reader would see: D and Q share one forward of their trunk, and the losses of D and H stop at the images. Networks and
numbers are those of the dSprites and CelebA columns (method: Lin et al. 2020; spectral normalisation: Miyato et al.
2018).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPS = 1e-8
SAME_5 = (1, 2, 1, 2)
"""What TensorFlow's "SAME" pads at stride 2 and kernel 5: left, right, top, bottom."""


class SpectralLayer(nn.Module):
    """A linear or stride-2 convolutional layer whose weight is divided by its estimated largest singular value.

    Its tensors are like those of the given layer: ``weight``, ``bias`` and ``u``, the vector to iterate from.
    """

    def __init__(self, like: Any) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty_like(like.weight))
        self.bias = nn.Parameter(torch.empty_like(like.bias))
        self.u = torch.empty_like(like.u)

    def power_iteration(self) -> tuple[Tensor, Tensor]:
        matrix = self.weight.reshape(len(self.weight), -1).t()
        v = self.u @ matrix.t()
        v = v / (v.norm() + 1e-12)
        u = v @ matrix
        u = u / (u.norm() + 1e-12)
        return u, v @ matrix @ u

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight / self.power_iteration()[1]
        if weight.dim() == 2:
            return F.linear(x, weight, self.bias)
        if weight.shape[-1] == 5:
            return F.conv2d(F.pad(x, SAME_5), weight, self.bias, stride=2)
        return F.conv2d(x, weight, self.bias, stride=2, padding=1)


class Trunk(nn.Module):
    """Layers with leaky ReLU after each, images flattened before the first linear one."""

    def __init__(self, layers: list[SpectralLayer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            assert isinstance(layer, SpectralLayer)
            if layer.weight.dim() == 2:
                x = x.flatten(1)
            x = F.leaky_relu(layer(x), 0.2)
        return x.flatten(1)


class Crop(nn.Module):
    """What TensorFlow's "SAME" at stride 2 and kernel 5 leaves of a transposed convolution with a padding of one."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, :-1, :-1]


class PlainInfoGANCR:
    """The iteration of the method's section 4, one statement per sentence.

    Args:
        generator: a stack of ordinary torch layers.
        trunk, real, code_hidden, code_mean: D and Q; the CelebA column has no ``code_hidden``.
        contrastive_trunk, shared: H.
        inputs: width of the latent vector, codes first.
        codes: how many codes there are.
        learning_rates: Adam step sizes of G, of D with Q, and of H.
        lambda_info: weight of Q's loss.

    Attributes:
        origins: tensors of the engine's networks, each with the one here that began as its copy.
    """

    def __init__(
        self,
        generator: nn.Sequential,
        trunk: Trunk,
        real: SpectralLayer,
        code_hidden: SpectralLayer | None,
        code_mean: SpectralLayer,
        contrastive_trunk: nn.Module,
        shared: nn.Linear,
        inputs: int,
        codes: int,
        learning_rates: tuple[float, float, float],
        lambda_info: float,
    ) -> None:
        self.generator, self.trunk, self.real = generator, trunk, real
        self.code_hidden, self.code_mean = code_hidden, code_mean
        self.contrastive_trunk, self.shared = contrastive_trunk, shared
        self.inputs, self.codes, self.lambda_info = inputs, codes, lambda_info
        self.dq = nn.ModuleList([layer for layer in (trunk, real, code_hidden, code_mean) if layer is not None])
        self.h = nn.ModuleList([contrastive_trunk, shared])
        self.spectral = [m for m in [*self.dq.modules(), *self.h.modules()] if isinstance(m, SpectralLayer)]
        g_rate, d_rate, h_rate = learning_rates
        self.g_optimizer = torch.optim.Adam(generator.parameters(), lr=g_rate, betas=(0.5, 0.999), eps=1e-8)
        self.d_optimizer = torch.optim.Adam(self.dq.parameters(), lr=d_rate, betas=(0.5, 0.999), eps=1e-8)
        self.h_optimizer = torch.optim.Adam(self.h.parameters(), lr=h_rate, betas=(0.5, 0.999), eps=1e-8)
        self.origins: list[tuple[Tensor, Tensor]] = []

    def draw(self, n: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What an iteration draws, for a gap of 0: a latent batch, the two of a pair, and the code that those share."""
        latent, first, second = (torch.rand(n, self.inputs, device=device) * 2 - 1 for _ in range(3))
        shared = torch.randint(self.codes, (n,), device=device)
        second[:, self.codes :] = first[:, self.codes :]
        rows = torch.arange(n, device=device)
        second[rows, shared] = first[rows, shared]
        return latent, first, second, shared

    def iterate(
        self, images: Tensor, latent: Tensor, first: Tensor, second: Tensor, shared: Tensor, lambda_cr: float
    ) -> dict[str, Tensor]:
        """Train on one batch of images in the range of G's last activation; the losses come back."""
        self.generator.train(lambda_cr > 1e-8)
        with torch.no_grad():
            pair = self.generator(first), self.generator(second)
        self.h_optimizer.zero_grad()
        contrastive = F.cross_entropy(self._h(*pair), shared)
        contrastive.backward()
        self.h_optimizer.step()

        self.generator.train(True)
        with torch.no_grad():
            fake = self.generator(latent)
        self.d_optimizer.zero_grad()
        real_probability = torch.sigmoid(self.real(self.trunk(images)))
        fake_probability, means = self._dq(fake)
        d_loss = -torch.log(real_probability + EPS).mean() - torch.log(1 - fake_probability + EPS).mean()
        (d_loss + self.lambda_info * self._information(means, latent)).backward()
        self.d_optimizer.step()

        for _ in range(2):
            self.g_optimizer.zero_grad()
            fake_probability, means = self._dq(self.generator(latent))
            g_loss = -torch.log(fake_probability + EPS).mean()
            information = self._information(means, latent)
            loss = g_loss + self.lambda_info * information
            if lambda_cr > 0:
                logits = self._h(self.generator(first), self.generator(second))
                loss = loss + lambda_cr * F.cross_entropy(logits, shared)
            loss.backward()
            self.g_optimizer.step()
        return self._ended(d_loss, g_loss, information, contrastive)

    def _ended(self, d_loss: Tensor, g_loss: Tensor, information: Tensor, contrastive: Tensor) -> dict[str, Tensor]:
        """Keep the vectors that the power iterations have come to, and return the losses by name."""
        for layer in self.spectral:
            layer.u.copy_(layer.power_iteration()[0].detach())
        losses = {
            "loss_discriminator": d_loss,
            "loss_generator": g_loss,
            "loss_information": information,
            "loss_contrastive": contrastive,
        }
        return {name: loss.detach() for name, loss in losses.items()}

    def _dq(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.trunk(images)
        hidden = features if self.code_hidden is None else F.leaky_relu(self.code_hidden(features), 0.2)
        return torch.sigmoid(self.real(features)), self.code_mean(hidden)

    def _h(self, first: Tensor, second: Tensor) -> Tensor:
        logits: Tensor = self.shared(self.contrastive_trunk(torch.cat([first, second], dim=1)))
        return logits

    def _information(self, means: Tensor, latent: Tensor) -> Tensor:
        squared_errors = (means - latent[:, : self.codes]) ** 2
        return (0.5 * squared_errors + 0.5 * math.log(2 * math.pi)).sum(1).mean()


class FirstDraft(PlainInfoGANCR):
    """The same iteration as it was first written here, and as earlier figures were measured against it.

    It wastes what a second look would save: the losses of D and H go back into G, whose gradients are thrown away, and
    Q's loss computes D's trunk again.
    """

    def iterate(
        self, images: Tensor, latent: Tensor, first: Tensor, second: Tensor, shared: Tensor, lambda_cr: float
    ) -> dict[str, Tensor]:
        self.generator.train(lambda_cr > 1e-8)
        self.h_optimizer.zero_grad()
        contrastive = F.cross_entropy(self._h(self.generator(first), self.generator(second)), shared)
        contrastive.backward()
        self.h_optimizer.step()

        self.generator.train(True)
        self.d_optimizer.zero_grad()
        fake = self.generator(latent)
        d_loss = -torch.log(self._d(images) + EPS).mean() - torch.log(1 - self._d(fake) + EPS).mean()
        (d_loss + self.lambda_info * self._information(self._dq(fake)[1], latent)).backward()
        self.d_optimizer.step()

        for _ in range(2):
            self.g_optimizer.zero_grad()
            fake = self.generator(latent)
            g_loss = -torch.log(self._d(fake) + EPS).mean()
            information = self._information(self._dq(fake)[1], latent)
            loss = g_loss + self.lambda_info * information
            if lambda_cr > 0:
                pair = self._h(self.generator(first), self.generator(second))
                loss = loss + lambda_cr * F.cross_entropy(pair, shared)
            loss.backward()
            self.g_optimizer.step()
        return self._ended(d_loss, g_loss, information, contrastive)

    def _d(self, images: Tensor) -> Tensor:
        return torch.sigmoid(self.real(self.trunk(images)))


def plain_generator(inputs: int, side: int, channels: int, widths: Any, symmetric: bool) -> nn.Sequential:
    """G out of torch's own layers.

    Args:
        inputs: width of the latent vector.
        side: pixels of an image's side.
        channels: of an image.
        widths: the settings of G.
        symmetric: images are in [-1, 1], not in [0, 1].
    """
    start = side // 2 ** (len(widths.channels) + 1)
    first = widths.start_channels or widths.channels[0]
    before_activation = widths.normalisation == "batch-before"
    layers: list[nn.Module] = []
    before = inputs
    for width in (*widths.dense, first * start * start):
        layers += _block([nn.Linear(before, width)], nn.ReLU(), nn.BatchNorm1d(width), before_activation)
        before = width
    layers.append(nn.Unflatten(1, (first, start, start)))
    before = first
    for width in widths.channels:
        activation = nn.LeakyReLU(0.2) if widths.activation == "leaky-relu" else nn.ReLU()
        doubling = _doubling(before, width, widths.kernel)
        layers += _block(doubling, activation, nn.BatchNorm2d(width), before_activation)
        before = width
    return nn.Sequential(*layers, *_doubling(before, channels, widths.kernel), nn.Tanh() if symmetric else nn.Sigmoid())


def plain_contrastive(side: int, channels: int, widths: Any) -> nn.Sequential:
    """H's trunk without spectral normalisation: batch normalisation in all but the first layer.

    Args:
        side: pixels of an image's side.
        channels: of a pair of images.
        widths: the settings of H.
    """
    before_activation = widths.normalisation == "batch-before"
    layers: list[nn.Module] = []
    before = channels
    for width in widths.channels:
        halving = _halving(before, width, widths.kernel)
        norm = nn.BatchNorm2d(width) if layers else nn.Identity()
        layers += _block(halving, nn.LeakyReLU(0.2), norm, before_activation)
        before = width
    layers.append(nn.Flatten())
    before *= (side // 2 ** len(widths.channels)) ** 2
    for width in widths.dense:
        layers += _block([nn.Linear(before, width)], nn.LeakyReLU(0.2), nn.BatchNorm1d(width), before_activation)
        before = width
    return nn.Sequential(*layers)


def _block(layer: list[nn.Module], activation: nn.Module, norm: nn.Module, before_activation: bool) -> list[nn.Module]:
    return [*layer, norm, activation] if before_activation else [*layer, activation, norm]


def _doubling(before: int, width: int, kernel: int) -> list[nn.Module]:
    if kernel == 5:
        return [nn.ConvTranspose2d(before, width, 5, 2, 1), Crop()]
    return [nn.ConvTranspose2d(before, width, 4, 2, 1)]


def _halving(before: int, width: int, kernel: int) -> list[nn.Module]:
    if kernel == 5:
        return [nn.ZeroPad2d(SAME_5), nn.Conv2d(before, width, 5, 2)]
    return [nn.Conv2d(before, width, 4, 2, 1)]


def plain_copy(
    method: Any, side: int, lambda_info: float, kind: type[PlainInfoGANCR] = PlainInfoGANCR
) -> PlainInfoGANCR:
    """A plain twin of an ``engine.methods.infogan_cr.InfoGANCR`` of convolutional networks, with the same weights."""
    g, d, h, settings = method.generator, method.discriminator, method.contrastive, method.settings
    channels = method.setup.image_shape[2]
    inputs = settings.codes + settings.noise
    generator = plain_generator(inputs, side, channels, settings.generator, settings.pixel_range == "symmetric")
    trunk, real, code_mean = _spectral_trunk(d.trunk), SpectralLayer(d.real), SpectralLayer(d.code_mean)
    code_hidden = None if d.code_hidden is None else SpectralLayer(d.code_hidden)
    h_layers = [*h.trunk.convs, *h.trunk.dense]
    if settings.contrastive.normalisation == "spectral":
        contrastive_trunk: nn.Module = _spectral_trunk(h.trunk)
    else:
        contrastive_trunk = plain_contrastive(side, 2 * channels, settings.contrastive)
        h_layers = [h_layers[0], *_alternating(h_layers[1:], h.trunk.norms)]
    shared = nn.Linear(h.shared.weight.shape[1], settings.codes)
    rates = (
        settings.generator_learning_rate,
        settings.discriminator_learning_rate,
        settings.contrastive_learning_rate,
    )
    device = method.setup.device
    plain = kind(
        generator.to(device), trunk, real, code_hidden, code_mean, contrastive_trunk.to(device), shared.to(device),
        inputs, settings.codes, rates, lambda_info,
    )  # fmt: skip
    code_layers = [layer for layer in (d.code_hidden, d.code_mean) if layer is not None]
    sources = {
        generator: [*_alternating([*g.dense, *g.deconvs], [*g.dense_norms, *g.deconv_norms]), g.image],
        plain.dq: [*d.trunk.convs, *d.trunk.dense, d.real, *code_layers],
        plain.h: [*h_layers, h.shared],
    }
    plain.origins = list(chain.from_iterable(_origins(layers, network) for network, layers in sources.items()))
    with torch.no_grad():
        for source, own in plain.origins:
            own.copy_(source)
    return plain


def _spectral_trunk(source: Any) -> Trunk:
    return Trunk([SpectralLayer(layer) for layer in [*source.convs, *source.dense]])


def _alternating(layers: Iterable[Any], norms: Iterable[Any]) -> list[Any]:
    return [module for pair in zip(layers, norms, strict=True) for module in pair]


def _origins(layers: list[Any], network: nn.Module) -> Iterator[tuple[Tensor, Tensor]]:
    """Tensors of the engine's layers beside those of a plain network; both from input to output."""
    own_layers: list[Any] = [module for module in network.modules() if hasattr(module, "weight")]
    for layer, own in zip(layers, own_layers, strict=True):
        if isinstance(own, (nn.BatchNorm1d, nn.BatchNorm2d)):
            yield from ((layer.gamma, own.weight), (layer.beta, own.bias))
            assert own.running_mean is not None
            assert own.running_var is not None
            yield from ((layer.moving_mean, own.running_mean), (layer.moving_variance, own.running_var))
        else:
            yield from ((layer.weight, own.weight), (layer.bias, own.bias))
            if isinstance(own, SpectralLayer):
                yield layer.u, own.u
