"""Networks of IB-GAN (Jeon et al. 2021), as in the authors' public code (docs/method.md, section 16).

Outside of these networks, images are in [0, 1]. The discriminator and the reconstructor see them in [-1, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.models.convolution import convolution, convolve, convolve_transposed
from engine.models.layers import INITIAL_SD, LEAKY_SLOPE, Widths, halvings, only_shapes, symmetric
from engine.models.posterior import Gaussian
from engine.models.precision import in_full, lowered


@dataclass(frozen=True)
class IBGANWidths(Widths):
    """Layer widths of one network of IB-GAN.

    Args:
        same_channels: channels of the 3x3 convolutions of stride 1 where the image is smallest.
    """

    same_channels: tuple[int, ...] = ()


def _lowered_parameters(layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d) -> tuple[Tensor, Tensor | None]:
    """A layer's weight and, if any, its bias in the compute type."""
    return lowered(layer.weight), None if layer.bias is None else lowered(layer.bias)


class _Linear(nn.Linear):
    """A hidden layer, in the compute type."""

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(lowered(x), *_lowered_parameters(self))


class _Head(nn.Linear):
    """A last layer, in float32."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(in_full(x))


class _Down(nn.Conv2d):
    """A 4x4 convolution that halves both sides."""

    def __init__(self, before: int, after: int, bias: bool) -> None:
        super().__init__(before, after, 4, 2, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return convolve(lowered(x), *_lowered_parameters(self))


class _Up(nn.ConvTranspose2d):
    """A 4x4 transposed convolution that doubles both sides."""

    def __init__(self, before: int, after: int, bias: bool) -> None:
        super().__init__(before, after, 4, 2, 1, bias=bias)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        return convolve_transposed(lowered(x), *_lowered_parameters(self))


class _Same(nn.Conv2d):
    """A 3x3 convolution that keeps both sides."""

    def __init__(self, before: int, after: int, bias: bool) -> None:
        super().__init__(before, after, 3, 1, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return convolution(lowered(x), *_lowered_parameters(self), padding=1)


class _SameTransposed(nn.ConvTranspose2d):
    """A 3x3 transposed convolution that keeps both sides, without bias."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(before, after, 3, 1, 1, bias=False)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        return convolution(lowered(x), *_lowered_parameters(self), padding=1, transposed=True)


