"""The selection table of docs/results.md: what each selector picks from a trained pool, held against the labels.

    python benchmarks/selection_table.py --store S --group pool [--group more ...] [--jobs 2]

Every selector of ``crtui select`` ranks the runs of the groups (the similarities of ModelCentrality included). For each
the table shows the pick's supervised scores (the paper's protocol), its rank by the FactorVAE score (1 = best), and
Spearman's correlation of the selector's score with the FactorVAE score over the pool. Prints Markdown, a row as soon as
it is known; PIPE, which trains a network for each model, takes minutes.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from engine.choosing.choose import select_runs
from engine.choosing.methods import CENTRALITY
from engine.choosing.result import MethodResult
from engine.errors import InputError
from engine.selection import SIMILARITIES
from engine.storage.store import Store
from method_table import COLUMNS
from pools import Scores, finished_runs, score_pool, to_stderr

ALONE = ("udr-lasso", "udr-spearman", "rank-mean", "ica", "pipe", "supervised")
"""The selection methods beside ModelCentrality."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="What each selector picks from a trained pool")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--group", action="append", required=True, help="runs of groups of this pattern; repeatable")
    parser.add_argument("--jobs", type=int, default=1, help="processes that score at once")
    arguments = parser.parse_args()
    store = Store.open(arguments.store)
    try:
        records = finished_runs(store, arguments.group)
    except InputError as error:
        sys.exit(f"error: {error}")
    scores = score_pool(store, records, "paper", arguments.jobs, to_stderr)
    names = {record.id: record.name for record in records}
    print(f"| selector | pick | {' | '.join(COLUMNS.values())} | rank of {len(records)} | Spearman |")
    print("| --- | --- |" + " --- |" * (len(COLUMNS) + 2))
    for label, result in _selections(store, records):
        pick = result.pick
        rank = 1 + sum(scores[run]["factor_vae"] > scores[pick]["factor_vae"] for run in scores)
        pairs = [
            (s, scores[run]["factor_vae"]) for s, run in zip(result.scores, names, strict=True) if not math.isnan(s)
        ]
        print(f"| {label} | {names[pick]} | {_cells(scores[pick])} | {rank} | {_correlation(pairs)} |", flush=True)
    for label, reduce in (("best of the pool", np.max), ("mean of the pool", np.mean), ("worst of the pool", np.min)):
        reduced = {key: float(reduce([run[key] for run in scores.values()])) for key in COLUMNS}
        print(f"| *{label}* | | {_cells(reduced)} | | |")


def _selections(store: Store, records: list[Any]) -> Iterator[tuple[str, MethodResult]]:
    for similarity in SIMILARITIES:
        to_stderr(f"ModelCentrality by {similarity}")
        result = select_runs(store, records, similarity=similarity)
        yield f"ModelCentrality ({similarity})", result.methods[CENTRALITY]
    for method in ALONE:
        to_stderr(method)
        yield method, select_runs(store, records, [method]).methods[method]


def _correlation(pairs: Sequence[tuple[float, float]]) -> str:
    selector, truth = zip(*pairs, strict=True)
    if len(set(selector)) == 1 or len(set(truth)) == 1:
        return "–"  # Equal numbers have no order.
    return f"{spearmanr(selector, truth).statistic:.2f}"


def _cells(scores: Scores) -> str:
    return " | ".join(f"{scores[key]:.3f}" for key in COLUMNS)


if __name__ == "__main__":
    main()
