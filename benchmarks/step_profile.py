"""Where the time of one InfoGAN-CR iteration goes, by kind of operation.

    python benchmarks/step_profile.py [--precision bfloat16] [--threads 1] [--iterations 10]

The paper's dSprites settings, lambda_cr = 0 and 2. PyTorch's profiler gives each operation's own processor time; they
are added up by kind. The profiler itself slows small operations, so shares are what to read, not milliseconds.
"""

from __future__ import annotations

import argparse
from collections import Counter
from typing import Any

from engine.machine.cores import prepare_to_compute

prepare_to_compute()

# After it: OpenMP reads how threads wait when PyTorch is loaded.
import torch  # noqa: E402
from torch.profiler import ProfilerActivity, profile  # noqa: E402

from engine.methods.base import Setup  # noqa: E402
from engine.methods.infogan_cr import InfoGANCR, InfoGANCRSettings  # noqa: E402
from engine.models.precision import computing_in  # noqa: E402

KINDS = {
    "convolutions, backward": ("aten::convolution_backward",),
    "convolutions, forward": ("aten::_convolution", "aten::mkldnn_convolution", "aten::convolution"),
    "leaky ReLU, ReLU": ("leaky_relu", "aten::relu", "aten::threshold", "LeakyRelu"),
    "batch normalisation": ("batch_norm", "BatchNorm"),
    "blocks of pixels": ("pixel_shuffle", "pixel_unshuffle", "aten::constant_pad", "PixelShuffle"),
    "matrix products": ("aten::mm", "aten::addmm", "aten::mv", "aten::addmv", "aten::dot"),
    "copies and casts": ("aten::copy_", "aten::clone", "aten::cat", "aten::_to_copy", "aten::contiguous"),
    "sums, biases": ("aten::add", "aten::sum", "aten::mean"),
    "Adam": ("_fused_adam", "Optimizer", "Adam"),
}


def main() -> None:
    """Print a table for each phase."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--iterations", type=int, default=10)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    shares = [_shares(value, arguments.precision, arguments.iterations) for value in (0.0, 2.0)]
    print(f"torch {torch.__version__}, {arguments.precision}, {arguments.threads} threads")
    print("| kind | lambda_cr = 0 | lambda_cr = 2 |")
    print("| --- | --- | --- |")
    for kind in [*KINDS, "everything else"]:
        print(f"| {kind} | {shares[0][kind]:.0%} | {shares[1][kind]:.0%} |")


def _shares(lambda_cr: float, precision: Any, iterations: int) -> dict[str, float]:
    setup = Setup((64, 64, 1), images=737_280, seed=0, total_steps=10**6, device=torch.device("cpu"))
    method = InfoGANCR(InfoGANCRSettings.model_validate({"lambda_cr": lambda_cr}), setup)
    images = (torch.rand(64, 1, 64, 64) > 0.95).float()
    with computing_in(precision):
        for iteration in range(3):
            method.update(images, iteration)
        with profile(activities=[ProfilerActivity.CPU]) as record:
            for iteration in range(iterations):
                method.update(images, iteration)
    times: Counter[str] = Counter()
    for event in record.key_averages():
        names = (kind for kind, parts in KINDS.items() if any(part in event.key for part in parts))
        times[next(names, "everything else")] += event.self_cpu_time_total
    total = sum(times.values())
    return {kind: times[kind] / total for kind in [*KINDS, "everything else"]}


if __name__ == "__main__":
    main()
