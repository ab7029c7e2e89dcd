"""The selection table of docs/results.md: what each selector picks from a trained pool, held against the labels.

    python benchmarks/selection_table.py --store S --group pool

Every selector of ``crtui select`` ranks the runs of the group (the similarities of ModelCentrality included). For each
the table shows the pick's supervised scores (the paper's protocol), its rank by the FactorVAE score (1 = best), and
Spearman's correlation of the selector's score with the FactorVAE score over the pool. Prints Markdown.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from engine.choosing.choose import select_runs
from engine.choosing.methods import CENTRALITY
from engine.choosing.result import MethodResult
from engine.choosing.scoring import score_run
from engine.runs.catalogue import list_runs
from engine.runs.state import Status
from engine.selection import SIMILARITIES
from engine.storage.store import Store
from method_table import COLUMNS


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="What each selector picks from a trained pool")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--group", required=True)
    arguments = parser.parse_args()
    store = Store.open(arguments.store)
    records = [r for r in list_runs(store) if r.group == arguments.group and r.status is Status.FINISHED]
    scores = {}
    for record in records:
        print(f"scoring {record.name}", file=sys.stderr)
        scores[record.id] = score_run(store, record, list(COLUMNS), "paper")["scores"]
    names = {record.id: record.name for record in records}
    print(f"| selector | pick | {' | '.join(COLUMNS.values())} | rank of {len(records)} | Spearman |")
    print("| --- | --- |" + " --- |" * (len(COLUMNS) + 2))
    for label, result in _selections(store, records):
        pick = result.pick
        rank = 1 + sum(scores[run]["factor_vae"] > scores[pick]["factor_vae"] for run in scores)
        pairs = [
            (s, scores[run]["factor_vae"]) for s, run in zip(result.scores, names, strict=True) if not math.isnan(s)
        ]
        correlation = spearmanr(*zip(*pairs, strict=True)).statistic
        print(f"| {label} | {names[pick]} | {_cells(scores[pick])} | {rank} | {correlation:.2f} |")
    for label, reduce in (("best of the pool", np.max), ("mean of the pool", np.mean), ("worst of the pool", np.min)):
        reduced = {key: float(reduce([run[key] for run in scores.values()])) for key in COLUMNS}
        print(f"| *{label}* | | {_cells(reduced)} | | |")


def _selections(store: Store, records: list[Any]) -> list[tuple[str, MethodResult]]:
    rows = []
    for similarity in SIMILARITIES:
        print(f"ModelCentrality by {similarity}", file=sys.stderr)
        result = select_runs(store, records, similarity=similarity)
        rows.append((f"ModelCentrality ({similarity})", result.methods[CENTRALITY]))
    for method in ("udr-lasso", "udr-spearman", "rank-mean", "ica", "pipe", "supervised"):
        print(method, file=sys.stderr)
        rows.append((method, select_runs(store, records, [method]).methods[method]))
    return rows


def _cells(scores: dict[str, float]) -> str:
    return " | ".join(f"{scores[key]:.3f}" for key in COLUMNS)


if __name__ == "__main__":
    main()
