"""Networks of InfoGAN and InfoGAN-CR (docs/method.md, sections 2.1 to 2.4).

G, D with Q, and H are one class each. Their layers differ between datasets and are arguments.

Outside of the networks, images are in [0, 1]. With the pixel range ``"symmetric"``, D, Q and H see them in [-1, 1] and
G ends in tanh.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Literal

import torch
from torch import Tensor, nn

from engine.models.codes import Codes
from engine.models.layers import (
    BatchNorm,
    Conv,
    Head,
    Linear,
    Network,
    TransposedConv,
    Widths,
    halvings,
    leaky_relu,
    relu,
    symmetric,
)
from engine.models.precision import in_full

PixelRange = Literal["unit", "symmetric"]


@dataclass(frozen=True)
class GeneratorLayers(Widths):
    """Layers of G.

    Args:
        kernel: side of the kernels, 4 or 5.
        start_channels: channels of the tensor that the transposed convolutions begin with; default: as many as the
            first of them makes.
        activation: activation of the transposed convolutions; that of the fully connected layers is ReLU.
        normalisation: batch normalisation after or before the activation of every hidden layer.
    """

    kernel: int = 4
    start_channels: int | None = None
    activation: Literal["leaky-relu", "relu"] = "leaky-relu"
    normalisation: Literal["batch-after", "batch-before"] = "batch-after"


@dataclass(frozen=True)
class DiscriminatorLayers(Widths):
    """Layers of D with Q, or of H.

    Args:
        kernel: side of the kernels, 4 or 5.
        normalisation: spectral normalisation of the weights; or batch normalisation after or before the activation of
            every hidden layer but the first.
    """

    kernel: int = 4
    normalisation: Literal["spectral", "batch-after", "batch-before"] = "spectral"


class Generator(Network):
    """G: latent vector -> image in [0, 1].

    With channels ``(64, 32, 32)``, the last dense layer makes a tensor of 64 channels. Three transposed convolutions to
    64, 32 and 32 channels and a last one to the image's channels each double its sides. Without channels, one linear
    layer leads from the last dense layer to the image.

    Args:
        inputs: width of the latent vector, codes first, then noise.
        image_shape: ``(height, width, channels)``.
        layers: hidden layers.
        pixels: the last activation: sigmoid for ``"unit"``, tanh for ``"symmetric"``.
    """

    def __init__(
        self, inputs: int, image_shape: tuple[int, int, int], layers: GeneratorLayers, pixels: PixelRange = "unit"
    ) -> None:
        super().__init__()
        height, width, image_channels = image_shape
        dense = list(layers.dense)
        before: tuple[int, ...] = ()
        if layers.channels:
            doublings = len(layers.channels) + 1
            before = (layers.start_channels or layers.channels[0],)
            self._start = (*before, halvings(height, doublings), halvings(width, doublings))
            dense.append(prod(self._start))
            self.image: Linear | TransposedConv = TransposedConv(layers.channels[-1], image_channels, layers.kernel)
        else:
            self._start = (dense[-1], 1, 1)
            self.image = Linear(dense[-1], prod(image_shape))
        self._image_size = (image_channels, height, width)
        self._pixels = pixels
        self._normalise_first = layers.normalisation == "batch-before"
        self._activation = leaky_relu if layers.activation == "leaky-relu" else relu
        self.dense = nn.ModuleList([Linear(a, b) for a, b in pairwise([inputs, *dense])])
        self.dense_norms = nn.ModuleList([BatchNorm(b) for b in dense])
        self.deconvs = nn.ModuleList(
            [TransposedConv(a, b, layers.kernel) for a, b in pairwise([*before, *layers.channels])]
        )
        self.deconv_norms = nn.ModuleList([BatchNorm(b) for b in layers.channels])

    def forward(self, latent: Tensor, moving: bool = True) -> Tensor:
        """Map float ``[n, inputs]`` to images float ``[n, C, H, W]`` in [0, 1].

        Args:
            latent: codes and noise.
            moving: normalise with the moving statistics (inference mode) instead of the batch's own (training mode).
        """
        x = latent
        for layer, norm in zip(self.dense, self.dense_norms, strict=True):
            x = layer(x)
            x = relu(norm(x, moving)) if self._normalise_first else norm(relu(x), moving)
        if self.deconvs:
            x = x.view(-1, *self._start)
        for layer, norm in zip(self.deconvs, self.deconv_norms, strict=True):
            x = layer(x)
            x = self._activation(norm(x, moving)) if self._normalise_first else norm(self._activation(x), moving)
        image = in_full(self.image(x))
        image = torch.sigmoid(image) if self._pixels == "unit" else (torch.tanh(image) + 1) / 2
        return image.view(-1, *self._image_size)


class _Trunk(nn.Module):
    """Strided convolutions, if any, then fully connected layers, if any, with leaky ReLU after each.

    Batch normalisation always uses the batch's own statistics, as in the authors' training. Only H has it, and H is not
    used outside of training, so the moving statistics keep their initial values.
    """

    def __init__(self, image_shape: tuple[int, int, int], layers: DiscriminatorLayers, pixels: PixelRange) -> None:
        super().__init__()
        height, width, image_channels = image_shape
        spectral = layers.normalisation == "spectral"
        channels = [image_channels, *layers.channels]
        self.convs = nn.ModuleList([Conv(a, b, layers.kernel, spectral) for a, b in pairwise(channels)])
        area = halvings(height, len(layers.channels)) * halvings(width, len(layers.channels))
        dense = [area * channels[-1], *layers.dense]
        self.dense = nn.ModuleList([Linear(a, b, spectral) for a, b in pairwise(dense)])
        normalised = [] if spectral else [*layers.channels, *layers.dense][1:]
        self.norms = nn.ModuleList([BatchNorm(width) for width in normalised])
        self._normalise_first = layers.normalisation == "batch-before"
        self._pixels = pixels
        self.features = dense[-1]

    def forward(self, images: Tensor) -> Tensor:
        x = images if self._pixels == "unit" else symmetric(images)
        for number, layer in enumerate(self.convs):
            x = self._activated(layer(x), number)
        x = x.flatten(1)
        for number, layer in enumerate(self.dense, len(self.convs)):
            x = self._activated(layer(x), number)
        return x

    def _activated(self, x: Tensor, number: int) -> Tensor:
        if number == 0 or not self.norms:
            return leaky_relu(x)
        norm = self.norms[number - 1]
        if self._normalise_first:
            return leaky_relu(norm(x, moving=False))
        normalised: Tensor = norm(leaky_relu(x), moving=False)
        return normalised


class Discriminator(Network):
    """D and the encoder Q on one shared trunk.

    Q has a hidden layer of its own, as wide as the trunk's last dense layer. If the trunk has no dense layer, Q has no
    hidden layer, and both heads take the trunk's flattened features.

    Args:
        image_shape: ``(height, width, channels)``.
        codes: the codes that Q reads off: it answers with the means of continuous codes, whose variance is one, and the
            logits of categorical ones.
        layers: hidden layers of the shared trunk.
        pixels: the range of pixels that the trunk sees.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        codes: Codes,
        layers: DiscriminatorLayers,
        pixels: PixelRange = "unit",
    ) -> None:
        super().__init__()
        self._codes = codes
        self.trunk = _Trunk(image_shape, layers, pixels)
        features = self.trunk.features
        spectral = layers.normalisation == "spectral"
        self.real = Head(features, 1, spectral)
        self.code_hidden = Linear(features, features, spectral) if layers.dense else None
        self.code_mean = Head(features, codes.regularised, spectral)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map images float ``[n, C, H, W]`` to D's logits ``[n]`` and Q's answer ``[n, codes.regularised]``."""
        features = self.trunk(images)
        return self.real(features).squeeze(1), self._answer(features)

    def encode(self, images: Tensor) -> Tensor:
        """Q's codes float ``[n, codes.count]``: means, and the index of the most probable category."""
        return self._codes.values(self._answer(self.trunk(images)))

    def _answer(self, features: Tensor) -> Tensor:
        if self.code_hidden is not None:
            features = leaky_relu(self.code_hidden(features))
        answer: Tensor = self.code_mean(features)
        return answer


class ContrastiveDiscriminator(Network):
    """H: tells which code two images share. They are concatenated on channels; the last layer is not normalised.

    Args:
        image_shape: ``(height, width, channels)`` of one image.
        codes: number of codes.
        layers: hidden layers.
        pixels: the range of pixels that H sees.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], codes: int, layers: DiscriminatorLayers, pixels: PixelRange = "unit"
    ) -> None:
        super().__init__()
        height, width, image_channels = image_shape
        self.trunk = _Trunk((height, width, 2 * image_channels), layers, pixels)
        self.shared = Head(self.trunk.features, codes)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Logits over the codes, float ``[n, codes]``, for two image batches float ``[n, C, H, W]``."""
        logits: Tensor = self.shared(self.trunk(torch.cat([first, second], dim=1)))
        return logits
