"""Layers of the networks of InfoGAN-CR and the VAEs.

Initial weights and "SAME" alignment are those of the InfoGAN-CR authors' TensorFlow code (docs/method.md, section 2).
Spectral normalisation: Miyato et al. 2018. Batch normalisation: Ioffe & Szegedy 2015.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.models.convolution import convolve, convolve_transposed
from engine.models.precision import lowered

LEAKY_SLOPE = 0.2
INITIAL_SD = 0.02
SPECTRAL_EPS = 1e-12

SpectralGradient = Literal["full", "detached"]
Statistics = list[tuple[Tensor, Tensor]]
"""Mean and variance of each batch-normalisation layer of a network in one training-mode forward."""


@dataclass(frozen=True)
class Widths:
    """Layer widths of one network, in the order they are computed.

    Args:
        dense: widths of the hidden fully connected layers.
        channels: channels of the stride-2 convolutions, in G and decoders transposed ones; empty for a network of fully
            connected layers only.
        kernels: sides of the convolutions' kernels; empty for 4 throughout.
    """

    dense: tuple[int, ...]
    channels: tuple[int, ...]
    kernels: tuple[int, ...] = ()


def leaky_relu(x: Tensor) -> Tensor:
    """Leaky ReLU with the authors' slope, written over ``x``, which nothing else may need."""
    return F.leaky_relu(x, LEAKY_SLOPE, inplace=True)


def relu(x: Tensor) -> Tensor:
    """ReLU, written over ``x``, which nothing else may need."""
    return F.relu(x, inplace=True)


def only_shapes() -> bool:
    """Whether new tensors have a shape and no values, because networks are made on the meta device to be measured.

    Whoever computes initial values leaves it then: on that device many functions are Python's own and load parts of
    PyTorch's compiler, which takes half as long as to load the rest of PyTorch.
    """
    return torch.get_default_device().type == "meta"


def _drawn(*shape: int) -> Tensor:
    """A weight from N(0, 0.02^2)."""
    return torch.empty(*shape) if only_shapes() else torch.randn(*shape) * INITIAL_SD


