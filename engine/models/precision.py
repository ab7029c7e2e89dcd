"""Which number type is used for what: said here, and nowhere else.

| what | type |
| --- | --- |
| weights, their gradients, optimisers, spectral normalisation, statistics of batch normalisation | float32 |
| the last layer of a network (:class:`engine.models.layers.Head`), pixels after their activation, losses | float32 |
| hidden layers: effective weights, biases, activations and the gradients of these | the compute type |
| everything outside of training: scores, selection, traversals | float32 |

The compute type is that of the innermost :func:`computing_in`: float32, or bfloat16, which has the range of float32
and 8 of its 24 bits. Training in tf32 computes in float32 whose factors the GPU rounds to 11 bits.
"""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor

from engine.errors import InputError

Precision = Literal["float32", "tf32", "bfloat16"]
"""What ``training.precision`` can come to."""

PRECISIONS: tuple[Precision, ...] = get_args(Precision)

_CPUINFO = Path("/proc/cpuinfo")
_BFLOAT16_INSTRUCTIONS = {"amx_bf16", "avx512_bf16", "bf16"}
"""Names under which Linux lists a processor's bfloat16 products: Intel's tiles, x86 vectors, ARM."""

_compute_type: ContextVar[torch.dtype | None] = ContextVar("compute type", default=None)


@contextlib.contextmanager
def computing_in(precision: Precision) -> Iterator[None]:
    """Let hidden layers compute in ``precision`` inside the block, the backward passes of its forwards included."""
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
    """``x`` in the compute type; itself where that is the type it was made in (float32; float64 in some tests)."""
    compute_type = _compute_type.get()
    return x if compute_type is None else x.to(compute_type)


def in_full(x: Tensor) -> Tensor:
    """``x``, if it is bfloat16, in float32: for what activations of pixels and losses do with it."""
    return x.float() if x.dtype == torch.bfloat16 else x


def choose(setting: Precision | Literal["auto"], device: torch.device) -> Precision:
    """The precision that ``training.precision`` means on ``device``.

    ``auto`` is bfloat16 where the processor or GPU multiplies it by itself; others emulate it, which is slower than
    float32.

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


@cache
def processor_flags() -> frozenset[str]:
    """Features of the first processor as Linux names them; empty where it does not say."""
    if platform.system() != "Linux":
        return frozenset()
    with contextlib.suppress(OSError):
        for line in _CPUINFO.read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("flags", "Features"):
                return frozenset(value.split())
    return frozenset()
