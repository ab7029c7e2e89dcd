"""Networks of InfoGAN-CR for binary and grey images (method facts sections 2.1-2.3, the dSprites column)."""

from __future__ import annotations

from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from engine.models.codes import Codes
from engine.models.layers import BatchNorm, Conv, Linear, Network, TransposedConv, Widths, halvings, leaky_relu


class Generator(Network):
    """G: latent vector -> image in [0, 1], activation before batch normalisation.

    With channels ``(64, 32, 32)`` the last dense layer feeds a tensor of 64 channels, which three transposed
    convolutions to 64, 32 and 32 channels and a last one to the image's channels double four times. Without channels
    the image is one linear layer away from the last dense layer.

    Args:
        inputs: width of the latent vector, codes first, then noise.
        image_shape: ``(height, width, channels)``.
        widths: hidden widths.
    """

    def __init__(self, inputs: int, image_shape: tuple[int, int, int], widths: Widths) -> None:
        super().__init__()
        height, width, image_channels = image_shape
        dense = list(widths.dense)
        if widths.channels:
            doublings = len(widths.channels) + 1
            self._start = (widths.channels[0], halvings(height, doublings), halvings(width, doublings))
            dense.append(prod(self._start))
            self.image: Linear | TransposedConv = TransposedConv(widths.channels[-1], image_channels)
        else:
            self._start = (dense[-1], 1, 1)
            self.image = Linear(dense[-1], prod(image_shape))
        self._image_size = (image_channels, height, width)
        self.dense = nn.ModuleList([Linear(a, b) for a, b in pairwise([inputs, *dense])])
        self.dense_norms = nn.ModuleList([BatchNorm(b) for b in dense])
        self.deconvs = nn.ModuleList(
            [TransposedConv(a, b) for a, b in pairwise([*widths.channels[:1], *widths.channels])]
        )
        self.deconv_norms = nn.ModuleList([BatchNorm(b) for b in widths.channels])

    def forward(self, latent: Tensor, moving: bool = True) -> Tensor:
        """Map float ``[n, inputs]`` to images float ``[n, C, H, W]`` in [0, 1].

        Args:
            latent: codes and noise.
            moving: normalise with the moving statistics (inference) instead of the batch's own.
        """
        x = latent
        for layer, norm in zip(self.dense, self.dense_norms, strict=True):
            x = norm(torch.relu(layer(x)), moving)
        if self.deconvs:
            x = x.view(-1, *self._start)
        for layer, norm in zip(self.deconvs, self.deconv_norms, strict=True):
            x = norm(leaky_relu(layer(x)), moving)
        return torch.sigmoid(self.image(x)).view(-1, *self._image_size)


class _Trunk(nn.Module):
    """Strided convolutions, if any, then fully connected layers, leaky ReLU after each, all spectrally normalised."""

    def __init__(self, image_shape: tuple[int, int, int], widths: Widths) -> None:
        super().__init__()
        height, width, image_channels = image_shape
        channels = [image_channels, *widths.channels]
        self.convs = nn.ModuleList([Conv(a, b, spectral=True) for a, b in pairwise(channels)])
        area = halvings(height, len(widths.channels)) * halvings(width, len(widths.channels))
        dense = [area * channels[-1], *widths.dense]
        self.dense = nn.ModuleList([Linear(a, b, spectral=True) for a, b in pairwise(dense)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.convs:
            x = leaky_relu(layer(x))
        x = x.flatten(1)
        for layer in self.dense:
            x = leaky_relu(layer(x))
        return x


class Discriminator(Network):
    """D and the encoder Q on one shared, spectrally normalised trunk.

    Args:
        image_shape: ``(height, width, channels)``.
        codes: what Q answers for: the means of continuous codes, whose variance is fixed at one, and the logits of
            categorical ones.
        widths: hidden widths of the shared trunk; Q's own hidden layer is as wide as the trunk's last.
    """

    def __init__(self, image_shape: tuple[int, int, int], codes: Codes, widths: Widths) -> None:
        super().__init__()
        self._codes = codes
        self.trunk = _Trunk(image_shape, widths)
        hidden = widths.dense[-1]
        self.real = Linear(hidden, 1, spectral=True)
        self.code_hidden = Linear(hidden, hidden, spectral=True)
        self.code_mean = Linear(hidden, codes.regularised, spectral=True)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map images float ``[n, C, H, W]`` to D's logits ``[n]`` and Q's answer ``[n, codes.regularised]``."""
        features = self.trunk(images)
        return self.real(features).squeeze(1), self._answer(features)

    def encode(self, images: Tensor) -> Tensor:
        """Q's codes float ``[n, codes.count]``: means, and the index of the most probable category."""
        return self._codes.values(self._answer(self.trunk(images)))

    def _answer(self, features: Tensor) -> Tensor:
        answer: Tensor = self.code_mean(leaky_relu(self.code_hidden(features)))
        return answer


class ContrastiveDiscriminator(Network):
    """H: which code do two images share? The pair is concatenated on channels; all layers but the last are spectral."""

    def __init__(self, image_shape: tuple[int, int, int], codes: int, widths: Widths) -> None:
        super().__init__()
        height, width, image_channels = image_shape
        self.trunk = _Trunk((height, width, 2 * image_channels), widths)
        self.shared = Linear(widths.dense[-1], codes)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Logits over the codes, float ``[n, codes]``, for two image batches float ``[n, C, H, W]``."""
        logits: Tensor = self.shared(self.trunk(torch.cat([first, second], dim=1)))
        return logits
