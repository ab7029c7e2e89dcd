"""The score table of docs/results.md: every method among a store's runs, mean and spread over seeds.

    crtui --store S train METHOD --preset quick --seeds 0-2 --group quick      # for every method
    python benchmarks/method_table.py --store S --group quick [--name PATTERN] [--protocol paper|lib]

Scores that a run lacks are computed first, by the engine's own evaluation, and kept with the run. Prints Markdown.
"""

from __future__ import annotations

import argparse
import fnmatch
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from engine.choosing.scoring import score_run
from engine.runs.catalogue import RunRecord, list_runs
from engine.runs.events import read_events
from engine.runs.state import Status
from engine.storage.store import Store

COLUMNS = {
    "factor_vae": "FactorVAE",
    "beta_vae": "BetaVAE",
    "dci_disentanglement": "DCI-D",
    "sap": "SAP",
    "mig": "MIG",
    "modularity": "Modularity",
    "explicitness": "Explicitness",
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Mean and standard deviation of each score over the seeds of a method")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--group", help="runs of this group only")
    parser.add_argument("--name", default="*", help="runs whose name fits this pattern only")
    parser.add_argument("--protocol", choices=("paper", "lib"), default="paper")
    arguments = parser.parse_args()
    store = Store.open(arguments.store)
    records = [
        record
        for record in list_runs(store)
        if arguments.group in (None, record.group) and fnmatch.fnmatch(record.name or "", arguments.name)
    ]
    finished = [record for record in records if record.status is Status.FINISHED]
    if len(finished) < len(records):
        print(f"{len(records) - len(finished)} runs have not finished and are left out", file=sys.stderr)
    by_stem: dict[str, list[tuple[dict[str, float], float]]] = defaultdict(list)
    for record in finished:
        print(f"scoring {record.name}", file=sys.stderr)
        by_stem[_stem(record)].append((_scores(store, record, arguments.protocol), _minutes(record)))
    print(f"| run | seeds | {' | '.join(COLUMNS.values())} | FactorVAE by seed | minutes a run |")
    print("| --- | --- |" + " --- |" * (len(COLUMNS) + 2))
    for stem, rows in sorted(by_stem.items()):
        cells = [_mean_and_sd([scores[key] for scores, _ in rows]) for key in COLUMNS]
        seeds = " ".join(f"{scores['factor_vae']:.3f}" for scores, _ in rows)
        minutes = statistics.mean(minutes for _, minutes in rows)
        print(f"| {stem} | {len(rows)} | {' | '.join(cells)} | {seeds} | {minutes:.1f} |")


def _stem(record: RunRecord) -> str:
    """The run's name without its seed."""
    return (record.name or record.id).removesuffix(f"-s{record.seed}")


def _scores(store: Store, record: RunRecord, protocol: Any) -> dict[str, float]:
    scores: dict[str, float] = score_run(store, record, list(COLUMNS), protocol)["scores"]
    return scores


def _minutes(record: RunRecord) -> float:
    """From the first to the last row of losses or scores of the last attempt."""
    times: list[float] = [
        event["time"] for event in read_events(record.folder.events_path, kinds=("train", "score")).rows
    ]
    return (max(times) - min(times)) / 60


def _mean_and_sd(values: list[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}"


if __name__ == "__main__":
    main()