class Embedding(nn.Module):
    """e(r|z): noise -> a diagonal Gaussian over the representation r, with ReLU after each hidden layer.

    Args:
        noise: dimensions of z.
        codes: dimensions of r.
        dense: hidden widths.
    """

    def __init__(self, noise: int, codes: int, dense: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, width in pairwise([noise, *dense]):
            layers += [_Linear(before, width), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, _Head([noise, *dense][-1], 2 * codes))

    def forward(self, z: Tensor) -> Gaussian:
        """Mean and log-variance of r, float ``[n, codes]`` each, of noise float ``[n, noise]``."""
        return Gaussian(*self.layers(z).chunk(2, dim=1))


class Generator(nn.Module):
    """p(x|r): representation -> image in [0, 1], batch normalisation then ReLU after every hidden layer.

    With convolutions, the last dense layer makes a tensor with as many channels as the first of them. The 3x3 ones keep
    its sides; the transposed ones, and a last one to the image's channels, double them.

    Args:
        codes: dimensions of r.
        image_shape: ``(height, width, channels)``.
        widths: hidden widths.
    """

    def __init__(self, codes: int, image_shape: tuple[int, int, int], widths: IBGANWidths) -> None:
        super().__init__()
        height, width, image_channels = image_shape
        self._image_size = (image_channels, height, width)
        layers: list[nn.Module] = []
        for before, after in pairwise([codes, *widths.dense]):
            layers += [_Linear(before, after, bias=False), nn.BatchNorm1d(after), nn.ReLU(inplace=True)]
        last = [codes, *widths.dense][-1]
        convolutions = [*widths.same_channels, *widths.channels]
        if convolutions:
            doublings = len(widths.channels) + 1
            start = (convolutions[0], halvings(height, doublings), halvings(width, doublings))
            layers += [_Linear(last, prod(start), bias=False), nn.BatchNorm1d(prod(start)), nn.ReLU(inplace=True)]
            layers += [
                nn.Unflatten(1, start),
                *_upwards(start[0], widths),
                _Up(convolutions[-1], image_channels, bias=True),
            ]
        else:
            layers += [_Linear(last, prod(image_shape))]
        self.layers = nn.Sequential(*layers)

    def forward(self, r: Tensor) -> Tensor:
        """Images float ``[n, C, H, W]`` in [0, 1] of representations float ``[n, codes]``."""
        images = torch.tanh(in_full(self.layers(r))).view(-1, *self._image_size)
        return (images + 1) / 2


class Discriminative(nn.Module):
    """The discriminator, or the reconstructor q(z|x): images in [-1, 1] -> ``outputs`` numbers for each.

    Leaky ReLU follows every hidden layer, with batch normalisation before it in all but the first.

    Args:
        image_shape: ``(height, width, channels)``.
        outputs: 1 for the discriminator, the noise dimensions for the reconstructor.
        widths: hidden widths.
    """

    def __init__(self, image_shape: tuple[int, int, int], outputs: int, widths: IBGANWidths) -> None:
        super().__init__()
        height, width, before = image_shape
        hidden: list[tuple[nn.Module, nn.Module]] = []
        for channels in widths.channels:
            hidden.append((_Down(before, channels, bias=not hidden), nn.BatchNorm2d(channels)))
            before = channels
        for channels in widths.same_channels:
            hidden.append((_Same(before, channels, bias=not hidden), nn.BatchNorm2d(channels)))
            before = channels
        flat = before * halvings(height, len(widths.channels)) * halvings(width, len(widths.channels))
        convolutions = len(hidden)
        for a, b in pairwise([flat, *widths.dense]):
            hidden.append((_Linear(a, b, bias=not hidden), nn.BatchNorm1d(b)))
        layers: list[nn.Module] = []
        for number, (layer, norm) in enumerate(hidden):
            layers += [nn.Flatten()] if number == convolutions else []
            layers += [layer, *([norm] if number else []), nn.LeakyReLU(LEAKY_SLOPE, inplace=True)]
        self.layers = nn.Sequential(*layers, _Head(widths.dense[-1], outputs))

    def forward(self, images: Tensor) -> Tensor:
        """Float ``[n, outputs]`` of images float ``[n, C, H, W]`` in [-1, 1]."""
        answer: Tensor = self.layers(images)
        return answer


class RepresentationEncoder(nn.Module):
    """Image -> representation: the mean of e(r|z) at the reconstructor's z, as in the authors' scores.

    Args:
        reconstructor: q(z|x).
        embedding: e(r|z).
    """

    def __init__(self, reconstructor: nn.Module, embedding: nn.Module) -> None:
        super().__init__()
        self.reconstructor = reconstructor
        self.embedding = embedding

    def forward(self, images: Tensor) -> Tensor:
        """Codes float ``[n, codes]`` of images float ``[n, C, H, W]`` in [0, 1]."""
        mean: Tensor = self.embedding(self.reconstructor(symmetric(images))).mean
        return mean


def initialise(network: nn.Module) -> None:
    """Draw all weights from N(0, 0.02^2) and set biases to 0; batch normalisation keeps scale 1 and shift 0."""
    if only_shapes():
        return
    for layer in network.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, std=INITIAL_SD)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _upwards(before: int, widths: IBGANWidths) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for channels in widths.same_channels:
        layers += [_SameTransposed(before, channels), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
        before = channels
    for channels in widths.channels:
        layers += [_Up(before, channels, bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
        before = channels
    return layers