def _normalise(vector: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(vector)
    return vector / (length + SPECTRAL_EPS)


class Weighted(nn.Module):
    """A layer with a weight, which may be spectrally normalised, and a bias.

    :meth:`normalise` computes the effective weight and bias, in the compute type. Every forward pass uses them until
    the next call, because within one iteration many forward passes share one weight. The vector ``u`` that a power
    iteration arrives at is stored by :meth:`persist` only: in the authors' code all forward passes of an iteration
    start from the same ``u`` (docs/method.md, section 2.5).
    """

    u: Tensor

    def __init__(self, weight: Tensor, outputs: int, spectral: bool, output_axis: int = 0) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.spectral = spectral
        self._output_axis = output_axis
        # In a tuple: a module would take a bare weight for another parameter of its own.
        self._effective: tuple[Tensor, Tensor] | None = None
        self._arrived: Tensor | None = None
        if spectral:
            self.register_buffer("u", nn.init.trunc_normal_(torch.empty(outputs), a=-2.0, b=2.0))

    def normalise(self, gradient: SpectralGradient = "full") -> None:
        """Compute the effective weight W / sigma from the stored ``u`` by one power iteration.

        Args:
            gradient: ``"full"`` differentiates through the power iteration, as the authors' code does; ``"detached"``
                treats the singular vectors as constants, as PyTorch's parametrisation does. Without effect under
                ``no_grad``.
        """
        weight: Tensor = self.weight
        bias: Tensor = self.bias
        if not torch.is_grad_enabled():
            # Later forward passes run with gradients, as while G learns, and need none for this layer's parameters.
            weight, bias = weight.detach(), bias.detach()
        if self.spectral:
            weight = weight / self._largest_singular_value(gradient)
        self._effective = (self._computed_in(weight), self._computed_in(bias))

    def _largest_singular_value(self, gradient: SpectralGradient) -> Tensor:
        matrix = self.weight.movedim(self._output_axis, 0).flatten(1)
        iterated = matrix if gradient == "full" else matrix.detach()
        v = _normalise(self.u @ iterated)
        u = _normalise(iterated @ v)
        self._arrived = u.detach()
        return torch.dot(u, matrix @ v)

    def release(self) -> None:
        """Forget the effective weight and bias, so that the next forward pass computes its own."""
        self._effective = None

    def persist(self) -> None:
        """Store the ``u`` of the latest power iteration as the start of the next one."""
        if self.spectral and self._arrived is not None:
            self.u.copy_(self._arrived)

    def effective(self) -> tuple[Tensor, Tensor]:
        """The weight and bias of a forward pass. Without a call of :meth:`normalise` they are computed and not kept."""
        if self._effective is None:
            self.normalise()
            effective, self._effective = self._effective, None
            assert effective is not None
            return effective
        return self._effective

    def _computed_in(self, x: Tensor) -> Tensor:
        """An input, weight or bias of this layer in the number type that it computes in."""
        return lowered(x)


class Linear(Weighted):
    """Fully connected layer, weights N(0, 0.02^2), bias 0."""

    def __init__(self, inputs: int, outputs: int, spectral: bool = False) -> None:
        super().__init__(_drawn(outputs, inputs), outputs, spectral)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(self._computed_in(x), *self.effective())


class Head(Linear):
    """The last layer of a network. It computes in the type of its weight, because losses are float32."""

    def _computed_in(self, x: Tensor) -> Tensor:
        return x.to(self.weight.dtype)


class Conv(Weighted):
    """Stride-2 "SAME" convolution, weights N(0, 0.02^2) truncated at two standard deviations, bias 0."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 4, spectral: bool = False) -> None:
        weight = torch.empty(outputs, inputs, kernel, kernel)
        nn.init.trunc_normal_(weight, std=INITIAL_SD, a=-2 * INITIAL_SD, b=2 * INITIAL_SD)
        super().__init__(weight, outputs, spectral)

    def forward(self, x: Tensor) -> Tensor:
        return convolve(self._computed_in(x), *self.effective())


class TransposedConv(Weighted):
    """Stride-2 "SAME" transposed convolution, weights N(0, 0.02^2), bias 0."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 4) -> None:
        super().__init__(_drawn(inputs, outputs, kernel, kernel), outputs, spectral=False, output_axis=1)

    def forward(self, x: Tensor) -> Tensor:
        return convolve_transposed(self._computed_in(x), *self.effective())


class BatchNorm(nn.Module):
    """Batch normalisation whose moving statistics are updated by the caller.

    A forward pass in training mode leaves its batch statistics in ``observed``. The authors' code updates the moving
    statistics in every such pass. Here one pass may stand for several of theirs, so the caller says how often each
    counts (:mod:`engine.methods.shared_work`). The moving variance takes the unbiased batch variance, as PyTorch and
    TensorFlow's fused kernel do.
    """

    moving_mean: Tensor
    moving_variance: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(features))
        self.beta = nn.Parameter(torch.zeros(features))
        self.register_buffer("moving_mean", torch.zeros(features))
        self.register_buffer("moving_variance", torch.ones(features))
        self.observed: tuple[Tensor, Tensor] | None = None

    eps = 1e-5
    decay = 0.9

    def forward(self, x: Tensor, moving: bool) -> Tensor:
        if moving:
            return F.batch_norm(x, self.moving_mean, self.moving_variance, self.gamma, self.beta, eps=self.eps)
        mean, variance = torch.zeros_like(self.moving_mean), torch.ones_like(self.moving_variance)
        y = F.batch_norm(x, mean, variance, self.gamma, self.beta, training=True, momentum=1.0, eps=self.eps)
        self.observed = (mean, variance)
        return y

    @torch.no_grad()
    def update(self, observations: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Apply one moving-average update for each observation, oldest first."""
        for mean, variance in observations:
            self.moving_mean.lerp_(mean, 1 - self.decay)
            self.moving_variance.lerp_(variance, 1 - self.decay)


class Network(nn.Module):
    """A network with functions that act on all of its weighted, or all of its batch-normalising, layers."""

    def weighted_layers(self) -> list[Weighted]:
        return [layer for layer in self.modules() if isinstance(layer, Weighted)]

    def batch_norms(self) -> list[BatchNorm]:
        return [layer for layer in self.modules() if isinstance(layer, BatchNorm)]

    def normalise(self, gradient: SpectralGradient = "full") -> None:
        for layer in self.weighted_layers():
            layer.normalise(gradient)

    def release(self) -> None:
        for layer in self.weighted_layers():
            layer.release()

    def persist_spectral(self) -> None:
        for layer in self.weighted_layers():
            layer.persist()

    def observed(self) -> Statistics:
        """Batch statistics of the latest forward pass in training mode, one entry a layer."""
        return [layer.observed for layer in self.batch_norms() if layer.observed is not None]

    def update_moving(self, forwards: Sequence[Statistics]) -> None:
        """Update the moving statistics once for each of ``forwards``, oldest first."""
        for index, layer in enumerate(self.batch_norms()):
            layer.update([statistics[index] for statistics in forwards])


def halvings(side: int, layers: int) -> int:
    """Side length after ``layers`` stride-2 layers.

    Raises:
        ValueError: it is not a whole number.
    """
    if side % 2**layers:
        raise ValueError(
            f"image side {side} cannot be halved {layers} times; give the setting 'channels' of every network fewer "
            f"entries ([] for fully connected networks) or use images whose sides are multiples of {2**layers}"
        )
    return side >> layers


def symmetric(images: Tensor) -> Tensor:
    """Pixels in [0, 1] mapped to [-1, 1], the range of tanh."""
    return 2 * images - 1


def log_normal_constant(dimensions: int) -> float:
    """The constant of a unit-variance Gaussian's negative log-likelihood, in nats: d/2 log 2 pi."""
    return 0.5 * dimensions * math.log(2 * math.pi)
