"""The analysis of docs/evidence.md: branches with the contrastive regulariser against branches without, by trunk.

    python benchmarks/evidence.py --store S --jobs 2               # all scores, both protocols, paired differences
    python benchmarks/evidence.py --store S --jobs 2 --curves      # MIG and FactorVAE over updates

Takes the runs of the group ``branches``, two of each seed, from one checkpoint of its trunk. The last value of its
lambda_CR says which arm a branch belongs to. Nothing is scored before both branches of every seed have finished: that
is the protocol's stopping rule. The scores are the seven of the paper's table and the disentanglement of DCI by each
further regressor.

The same command goes on where an earlier one ended. ``--curves`` scores MIG at every checkpoint that training itself
scored, by the paper's protocol; the FactorVAE scores there are training's own. ``--save FILE`` draws these curves
(``.svg``, ``.pdf`` or ``.png``; needs the extra ``plot``). ``--json FILE`` writes all figures.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from differences import paired, put_paired
from engine.errors import CrtuiError, InputError
from engine.metrics.checks import Protocol
from engine.runs.catalogue import RunRecord, find_run, list_runs
from engine.runs.events import read_events
from engine.runs.specification.seeds import parse_seeds
from engine.runs.state import Status
from engine.storage.store import Store
from engine.training.step_folders import steps
from method_table import COLUMNS
from pools import Say, score_checkpoints, score_pool, to_stderr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cr_tui.figures.seeds import Spread

GROUP = "branches"
REGRESSORS = {
    "dci_lasso_disentanglement": "DCI-D, lasso",
    "dci_lasso_cv_disentanglement": "DCI-D, lasso, cross-validated",
    "dci_random_forest_disentanglement": "DCI-D, forest",
    "dci_random_forest_ibgan_disentanglement": "DCI-D, forest of IB-GAN",
    "dci_random_forest_cv_disentanglement": "DCI-D, forest, cross-validated",
    "dci_gradient_boosting_disentanglement": "DCI-D, boosted trees",
}
OWN_REGRESSOR: Mapping[Protocol, str] = {
    "paper": "dci_lasso_disentanglement",
    "lib": "dci_gradient_boosting_disentanglement",
}
"""The regressor that DCI has under each protocol, which need not be fitted twice."""
CURVES = {"mig": "MIG", "factor_vae": "FactorVAE"}
Arms = Mapping[int, tuple[RunRecord, RunRecord]]


def main() -> None:
    """Score and print."""
    parser = argparse.ArgumentParser(description="Branches with the regulariser against branches without")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--seeds", default="0-4", help="of the trunks")
    parser.add_argument("--protocols", nargs="+", choices=get_args(Protocol), default=get_args(Protocol))
    parser.add_argument("--jobs", type=int, default=1, help="processes that score at once")
    parser.add_argument("--curves", action="store_true", help="MIG and FactorVAE over updates instead")
    parser.add_argument("--save", type=Path, metavar="FILE", help="also draw the curves, as SVG, PDF or PNG")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    arguments = parser.parse_args()
    try:
        store = Store.open(arguments.store)
        arms = arms_of(list_runs(store), parse_seeds(arguments.seeds))
        figures: dict[str, Any] = {}
        if arguments.curves:
            figures = curves(store, arms, arguments.jobs, to_stderr)
            put_curves(figures)
            if arguments.save:
                from cr_tui.figures.drawing import save_figure

                save_figure(arguments.save, draw_curves_of(figures))
        else:
            for protocol in arguments.protocols:
                figures[protocol] = compared(store, arms, protocol, arguments.jobs, to_stderr)
                put(protocol, figures[protocol])
    except CrtuiError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))


def arms_of(records: Sequence[RunRecord], seeds: Sequence[int]) -> Arms:
    """The branches of each seed: the one with the regulariser, and the one without.

    Raises:
        InputError: a branch is missing, has not finished, or is there twice.
    """
    found: dict[tuple[int, bool], list[RunRecord]] = defaultdict(list)
    for record in records:
        if record.group == GROUP and record.seed is not None:
            found[record.seed, is_regularised(record)].append(record)
    arms = {}
    for seed in seeds:
        pair = []
        for regularised, arm in ((True, "with the regulariser"), (False, "without it")):
            branches = found[seed, regularised]
            if len(branches) != 1:
                raise InputError(f"seed {seed} has {len(branches)} branches {arm} in group '{GROUP}'; it needs one")
            if branches[0].status is not Status.FINISHED:
                reason = "the protocol scores no branch before all have finished"
                raise InputError(f"{branches[0].name} is {branches[0].status}; {reason}")
            pair += branches
        starts = {record.folder.spec().branch for record in pair}
        if len(starts) != 1:
            raise InputError(f"the branches of seed {seed} do not start from one checkpoint, so they are no pair")
        arms[seed] = (pair[0], pair[1])
    return arms


def is_regularised(record: RunRecord) -> bool:
    """Whether a run's lambda_CR ends above zero."""
    written = record.folder.spec().method.model_dump(mode="json")["lambda_cr"]
    return bool((written[-1][1] if isinstance(written, list) else written) > 0)


