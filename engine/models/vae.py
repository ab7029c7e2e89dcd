"""Networks of a VAE: an encoder to a diagonal Gaussian, and a decoder to pixel logits.

The methods' default widths are those of disentanglement_lib's study, with kernels of 4 throughout. The study's own
encoder has kernels of 2 in its third and fourth convolution (preset ``dlib``). FactorVAE's defaults are those of the
InfoGAN-CR authors (docs/method.md, section 7).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import prod
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from engine.models.layers import (
    Conv,
    Head,
    Linear,
    Network,
    TransposedConv,
    Weighted,
    Widths,
    halvings,
    leaky_relu,
    relu,
)
from engine.models.posterior import Gaussian, PosteriorEncoder
from engine.models.precision import in_full

Initialisation = Literal["normal", "glorot"]
N = TypeVar("N", bound=Network)
_KERNEL = 4


class GaussianEncoder(PosteriorEncoder):
    """q(z|x): stride-2 convolutions, if any, then fully connected layers, with ReLU after each; then two linear heads.

    Args:
        image_shape: ``(height, width, channels)``.
        codes: dimensions of z.
        widths: hidden widths.
        linear_last: leave the last hidden layer without activation, as the authors' FactorVAE does.
    """

    def __init__(self, image_shape: tuple[int, int, int], codes: int, widths: Widths, linear_last: bool) -> None:
        super().__init__()
        height, width, image_channels = image_shape
        channels = [image_channels, *widths.channels]
        kernels = widths.kernels or (_KERNEL,) * len(widths.channels)
        layers = zip(pairwise(channels), kernels, strict=True)
        self.convs = nn.ModuleList([Conv(before, after, kernel) for (before, after), kernel in layers])
        area = halvings(height, len(widths.channels)) * halvings(width, len(widths.channels))
        self.dense = nn.ModuleList([Linear(a, b) for a, b in pairwise([area * channels[-1], *widths.dense])])
        self.mean = Head(widths.dense[-1], codes)
        self.log_variance = Head(widths.dense[-1], codes)
        self._linear_last = linear_last

    def features(self, images: Tensor) -> Tensor:
        """The last hidden layer, float ``[n, widths.dense[-1]]``."""
        x = images
        for layer in self.convs:
            x = relu(layer(x))
        x = x.flatten(1)
        for number, layer in enumerate(self.dense, 1):
            x = layer(x)
            if number < len(self.dense) or not self._linear_last:
                x = relu(x)
        return x

    def posterior(self, images: Tensor) -> Gaussian:
        features = self.features(images)
        return Gaussian(self.mean(features), self.log_variance(features))


class Decoder(Network):
    """p(x|z): fully connected layers, then stride-2 transposed convolutions, if any, with ReLU after all but the last.

    Args:
        codes: dimensions of z.
        image_shape: ``(height, width, channels)``.
        widths: hidden widths; ``channels`` means the same as for :class:`engine.models.infogan.Generator`.
    """

    def __init__(self, codes: int, image_shape: tuple[int, int, int], widths: Widths) -> None:
        super().__init__()
        height, width, image_channels = image_shape
        dense = list(widths.dense)
        self._start: tuple[int, ...] = ()
        if widths.channels:
            doublings = len(widths.channels) + 1
            self._start = (widths.channels[0], halvings(height, doublings), halvings(width, doublings))
            dense.append(prod(self._start))
            self.image: Linear | TransposedConv = TransposedConv(widths.channels[-1], image_channels)
        else:
            self.image = Linear(dense[-1], prod(image_shape))
        self._image_size = (image_channels, height, width)
        self.dense = nn.ModuleList([Linear(a, b) for a, b in pairwise([codes, *dense])])
        self.deconvs = nn.ModuleList(
            [TransposedConv(a, b) for a, b in pairwise([*widths.channels[:1], *widths.channels])]
        )

    def logits(self, z: Tensor) -> Tensor:
        """Logits of the pixels, float ``[n, C, H, W]``, of codes float ``[n, codes]``."""
        x = z
        for layer in self.dense:
            x = relu(layer(x))
        if self._start:
            x = x.view(-1, *self._start)
        for layer in self.deconvs:
            x = relu(layer(x))
        image = in_full(self.image(x))
        return image.view(-1, *self._image_size)

    def forward(self, z: Tensor) -> Tensor:
        """The means of the pixels, float ``[n, C, H, W]`` in [0, 1], of codes float ``[n, codes]``."""
        return torch.sigmoid(self.logits(z))


class TotalCorrelationDiscriminator(Network):
    """FactorVAE's D: tells codes from codes whose dimensions were permuted (Kim & Mnih 2018, section 3).

    Args:
        codes: dimensions of z.
        hidden: widths of the fully connected layers, with leaky ReLU after each.
    """

    def __init__(self, codes: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.dense = nn.ModuleList([Linear(a, b) for a, b in pairwise([codes, *hidden])])
        self.verdict = Head(hidden[-1], 2)

    def forward(self, z: Tensor) -> Tensor:
        """Two logits for each row, float ``[n, 2]``: z comes from q(z); z comes from the product of q's marginals."""
        x = z
        for layer in self.dense:
            x = leaky_relu(layer(x))
        logits: Tensor = self.verdict(x)
        return logits


def initialised(build: Callable[[], N], initialisation: Initialisation, seed: int) -> N:
    """Build a network whose initial weights depend on ``seed`` alone; torch's global generator is left as it was.

    Args:
        build: makes the network; its layers draw from N(0, 0.02^2) (docs/method.md, section 2).
        initialisation: ``"normal"`` keeps these weights; ``"glorot"`` draws them anew from the uniform distribution of
            Glorot & Bengio 2010, the default of the TensorFlow layers that disentanglement_lib uses.
        seed: seed of the weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build()
        if initialisation == "glorot":
            for layer in network.modules():
                if isinstance(layer, Weighted):
                    nn.init.xavier_uniform_(layer.weight)
    return network
