"""Which factors do the codes of a run stand for? The FactorVAE score of the paper's protocol, factor by factor.

    python benchmarks/factors_found.py --store S RUN…

A factor's number is the share of groups that were named right, of those in which that factor stood still: 1 where one
code stands for the factor alone, and low where several codes share it. Their mean is the FactorVAE score. Prints
Markdown.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.choosing.scoring import load_dataset
from engine.data.dataset import Dataset
from engine.metrics.evaluation_sets import EvaluationSets
from engine.metrics.votes import factor_votes, vote_table
from engine.models.model import Model
from engine.runs.catalogue import find_run
from engine.runs.loading import load_model
from engine.storage.store import Store


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="The FactorVAE score, factor by factor")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("runs", nargs="+")
    arguments = parser.parse_args()
    store = Store.open(arguments.store)
    for number, name in enumerate(arguments.runs):
        record = find_run(store, name)
        dataset = load_dataset(store, record)
        if number == 0:
            print(f"| run | {' | '.join(dataset.factor_names)} |")
            print("| --- |" + " --- |" * len(dataset.factors))
        found = _found(load_model(record.folder.path, name=name), dataset)
        print(f"| {name} | {' | '.join(f'{share:.2f}' for share in found)} |", flush=True)


def _found(model: Model, dataset: Dataset) -> NDArray[np.float64]:
    """The share of groups named right, float ``[k]``."""
    sets = EvaluationSets.draw(dataset, "paper", seed=0)
    encode = model.encoder_of("sample" if model.has_posterior else "mean", 0)

    def codes(indices: NDArray[np.int64]) -> NDArray[np.float32]:
        pixels = dataset.images(indices.ravel()).transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
        return encode(pixels).reshape(*indices.shape, -1)

    groups, labels = codes(sets.indices["groups"]), sets.labels["groups"]
    votes = factor_votes(groups, codes(sets.indices["scale"]).std(0))
    table = vote_table(votes, labels, groups.shape[-1], len(dataset.factors))
    right = table * (table == table.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = right.sum(axis=0) / np.bincount(labels, minlength=len(dataset.factors))
    return shares


if __name__ == "__main__":
    main()