def names_of(protocol: Protocol) -> dict[str, str]:
    """The scores that are compared under a protocol, with their titles."""
    return COLUMNS | {key: title for key, title in REGRESSORS.items() if key != OWN_REGRESSOR[protocol]}


def compared(store: Store, arms: Arms, protocol: Protocol, jobs: int, say: Say) -> dict[str, Any]:
    """The scores of all branches, and their differences paired by trunk."""
    names = names_of(protocol)
    runs = [record for pair in arms.values() for record in pair]
    scores = score_pool(store, runs, protocol, jobs, say, tuple(names))
    missing = [str(record.name) for record in runs if record.id not in scores]
    if missing:
        raise InputError(f"{', '.join(missing)} cannot be scored by protocol {protocol}, so there are no pairs")
    rows = {seed: [dict(scores[record.id]) for record in pair] for seed, pair in arms.items()}
    differences = {key: paired([one[key] - two[key] for one, two in rows.values()]) for key in names}
    return {"branches": rows, "differences": differences}


def put(protocol: Protocol, result: Mapping[str, Any]) -> None:
    """Print the scores of the branches and the table of differences as Markdown."""
    names = names_of(protocol)
    print(f"\nProtocol `{protocol}`: every branch\n")
    print(f"| seed | lambda_CR | {' | '.join(COLUMNS.values())} |\n| --- | --- |{' --- |' * len(COLUMNS)}")
    for seed, pair in result["branches"].items():
        for arm, scores in zip(("on", "0"), pair, strict=True):
            print(f"| {seed} | {arm} | {' | '.join(f'{scores[key]:.3f}' for key in COLUMNS)} |")
    print(f"\nProtocol `{protocol}`: on minus 0, paired by trunk, 95 % intervals of each alone;")
    print(f"**bold** where it stands among all {len(names)}\n")
    put_paired(result["differences"], names, pairs=True)


def curves(store: Store, arms: Arms, jobs: int, say: Say) -> dict[str, list[dict[str, Any]]]:
    """MIG and FactorVAE over updates: for trunks and for each arm, ``steps`` and both scores of every run."""
    lines = {
        "trunk": [find_run(store, trunk_of(pair[0])) for pair in arms.values()],
        "lambda_CR on": [pair[0] for pair in arms.values()],
        "lambda_CR 0": [pair[1] for pair in arms.values()],
    }
    factor_vae = {record.id: _own_scores(record) for line in lines.values() for record in line}
    places = [
        (record, step)
        for line in lines.values()
        for record in line
        for step in steps(record.folder.checkpoints)
        if step in factor_vae[record.id]
    ]
    mig = score_checkpoints(store, places, "paper", jobs, say, ("mig",))
    found: dict[str, list[dict[str, Any]]] = {}
    for name, line in lines.items():
        for record in line:
            there = [step for one, step in places if one is record and (record.id, step) in mig]
            scores = {
                "mig": [mig[record.id, step]["mig"] for step in there],
                "factor_vae": [factor_vae[record.id][step] for step in there],
            }
            found.setdefault(name, []).append({"run": record.id, "seed": record.seed, "steps": there, **scores})
    return found


def trunk_of(record: RunRecord) -> str:
    """The run that a branch starts from.

    Raises:
        InputError: the run is no branch.
    """
    branch = record.folder.spec().branch
    if branch is None:
        raise InputError(f"{record.name} starts from no other run, so it has no trunk")
    return branch.run


def put_curves(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Print them as Markdown: mean ± standard deviation over seeds."""
    print("\n| run | updates | seeds | MIG | FactorVAE |\n| --- | --- | --- | --- | --- |")
    for name, line in found.items():
        for step in sorted({step for run in line for step in run["steps"]}):
            there = [(run, run["steps"].index(step)) for run in line if step in run["steps"]]
            cells = [_mean_and_sd([run[key][place] for run, place in there]) for key in CURVES]
            print(f"| {name} | {step:,} | {len(there)} | {' | '.join(cells)} |")


def draw_curves_of(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """The same as a figure, a panel a score."""
    from cr_tui.figures.curves import Panel, draw_curves
    from cr_tui.figures.seeds import over_seeds

    def spread(line: Sequence[Mapping[str, Any]], key: str) -> Spread | None:
        return over_seeds([(np.array(run["steps"], dtype=np.int64), np.array(run[key])) for run in line])

    return draw_curves(
        [Panel(title, {name: spread(line, key) for name, line in found.items()}) for key, title in CURVES.items()]
    )


def _own_scores(record: RunRecord) -> dict[int, float]:
    """The FactorVAE scores that training wrote itself, by step."""
    rows = read_events(record.folder.events_path, kinds=("score",)).rows
    return {int(row["step"]): float(row["factor_vae"]) for row in rows if "factor_vae" in row}


def _mean_and_sd(values: Sequence[float]) -> str:
    return f"{statistics.fmean(values):.3f}" + (f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else "")


if __name__ == "__main__":
    main()
