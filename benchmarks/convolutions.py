"""The engine's convolutions against PyTorch's plain ones, layer by layer.

    python benchmarks/convolutions.py [--threads 1] [--repeats 15] [--batch 64]

Layers are those of the paper's networks for 64x64 images, and the first and last ones for images of one to six
channels. *plain* is PyTorch's convolution with its bias on contiguous maps in float32, as a user writes it; *ours* is
engine.models.convolution in float32 and bfloat16. Times are of a forward pass and of the backward pass to all inputs;
the variants take turns.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from engine.machine.cores import prepare_to_compute

prepare_to_compute()

# After it: OpenMP reads how threads wait when PyTorch is loaded.
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

from engine.models.convolution import channels_last, convolve, convolve_transposed  # noqa: E402

DOWN = [(1, 32, 64), (2, 32, 64), (3, 32, 64), (6, 32, 64), (32, 32, 32), (32, 64, 16), (64, 64, 8)]
UP = [(64, 64, 4), (64, 32, 8), (32, 32, 16), (32, 1, 32), (32, 3, 32)]
"""Channels in, channels out, side of the input."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--batch", type=int, default=64)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"torch {torch.__version__}, {arguments.threads} threads, batch {arguments.batch}, ms forward / backward")
    print(f"{'layer':<24}{'plain float32':>18}{'ours float32':>18}{'ours bfloat16':>18}{'plain / ours':>16}")
    totals = [0.0, 0.0, 0.0]
    for kind, layers in (("down", DOWN), ("up", UP)):
        for inputs, outputs, side in layers:
            variants = _variants(kind == "up", inputs, outputs, side, arguments.batch)
            times = _times(variants, arguments.repeats)
            cells = [f"{forward * 1e3:.2f} / {backward * 1e3:.2f}" for forward, backward in times]
            sums = [forward + backward for forward, backward in times]
            totals = [total + part for total, part in zip(totals, sums, strict=True)]
            ratios = f"{sums[0] / sums[1]:.1f}, {sums[0] / sums[2]:.1f}"
            name = f"{kind} {inputs} -> {outputs} @ {side}"
            print(f"{name:<24}{cells[0]:>18}{cells[1]:>18}{cells[2]:>18}{ratios:>16}")
    print(f"all{'':<21}" + "".join(f"{total * 1e3:>18.1f}" for total in totals))


Variant = tuple[Callable[[], torch.Tensor], list[torch.Tensor]]


def _variants(is_up: bool, inputs: int, outputs: int, side: int, batch: int) -> list[Variant]:
    shape = (inputs, outputs, 4, 4) if is_up else (outputs, inputs, 4, 4)
    x, weight, bias = torch.randn(batch, inputs, side, side), torch.randn(shape), torch.randn(outputs)
    plain: Any = F.conv_transpose2d if is_up else F.conv2d
    ours = convolve_transposed if is_up else convolve
    variants: list[Variant] = []
    leaves = [tensor.clone().requires_grad_() for tensor in (x, weight, bias)]
    variants.append((partial(plain, *leaves, stride=2, padding=1), leaves))
    for dtype in (torch.float32, torch.bfloat16):
        leaves = [tensor.to(dtype) for tensor in (channels_last(x), weight, bias)]
        leaves = [tensor.clone().requires_grad_() for tensor in leaves]
        variants.append((partial(ours, *leaves), leaves))
    return variants


def _times(variants: list[Variant], repeats: int) -> list[tuple[float, float]]:
    """Median seconds of forward and backward of each variant."""
    found: list[list[tuple[float, float]]] = [[] for _ in variants]
    for _ in range(repeats + 2):
        for (forward, leaves), rows in zip(variants, found, strict=True):
            start = time.perf_counter()
            y = forward()
            middle = time.perf_counter()
            torch.autograd.grad(y, leaves, torch.ones_like(y))
            rows.append((middle - start, time.perf_counter() - middle))
    # The first two set things up.
    timed = [rows[2:] for rows in found]
    return [(statistics.median(f for f, _ in rows), statistics.median(b for _, b in rows)) for rows in timed]


if __name__ == "__main__":
    main()
