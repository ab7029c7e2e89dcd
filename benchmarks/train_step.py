"""Time one InfoGAN-CR iteration of the engine against the plain eager one of the same mathematics, in one run.

    python benchmarks/train_step.py [--iterations 20] [--threads 2] [--device cpu]

Both train the paper's dSprites networks (64x64, batch 64) from the same weights on the same draws; the two alternate,
so that a change of the machine's speed meets both. Prints the median time of each and the ratio plain / engine, for
lambda_cr = 0 and > 0.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from plain_infogan_cr import PlainInfoGANCR, plain_copy

from engine.methods.base import Setup
from engine.methods.infogan_cr import InfoGANCR, InfoGANCRSettings

SIDE = 64
BATCH = 64


def main() -> None:
    """Run the comparison and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    print(
        f"torch {torch.__version__}, {device}, {arguments.threads} threads, median of {arguments.iterations} iterations"
    )
    print(f"{'phase':<16}{'plain ms':>10}{'engine ms':>11}{'plain / engine':>16}{'engine it/s':>13}")
    for name, lambda_cr in (("lambda_cr = 0", 0.0), ("lambda_cr = 2", 2.0)):
        plain, ours = compare(lambda_cr, arguments.iterations, device)
        print(f"{name:<16}{plain * 1e3:>10.1f}{ours * 1e3:>11.1f}{plain / ours:>16.2f}{1 / ours:>13.2f}")


def compare(lambda_cr: float, iterations: int, device: torch.device) -> tuple[float, float]:
    """Median seconds of a plain and of an engine iteration."""
    setup = Setup((SIDE, SIDE, 1), images=737_280, seed=0, total_steps=10**6, device=device)
    method = InfoGANCR(InfoGANCRSettings(lambda_cr=lambda_cr), setup)
    plain = plain_copy(method, SIDE, method.settings.lambda_info)
    images = (torch.rand(BATCH, 1, SIDE, SIDE) > 0.95).float().to(device)
    draws = torch.Generator().manual_seed(0)
    plain_times, engine_times = [], []
    for iteration in range(iterations + 3):
        plain_times.append(_timed(lambda: _plain_iteration(plain, method, images, draws, lambda_cr), device))
        engine_times.append(_timed(lambda step=iteration: method.update(images, step), device))  # type: ignore[misc]
    return statistics.median(plain_times[3:]), statistics.median(engine_times[3:])


def _plain_iteration(
    plain: PlainInfoGANCR, method: InfoGANCR, images: torch.Tensor, draws: torch.Generator, lambda_cr: float
) -> None:
    latent = method.codes.sample(len(images), draws).to(images.device)
    first, second, shared = (t.to(images.device) for t in method.codes.sample_pairs(len(images), 0.0, draws))
    plain.iterate(images, latent, first, second, shared, lambda_cr)


def _timed(iteration: Callable[[], object], device: torch.device) -> float:
    start = time.perf_counter()
    iteration()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
