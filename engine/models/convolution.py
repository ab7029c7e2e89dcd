"""Stride-2 convolutions aligned as TensorFlow's "SAME", in the arrangement that processors and GPUs compute fastest.

Maps are kept channels-last: the channels of a pixel lie together in memory, whatever the number type.

Three things are measured in ``benchmarks/convolutions.py`` and docs/performance.md:

- Next to an image of one to three channels the plain convolution leaves a processor's vector units idle. The same sums,
  taken over blocks of 2x2 pixels as channels, keep them busy: with P a padded image and U the operation that makes the
  four pixels of each block into channels, conv_stride2(P, w) = conv_stride1(U(P), U(w)), and likewise transposed.
- PyTorch takes the gradient of a transposed convolution's bias in an order that costs more than the whole rest, so the
  bias is added by itself.
- Cropping a transposed convolution's output costs a copy, so as much of it as possible is left to padding.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

THIN = 3
"""Most channels of an image that is convolved in blocks; with six the plain convolution is as fast."""
_BLOCK = 2


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Stride-2 "SAME" convolution.

    Args:
        x: float ``[n, inputs, h, w]``, both sides even.
        weight: ``[outputs, inputs, k, k]``, k being 4 or 5.
        bias: ``[outputs]``, if any.

    Returns:
        Float ``[n, outputs, h/2, w/2]``, channels-last.
    """
    kernel = weight.shape[-1]
    if kernel == 4 and _in_blocks(x, weight.shape[1]):
        blocks = F.pixel_unshuffle(F.pad(x, (1, 1, 1, 1)), _BLOCK)
        return F.conv2d(channels_last(blocks), F.pixel_unshuffle(weight, _BLOCK), bias)
    x = channels_last(x)
    if kernel == 4:
        return F.conv2d(x, weight, bias, stride=2, padding=1)
    # TF pads an odd kernel at stride 2 by one pixel more on the right and bottom.
    before, after = _same_padding(kernel)
    return F.conv2d(F.pad(x, (before, after, before, after)), weight, bias, stride=2)


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
    x = channels_last(x)
    if kernel == 4 and _in_blocks(x, weight.shape[1]):
        blocks = F.conv_transpose2d(x, F.pixel_unshuffle(weight, _BLOCK))
        y = F.pixel_shuffle(blocks, _BLOCK)[:, :, 1:-1, 1:-1]
        return _shifted(channels_last(y), bias)
    before, after = _same_padding(kernel)
    y = F.conv_transpose2d(x, weight, stride=2, padding=before)
    if after > before:
        # The mirror of convolve's alignment: TF crops one pixel more at the far edges.
        cropped = before - after
        y = channels_last(y[:, :, :cropped, :cropped])
    return _shifted(y, bias)


def _shifted(y: Tensor, bias: Tensor | None) -> Tensor:
    # In place: nothing else has seen y.
    return y if bias is None else y.add_(bias[:, None, None])


def channels_last(x: Tensor) -> Tensor:
    """``x`` ``[n, C, H, W]`` with the channels of a pixel together in memory."""
    return x.contiguous(memory_format=torch.channels_last)


def _in_blocks(x: Tensor, channels: int) -> bool:
    # Not on a GPU, where nothing of this has been measured.
    return x.device.type == "cpu" and channels <= THIN


def _same_padding(kernel: int) -> tuple[int, int]:
    total = kernel - 2
    return total // 2, total - total // 2
