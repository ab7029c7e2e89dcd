"""Several models on the cores of one machine: a process each, one process for all, or all in one set of layers.

    python benchmarks/many_models.py [--seconds 10] [--rounds 3] [--precision bfloat16]

The engine's InfoGAN-CR iteration at the paper's dSprites settings, lambda_cr = 0. *N x T* is N processes with T threads
each, all training at once; one process that trains N models in turn has the rate of *1 x cores*, shared out. Stacking N
models in one process means convolutions in N groups: the second table times those against N convolutions one after the
other. (On a GPU the same question is a stage of benchmarks/gpu.py.)
"""

from __future__ import annotations

import argparse
import statistics
import time
from contextlib import ExitStack

from crowded import OURS, Runner
from engine.machine.cores import usable_cores

LAYERS = [(32, 32, 32), (32, 64, 16), (64, 64, 8)]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", default="bfloat16")
    arguments = parser.parse_args()
    cores = usable_cores()
    print(f"{arguments.precision}, {cores} cores")
    print(f"{'processes x threads':<22}{'updates/s of all':>18}{'of the first':>14}")
    base = 0.0
    for count, threads in ((1, cores), (cores, 1), (2 * cores, 1), (4 * cores, 1)):
        rate = _total(count, threads, arguments.seconds, arguments.rounds, arguments.precision)
        base = base or rate
        print(f"{f'{count} x {threads}':<22}{rate:>18.2f}{rate / base:>14.2f}")
    _print_groups()


def _total(count: int, threads: int, seconds: float, rounds: int, precision: str) -> float:
    with ExitStack() as stack:
        runners = [Runner(threads, OURS, precision) for _ in range(count)]
        for runner in runners:
            stack.callback(runner.close)
        totals = []
        for _ in range(rounds):
            for runner in runners:
                runner.start(seconds)
            totals.append(sum(runner.result()[0] for runner in runners))
        return statistics.median(totals)


def _print_groups() -> None:
    import torch
    import torch.nn.functional as F

    from engine.models.convolution import channels_last

    torch.set_num_threads(usable_cores())
    print(f"\n{'4 models, one layer':<22}{'one by one, ms':>18}{'in groups, ms':>16}{'ratio':>8}")
    for inputs, outputs, side in LAYERS:
        one = channels_last(torch.randn(64, inputs, side, side, dtype=torch.bfloat16))
        weight = torch.randn(outputs, inputs, 4, 4, dtype=torch.bfloat16)
        stacked, weights = channels_last(one.repeat(1, 4, 1, 1)), weight.repeat(4, 1, 1, 1)
        apart, together = [], []
        for _ in range(12):
            start = time.perf_counter()
            for _ in range(4):
                F.conv2d(one, weight, stride=2, padding=1)
            middle = time.perf_counter()
            F.conv2d(stacked, weights, stride=2, padding=1, groups=4)
            apart.append(middle - start)
            together.append(time.perf_counter() - middle)
        a, b = statistics.median(apart), statistics.median(together)
        print(f"{f'{inputs} -> {outputs} @ {side}':<22}{a * 1e3:>18.2f}{b * 1e3:>16.2f}{a / b:>8.2f}")


if __name__ == "__main__":
    main()
