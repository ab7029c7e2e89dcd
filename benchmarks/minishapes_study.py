"""The study of docs/results.md on minishapes: all methods, and the regulariser against its control.

    python benchmarks/minishapes_study.py --store S --jobs 2              # all of it, seeds 0-19
    python benchmarks/minishapes_study.py --store S --seeds 0-4 --methods infogan-cr infogan-cr-control
    python benchmarks/minishapes_study.py --store S --report              # what there is so far; trains nothing
    python benchmarks/minishapes_study.py --store S --report --against vae    # all others less one of them

The runs are ordinary runs of the store, in the group ``minishapes``, named METHOD-sSEED, with the preset
``quick-minishapes``. The same command goes on where an earlier one ended, trains only what is missing, and computes no
score twice. The presets were chosen on seeds 100 and above, so no seed is in both. Seeds from 20 to 99 are free for
pools that need more models (``--seeds 20-59``).

``infogan-cr-control`` is InfoGAN-CR whose lambda_CR goes from 0 to 0 where InfoGAN-CR's goes up. H is drawn anew there
too, so the two runs of a seed differ in lambda_CR alone. Until then they are the same: one draw, not two. ``infogan``
of the same seed is a third run of that draw, and trains the same model as the control (a test holds it).

Prints Markdown: a table of methods (means over seeds with 95 % intervals by Student's t) and one of differences
(InfoGAN-CR minus control, paired by seed, with such intervals) for each protocol. ``--against METHOD`` adds the
differences of all other methods to one, whose intervals are Welch's, because seeds of two methods have nothing in
common. ``--infomec`` takes InfoMEC's three scores in place of the seven. ``--json`` prints one document instead.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import orjson

from differences import apart, interval, paired, put_paired
from engine.errors import CrtuiError
from engine.methods import METHODS
from engine.metrics.checks import Protocol
from engine.runs.specification.resolving import resolve
from engine.runs.specification.seeds import parse_seeds
from engine.runs.specification.spec import RunSpec
from engine.storage.store import Store
from method_table import COLUMNS
from pools import Scores, finished_pool, score_pool, to_stderr, train_pool

GROUP = "minishapes"
PRESET = "quick-minishapes"
REGULARISED = "infogan-cr"
CONTROL = "infogan-cr-control"
ARMS = (*METHODS, CONTROL)
_MEAN = "mean"
INFOMEC = {"infomec_modularity": "InfoM", "infomec_compactness": "InfoC", "infomec_explicitness": "InfoE"}
_TITLES = COLUMNS | INFOMEC | {_MEAN: "mean"}
ByArm = Mapping[str, Mapping[int, Scores]]


def main() -> None:
    """Train, score and print."""
    arguments = _arguments()
    try:
        specs = study_specs(arguments.methods, parse_seeds(arguments.seeds), arguments.steps)
        store = Store.open(arguments.store)
        pool = finished_pool(store, specs) if arguments.report else train_pool(store, specs, arguments.jobs, to_stderr)
        names = tuple(INFOMEC if arguments.infomec else COLUMNS)
        scored = {
            protocol: score_pool(store, pool, protocol, arguments.jobs, to_stderr, names)
            for protocol in arguments.protocols
        }
    except CrtuiError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    runs: list[dict[str, Any]] = [
        {"method": arm_of(r.name), "seed": r.seed, "run": r.id, "steps": r.step} for r in pool
    ]
    for row in runs:
        row["scores"] = {protocol: dict(found[row["run"]]) for protocol, found in scored.items() if row["run"] in found}
    results = {protocol: summarise(by_arm(runs, protocol)) for protocol in arguments.protocols}
    if arguments.json:
        document = {"store": str(store.root), "group": GROUP, "runs": runs, "protocols": results}
        print(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
        return
    for protocol, result in results.items():
        print_tables(protocol, result)
        if arguments.against in result["methods"]:
            print_against(protocol, arguments.against, by_arm(runs, protocol))


def study_specs(arms: Sequence[str], seeds: Sequence[int], steps: int | None = None) -> list[RunSpec]:
    """The runs of some arms, seed by seed, so that a study that is cut short has whole seeds.

    Args:
        arms: names of :data:`ARMS`.
        seeds: of the runs.
        steps: another length than the preset's. The regulariser then comes on in proportion.
    """
    return [_spec(arm, seed, steps) for seed in seeds for arm in arms]


def arm_of(name: str | None) -> str:
    """The arm that a run of the study belongs to."""
    return (name or "").rpartition("-s")[0]


def by_arm(runs: Sequence[Mapping[str, Any]], protocol: str) -> ByArm:
    """Scores by arm and seed."""
    table: dict[str, dict[int, Scores]] = {}
    for row in runs:
        if protocol in row["scores"]:
            table.setdefault(row["method"], {})[row["seed"]] = row["scores"][protocol]
    return table


def summarise(scores: ByArm) -> dict[str, Any]:
    """Mean and spread of each arm, and the regularised arm against its control."""
    methods = {
        arm: {key: interval(values) for key, values in _by_score(found).items()} for arm, found in scores.items()
    }
    regularised, control = scores.get(REGULARISED, {}), scores.get(CONTROL, {})
    seeds = sorted(regularised.keys() & control.keys())
    names = regularised[seeds[0]] if seeds else ()
    differences = {key: paired([regularised[s][key] - control[s][key] for s in seeds]) for key in names}
    return {"methods": methods, "differences": differences, "seeds": seeds}


def print_tables(protocol: str, result: Mapping[str, Any]) -> None:
    """The tables of one protocol as Markdown."""
    print(f"\nProtocol `{protocol}`: mean ± half of the 95 % interval over seeds")
    for place, (arm, scores) in enumerate(result["methods"].items()):
        if place == 0:
            print(f"\n| method | n | {' | '.join(_TITLES[key] for key in scores)} |")
            print("| --- | --- |" + " --- |" * len(scores))
        cells = [f"{score['mean']:.3f} ± {score['high'] - score['mean']:.3f}" for score in scores.values()]
        print(f"| {arm} | {scores[_MEAN]['n']} | {' | '.join(cells)} |")
    if not result["seeds"]:
        return
    print(
        f"\nProtocol `{protocol}`: {REGULARISED} minus {CONTROL}, {len(result['seeds'])} pairs; 95 % intervals of each"
    )
    print(f"alone, **bold** where it stands among all {len(result['differences'])}\n")
    put_paired(result["differences"], _TITLES)


def print_against(protocol: str, other: str, scores: ByArm) -> None:
    """The differences of all arms to one as Markdown."""
    arms = [arm for arm, by_seed in scores.items() if arm != other and min(len(by_seed), len(scores[other])) > 1]
    theirs = _by_score(scores[other])
    comparisons = len(arms) * len(theirs)
    print(f"\nProtocol `{protocol}`: less {other}, **bold** where it stands among {comparisons} comparisons\n")
    print(f"| method | {' | '.join(_TITLES[key] for key in theirs)} |\n| --- |{' --- |' * len(theirs)}")
    for arm in arms:
        found = [apart(values, theirs[key], comparisons) for key, values in _by_score(scores[arm]).items()]
        cells = [f"{each['mean']:+.3f} ± {each['high'] - each['mean']:.3f}" for each in found]
        marked = [f"**{cell}**" if each["resolved"] else cell for cell, each in zip(cells, found, strict=True)]
        print(f"| {arm} | {' | '.join(marked)} |")


def _by_score(by_seed: Mapping[int, Scores]) -> dict[str, list[float]]:
    """Each score seed by seed, and the mean of all."""
    rows = list(by_seed.values())
    return {key: [row[key] for row in rows] for key in rows[0]} | {_MEAN: [statistics.fmean(r.values()) for r in rows]}


def _spec(arm: str, seed: int, steps: int | None) -> RunSpec:
    method = REGULARISED if arm == CONTROL else arm
    flags = {"name": f"{arm}-s{seed}", "group": GROUP, "seed": seed, "device": "cpu", "training.steps": steps}
    overrides = [_no_regulariser()] if arm == CONTROL else []
    return resolve(method, preset=PRESET, flags=flags, overrides=overrides)[0]


def _no_regulariser() -> str:
    """lambda_CR changes when the preset's does, from 0 to 0."""
    [preset] = resolve(REGULARISED, preset=PRESET)
    written = preset.method.model_dump(mode="json")["lambda_cr"]
    return f"lambda_cr={json.dumps([[at, 0.0] for at, _ in written])}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="All methods on minishapes, and the regulariser against its control")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--seeds", default="0-19", help="for instance 0-19 or 0,2,5")
    parser.add_argument("--methods", nargs="+", choices=ARMS, default=ARMS, metavar="METHOD", help=", ".join(ARMS))
    parser.add_argument("--protocols", nargs="+", choices=get_args(Protocol), default=get_args(Protocol))
    parser.add_argument("--jobs", type=_count, default=1, help="runs that train, and processes that score, at once")
    parser.add_argument("--steps", type=_count, help="updates of each run; default: the preset's")
    parser.add_argument("--report", action="store_true", help="train nothing; score and show the runs that finished")
    parser.add_argument("--against", choices=ARMS, metavar="METHOD", help="also what all others differ from it")
    parser.add_argument("--infomec", action="store_true", help="InfoMEC's scores in place of the seven")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser.parse_args()


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"give a number from 1, not '{text}'")
    return int(text)


if __name__ == "__main__":
    main()
