"""The number type of each part of a computation. This is the only module that decides it.

| what | type |
| --- | --- |
| weights, their gradients, optimisers, spectral normalisation, statistics of batch normalisation | float32 |
| the last layer of a network (:class:`engine.models.layers.Head`), pixels after their activation, losses | float32 |
| hidden layers: effective weights, biases, activations and the gradients of these | the compute type |
| everything outside of training: scores, selection, traversals | float32 |

The innermost :func:`computing_in` sets the compute type: float32 or bfloat16. bfloat16 has the range of float32 and 8
of its 24 bits of precision. tf32 is float32 with the factors of products rounded to 11 bits by the GPU.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor

from engine.errors import InputError
from engine.machine.processor import processor_flags

Precision = Literal["float32", "tf32", "bfloat16"]
"""Precisions that a run can train in; the setting ``auto`` becomes one of them."""

PRECISIONS: tuple[Precision, ...] = get_args(Precision)

_CPUINFO = Path("/proc/cpuinfo")
_BFLOAT16_INSTRUCTIONS = {"amx_bf16", "avx512_bf16", "bf16"}
"""Linux's names of processor features with bfloat16 products: Intel's tiles, x86 vectors, ARM."""

_compute_type: ContextVar[torch.dtype | None] = ContextVar("compute type", default=None)


@contextlib.contextmanager
def computing_in(precision: Precision) -> Iterator[None]:
    """Inside the block, hidden layers compute in ``precision``. So do the backward passes of its forward passes."""
    token = _compute_type.set(torch.bfloat16 if precision == "bfloat16" else None)
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, convolutions.allow_tf32
    # PyTorch's own default is to round in convolutions and not in matrix products.
    products.allow_tf32 = convolutions.allow_tf32 = precision == "tf32"
    try:
        yield
    finally:
        products.allow_tf32, convolutions.allow_tf32 = before
        _compute_type.reset(token)


def lowered(x: Tensor) -> Tensor:
    """``x`` in the compute type. Where that is float32, ``x`` itself, even if it is float64 as in some tests."""
    compute_type = _compute_type.get()
    return x if compute_type is None else x.to(compute_type)


def in_full(x: Tensor) -> Tensor:
    """``x`` in float32 if it is bfloat16, for pixel activations and losses."""
    return x.float() if x.dtype == torch.bfloat16 else x


def choose(setting: Precision | Literal["auto"], device: torch.device) -> Precision:
    """The precision that ``training.precision`` means on ``device``.

    ``auto`` is bfloat16 where the processor or GPU has instructions for it. Others emulate it, which is slower than
    float32, so there ``auto`` is float32.

    Raises:
        InputError: tf32 was asked for and the device is not a CUDA GPU.
    """
    if setting == "auto":
        return "bfloat16" if has_bfloat16(device) else "float32"
    if setting == "tf32" and device.type != "cuda":
        raise InputError("training.precision tf32 needs a CUDA GPU; use float32, bfloat16 or auto")
    return setting


def has_bfloat16(device: torch.device) -> bool:
    """Whether ``device`` has instructions for bfloat16 products."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and bool(_BFLOAT16_INSTRUCTIONS & processor_flags())
