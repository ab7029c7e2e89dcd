"""Updates of the paper's dSprites networks, and how many of them a device makes in a second."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from engine.methods.base import Setup
from engine.methods.infogan_cr import InfoGANCR, InfoGANCRSettings

Update = Callable[[Tensor, int], object]
"""Trains on one batch of real images; the second argument counts the updates before."""

_BLOCKS = 3
_BATCHES = 8
_DSPRITES = 737_280
_UPDATES = 322_560
_MIB = 2**20


@dataclass(frozen=True)
class Sizes:
    """What is trained.

    Attributes:
        side: pixels of an image's side; images have one channel.
        batch: real images of an update.
        settings: of the method, where they are not the paper's.
    """

    side: int
    batch: int
    settings: Mapping[str, Any] = field(default_factory=dict)


PAPER = Sizes(64, 64)
TINY = Sizes(
    16,
    8,
    {
        "generator": {"dense": [16], "channels": [8, 4]},
        "discriminator": {"dense": [16], "channels": [4, 8]},
        "contrastive": {"dense": [16], "channels": [4, 8]},
    },
)


def sizes_of(rehearses: bool) -> Sizes:
    """The paper's sizes, or tiny ones for a rehearsal."""
    return TINY if rehearses else PAPER


def method_of(sizes: Sizes, lambda_cr: float, device: torch.device, seed: int = 0) -> InfoGANCR:
    """InfoGAN-CR with fresh weights."""
    setup = Setup((sizes.side, sizes.side, 1), _DSPRITES, seed, _UPDATES, device)
    return InfoGANCR(InfoGANCRSettings(**{**sizes.settings, "lambda_cr": lambda_cr}), setup)


def real_images(sizes: Sizes, device: torch.device) -> list[Tensor]:
    """Some batches of sparse white pixels on black, float32 ``[batch, 1, side, side]``, the same on every device."""
    draws = torch.Generator().manual_seed(0)
    shape = (_BATCHES, sizes.batch, 1, sizes.side, sizes.side)
    return list((torch.rand(shape, generator=draws) > 0.95).float().to(device))


@dataclass(frozen=True)
class Speed:
    """Iterations a second of three blocks of updates: the median one, the slowest and the fastest.

    Attributes:
        warm_up_seconds: what the updates before took, the first one with all that is compiled or captured in it.
        updates: how many were timed.
    """

    it_per_s: float
    slowest: float
    fastest: float
    warm_up_seconds: float
    updates: int


def speed(update: Update, images: list[Tensor], device: torch.device, seconds: float) -> Speed:
    """Time updates for about ``seconds``, warm-up not counted. Each block ends when the device has done its work."""
    done = 0

    def block(updates: int) -> float:
        nonlocal done
        began = time.perf_counter()
        for _ in range(updates):
            update(images[done % len(images)], done)
            done += 1
        synchronise(device)
        return time.perf_counter() - began

    # Twice, as the second one begins with what the first has left: the device's caches, and no compilation.
    trial = 10 if seconds >= 1 else 2
    warm_up = block(trial)
    each = block(trial)
    updates = max(1, round(seconds / _BLOCKS * trial / each))
    rates = sorted(updates / block(updates) for _ in range(_BLOCKS))
    return Speed(statistics.median(rates), rates[0], rates[-1], warm_up + each, updates * _BLOCKS)


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def memory_of(device: torch.device) -> dict[str, float] | None:
    """MiB of a GPU: in use by all processes, and what this one reserved and its tensors took at most; CPU: ``None``."""
    if device.type != "cuda":
        return None
    free, total = torch.cuda.mem_get_info(device)
    return {
        "device_used_mib": (total - free) / _MIB,
        "reserved_peak_mib": torch.cuda.max_memory_reserved(device) / _MIB,
        "tensor_peak_mib": torch.cuda.max_memory_allocated(device) / _MIB,
    }


def machine_of(device: torch.device) -> dict[str, Any]:
    """What the figures were measured on."""
    facts: dict[str, Any] = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cores": len(os.sched_getaffinity(0)),
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        facts |= {
            "gpu": properties.name,
            "gpu_memory_mib": properties.total_memory / _MIB,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
        }
    return facts
