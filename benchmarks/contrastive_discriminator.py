"""How well can H tell which code a pair shares? H alone is trained, on the pairs of a generator that stays as it is.

    python benchmarks/contrastive_discriminator.py --store S RUN… [--data minishapes] [--updates 600]

RUN are InfoGANs or InfoGAN-CRs with as many codes as the dataset has factors. Each of them is a row for each gap. The
last rows are the dataset itself as a perfect generator, whose codes are the factors. Where H tells the pairs of a
trained generator apart as well as those of the dataset, the regulariser has nothing to gain from codes that are the
factors. Each variant of H is a column: the share of pairs named right over the last tenth of the updates, with all
other settings those of infogan-cr's quick preset. Chance is one over the number of codes. Prints Markdown.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import engine.data
from engine.data.dataset import Dataset
from engine.methods import method_class
from engine.methods.base import Setup
from engine.runs.catalogue import find_run
from engine.runs.loading import load_model
from engine.runs.specification.resolving import resolve
from engine.storage.store import Store

Decode = Callable[[torch.Tensor], torch.Tensor]

VARIANTS: dict[str, tuple[str, ...]] = {
    "quick": (),
    "step size 1e-2": ("contrastive_learning_rate=0.01",),
    "wider": ("contrastive.dense=[512,256]",),
    "batch norm": ('contrastive.normalisation="batch-after"',),
    "convolutions": ("contrastive.channels=[16,32,32]", "contrastive.dense=[128]"),
    "convolutions, batch norm": (
        "contrastive.channels=[16,32,32]",
        "contrastive.dense=[128]",
        'contrastive.normalisation="batch-after"',
    ),
}
GAPS = (0.0, 1.0, 1.9)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="How well H tells which code the images of a pair share")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--data", default="minishapes")
    parser.add_argument("--updates", type=int, default=600)
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--gaps", nargs="*", type=float, default=list(GAPS))
    parser.add_argument("runs", nargs="*")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    dataset = engine.data.load(arguments.data)
    store = Store.open(arguments.store)
    generators = {run: _trained(store, run) for run in arguments.runs} | {"the dataset": _perfect(dataset)}
    print(f"| generator | gap | {' | '.join(arguments.variants)} |")
    print("| --- | --- |" + " --- |" * len(arguments.variants))
    for name, decode in generators.items():
        for gap in arguments.gaps:
            shares = [_share_right(decode, dataset, gap, VARIANTS[v], arguments.updates) for v in arguments.variants]
            print(f"| {name} | {gap:g} | {' | '.join(f'{share:.2f}' for share in shares)} |", flush=True)


def _trained(store: Store, run: str) -> Decode:
    return load_model(find_run(store, run).folder.path).decode


def _perfect(dataset: Dataset) -> Decode:
    """A generator whose k-th code chooses the value of the k-th factor."""
    sizes = np.array(dataset.factor_sizes)

    def decode(latent: torch.Tensor) -> torch.Tensor:
        shares = (latent[:, : len(sizes)].numpy() + 1) / 2
        factors = np.minimum((shares * sizes).astype(int), sizes - 1)
        images = torch.from_numpy(dataset.images(dataset.index_of(factors)))
        return images.permute(0, 3, 1, 2).float() / 255

    return decode


def _share_right(decode: Decode, dataset: Dataset, gap: float, overrides: tuple[str, ...], updates: int) -> float:
    """H's accuracy over the last tenth of its updates."""
    codes = f"codes={len(dataset.factor_sizes)}"
    spec = resolve("infogan-cr", preset="quick", overrides=(codes, "lambda_cr=1", f"gap={gap}", *overrides))[0]
    setup = Setup(dataset.image_shape, len(dataset), seed=0, total_steps=updates, device=torch.device("cpu"))
    method: Any = method_class("infogan-cr")(spec.method, setup)
    accuracies = []
    for iteration in range(updates):
        method.prepare(iteration)
        a, b, shared = method.draw_pairs(spec.training.batch_size)
        with torch.no_grad():
            first, second = decode(a), decode(b)
        accuracies.append(float(method.step_contrastive(first, second, shared)["cr_accuracy"]))
    return float(np.mean(accuracies[-max(updates // 10, 1) :]))


if __name__ == "__main__":
    main()
