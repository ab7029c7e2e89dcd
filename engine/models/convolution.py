"""Stride-2 convolutions aligned as TensorFlow's "SAME", in the layout that processors and GPUs compute fastest.

Maps are channels-last: the channels of a pixel lie together in memory, whatever the number type.

Four choices rest on measurements in ``benchmarks/convolutions.py``, ``benchmarks/crowded.py`` and docs/performance.md:

- For an image of one to three channels, a plain convolution leaves a processor's vector units idle. The same sums keep
  them busy when they run over blocks of 2x2 pixels as channels. Let P be a padded image and U the operation that makes
  the four pixels of each block into channels. Then conv_stride2(P, w) = conv_stride1(U(P), U(w)); likewise transposed.
- PyTorch computes the gradient of a transposed convolution's bias in an order that takes longer than all the rest. So
  the bias is added in an operation of its own.
- The bfloat16 gradient of a weight is computed in one thread. With several, oneDNN's threads wait for each other in
  busy loops that no setting ends; beside other work on the machine they wait for tens of milliseconds.
- Cropping a transposed convolution's output costs a copy, so padding does as much of it as possible.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

THIN = 3
"""Most channels of an image that is convolved in blocks. With six, the plain convolution is as fast."""
_BLOCK = 2


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Stride-2 "SAME" convolution.

    Args:
        x: float ``[n, inputs, h, w]``, both sides even.
        weight: ``[outputs, inputs, k, k]``, k being 2, 4 or 5.
        bias: ``[outputs]``, if any.

    Returns:
        Float ``[n, outputs, h/2, w/2]``, channels-last.
    """
    kernel = weight.shape[-1]
    if kernel == 4 and _in_blocks(x, weight.shape[1]):
        blocks = F.pixel_unshuffle(F.pad(x, (1, 1, 1, 1)), _BLOCK)
        return convolution(blocks, F.pixel_unshuffle(weight, _BLOCK), bias)
    if kernel % 2 == 0:
        return convolution(x, weight, bias, stride=2, padding=kernel // 2 - 1)
    # TF pads an odd kernel at stride 2 by one pixel more on the right and bottom.
    before, after = _same_padding(kernel)
    return convolution(F.pad(channels_last(x), (before, after, before, after)), weight, bias, stride=2)


def convolve_transposed(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Stride-2 "SAME" transposed convolution: the adjoint of :func:`convolve`.

    Args:
        x: float ``[n, inputs, h, w]``.
        weight: ``[inputs, outputs, k, k]``, k being 4 or 5.
        bias: ``[outputs]``, if any.

    Returns:
        Float ``[n, outputs, 2h, 2w]``, channels-last.
    """
    kernel = weight.shape[-1]
    if kernel == 4 and _in_blocks(x, weight.shape[1]):
        blocks = convolution(x, F.pixel_unshuffle(weight, _BLOCK), None, transposed=True)
        y = channels_last(F.pixel_shuffle(blocks, _BLOCK)[:, :, 1:-1, 1:-1])
        # In place: nothing else has seen y.
        return y if bias is None else y.add_(bias[:, None, None])
    before, after = _same_padding(kernel)
    y = convolution(x, weight, bias, stride=2, padding=before, transposed=True)
    if after == before:
        return y
    # The mirror of convolve's alignment: TF crops one pixel more at the far edges.
    cropped = before - after
    return channels_last(y[:, :, :cropped, :cropped])


def convolution(
    x: Tensor, weight: Tensor, bias: Tensor | None, *, stride: int = 1, padding: int = 0, transposed: bool = False
) -> Tensor:
    """PyTorch's two-dimensional convolution, or its transpose, of channels-last maps.

    Args:
        x: float ``[n, inputs, h, w]``; copied if it is not channels-last.
        weight: ``[outputs, inputs, k, k]``; transposed: ``[inputs, outputs, k, k]``.
        bias: ``[outputs]``, if any.
        stride: stride along both sides.
        padding: pixels on all four sides.
        transposed: compute the transpose.
    """
    x = channels_last(x)
    if _gradients_spin(x):
        y: Tensor = _Convolution.apply(x, weight, bias, stride, padding, transposed)  # type: ignore[no-untyped-call]
        return y
    if not transposed:
        return F.conv2d(x, weight, bias, stride, padding)
    y = F.conv_transpose2d(x, weight, None, stride, padding)
    # In place: nothing else has seen y.
    return y if bias is None else y.add_(bias[:, None, None])


def _gradients_spin(x: Tensor) -> bool:
    """Whether the threads that compute a weight's gradient would wait for each other in busy loops."""
    return x.device.type == "cpu" and x.dtype == torch.bfloat16 and torch.get_num_threads() > 1


class _Convolution(torch.autograd.Function):
    """A convolution whose three gradients are computed one by one, that of the weight in one thread."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int, transposed: bool
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry = ([stride] * 2, [padding] * 2, [1, 1], transposed, [0, 0], 1)
        return torch.convolution(x, weight, bias, *ctx.geometry)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        wants_x, wants_weight, wants_bias, *_ = ctx.needs_input_grad
        gradient = channels_last(gradient)

        def taken(of_x: bool, of_weight: bool) -> tuple[Tensor, ...]:
            wanted = [of_x, of_weight, False]
            found: tuple[Tensor, ...] = torch.ops.aten.convolution_backward(
                gradient, x, weight, None, *ctx.geometry, wanted
            )
            return found

        of_x = taken(True, False)[0] if wants_x else None
        of_weight = None
        if wants_weight:
            with _one_thread():
                of_weight = taken(False, True)[1]
        return of_x, of_weight, gradient.sum((0, 2, 3)) if wants_bias else None, None, None, None


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def channels_last(x: Tensor) -> Tensor:
    """``x`` ``[n, C, H, W]`` with the channels of a pixel together in memory."""
    return x.contiguous(memory_format=torch.channels_last)


def _in_blocks(x: Tensor, channels: int) -> bool:
    # Not on a GPU: blocks have not been measured there.
    return x.device.type == "cpu" and channels <= THIN


def _same_padding(kernel: int) -> tuple[int, int]:
    total = kernel - 2
    return total // 2, total - total // 2
