"""The benchmark of selectors: what each way of choosing a model without labels loses against the best of a pool.

    python benchmarks/selector_regret.py --store S --group G [--group G ...] [--pool-size 10] [--pipe] [--json FILE]

Takes the finished runs of the groups, GANs and models with a posterior (VAEs) apart, compares all pairs of each kind
once, and then lets every selector choose from many pools of them. Prints for each selector the mean regret by each of
the seven scores with its 95 % interval, and the difference to the product's default selector. The ends are a model at
random and the best by the FactorVAE score. InfoGAN and InfoGAN-CR of one seed are one model until the regulariser comes
on: they form one unit, and no pool has two of them (see ``regret.py``). Other runs are units of their own, though VAEs
of one seed begin from the same weights; the output says how alike runs of one seed are, and runs of two.

What was compared and scored is kept in the store. So an interrupted call goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.choosing.comparison import pairs_of
from engine.choosing.methods.pipe import score_of
from engine.choosing.pool import Pool
from engine.runs.catalogue import RunRecord, list_runs
from engine.runs.state import Status
from engine.selection import SIMILARITIES
from engine.selection.common_codes import CommonCodes
from engine.selection.generated_set import VotingProtocol
from engine.selection.independent import components_of
from engine.selection.stability import udr_pairs
from engine.storage.store import Store
from method_table import COLUMNS
from pools import score_pool
from regret import (
    BEST,
    RANDOM,
    Estimate,
    Selector,
    centrality_selector,
    draw_pools,
    estimate,
    rank_mean_selector,
    regrets,
    supervised_selector,
    udr_selector,
)

DEFAULT = f"ModelCentrality ({SIMILARITIES[0]})"
SHARED_TRUNK = {"infogan", "infogan-cr"}
"""Methods whose runs of one seed are one model until the regulariser comes on."""


@dataclass(frozen=True, eq=False)
class Collection:
    """All models of one kind, with what every selector needs.

    Args:
        kind: "GANs" or "VAEs".
        names: of the runs, ``[n]``.
        units: which of them are one draw, int64 ``[n]``.
        truth: supervised scores by the paper's protocol, float64 ``[n, 7]`` in the order of the table's columns.
        selectors: by name.
        alike: mean cross-score of two models of one seed, and of two seeds.
    """

    kind: str
    names: list[str]
    units: NDArray[np.int64]
    truth: NDArray[np.float64]
    selectors: dict[str, Selector]
    alike: tuple[float, float]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Regret of every selector over resampled pools")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--group", action="append", required=True, help="runs of this group; repeatable")
    parser.add_argument("--pool-size", type=int, default=10)
    parser.add_argument("--pools", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pipe", action="store_true", help="also PIPE, which trains a network for each model")
    parser.add_argument("--jobs", type=int, default=1, help="processes that score at once")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    arguments = parser.parse_args()
    store = Store.open(arguments.store)
    wanted = [run for run in list_runs(store) if run.group in arguments.group]
    records = [run for run in wanted if run.status is Status.FINISHED]
    if len(records) < len(wanted):
        print(f"{len(wanted) - len(records)} runs have not finished and are left out", file=sys.stderr)
    tables = {}
    for collection in collections(store, records, arguments.jobs, pipe=arguments.pipe):
        units = len(np.unique(collection.units))
        print(f"\n{collection.kind}: {len(collection.names)} models, {units} independent units", file=sys.stderr)
        if units < arguments.pool_size:
            print(f"too few for pools of {arguments.pool_size}: left out", file=sys.stderr)
            continue
        table = compared(collection, arguments.pool_size, arguments.pools, arguments.seed)
        put(collection, table)
        tables[collection.kind] = as_json(collection, table)
    if arguments.json:
        arguments.json.write_text(json.dumps(tables, indent=1))


def collections(store: Store, records: Sequence[RunRecord], jobs: int, *, pipe: bool = False) -> Iterator[Collection]:
    """Compare and score the runs of each kind, or take what an earlier call kept."""
    pool = Pool(store, list(records), VotingProtocol(), "cpu", progress=_report)
    pool.load()
    for reason in pool.excluded.values():
        print(f"left out: {reason}", file=sys.stderr)
    for kind, has_posterior in (("GANs", False), ("VAEs", True)):
        members = [index for index, model in pool.models.items() if model.has_posterior is has_posterior]
        if members:
            models = {place: pool.models[index] for place, index in enumerate(members)}
            part = replace(pool, records=[pool.records[index] for index in members], models=models, excluded={})
            yield _collected(kind, part, jobs, pipe)


def _collected(kind: str, pool: Pool, jobs: int, pipe: bool) -> Collection:
    records = pool.records
    everything = np.ones((len(records), len(records)), dtype=np.bool_)
    matrices = {}
    for similarity in SIMILARITIES:
        pool.similarity = similarity
        pairs = pairs_of(pool)
        pairs.evaluate(everything, lambda done, total: _report("comparing models", done, total))
        matrices[similarity] = pairs.result().matrix
    common = [pool.codes[index] for index in range(len(records))]
    usable = np.array([not isinstance(codes, str) for codes in common])
    usable &= np.isfinite(matrices[SIMILARITIES[0]].diagonal())
    kept = np.flatnonzero(usable)
    for index in np.flatnonzero(~usable):
        print(f"left out: {records[index].name} cannot be compared", file=sys.stderr)
    codes = [each for each, use in zip(common, usable, strict=True) if use and not isinstance(each, str)]
    selectors = {
        f"ModelCentrality ({name})": centrality_selector(matrix[np.ix_(kept, kept)])
        for name, matrix in matrices.items()
    }
    for udr_kind in ("lasso", "spearman"):
        pairs_by_udr = udr_pairs([each.codes for each in codes], [each.kl for each in codes], udr_kind)
        selectors[f"UDR ({udr_kind})"] = udr_selector(pairs_by_udr)
    selectors["rank mean"] = rank_mean_selector(selectors[DEFAULT], selectors["UDR (lasso)"])
    selectors["ICA"] = supervised_selector(_by_itself(pool, kept, _agreement))
    if pipe:
        selectors["PIPE"] = supervised_selector(_by_itself(pool, kept, _indifference))
    runs = [records[index] for index in kept]
    scores = score_pool(pool.store, runs, "paper", jobs, lambda text: print(text, file=sys.stderr))
    truth = np.array([[scores[run.id][key] for key in COLUMNS] for run in runs])
    selectors[BEST] = supervised_selector(truth[:, 0])
    units = _units(runs)
    default = matrices[SIMILARITIES[0]][np.ix_(kept, kept)]
    seeds = np.array([run.folder.spec().seed for run in runs])
    return Collection(kind, [run.name or run.id for run in runs], units, truth, selectors, _alike(default, seeds))


def _by_itself(
    pool: Pool, kept: NDArray[np.int64], score: Callable[[Pool, int, CommonCodes], float]
) -> NDArray[np.float64]:
    """The score of each kept model, which does not depend on the others."""
    found = []
    for done, index in enumerate(kept):
        _report("models by themselves", done, len(kept))
        codes = pool.codes[int(index)]
        assert not isinstance(codes, str)
        found.append(score(pool, int(index), codes))
    return np.array(found)


def _agreement(pool: Pool, index: int, codes: CommonCodes) -> float:
    """How nearly codes are their independent components; below all others where ICA cannot know."""
    found = components_of(pool.models[index], codes, pool.seed)
    return -1.0 if found.doubt else found.agreement


def _indifference(pool: Pool, index: int, codes: CommonCodes) -> float:
    return score_of(pool.models[index], codes.codes, pool.seed)


def _units(runs: Sequence[RunRecord]) -> NDArray[np.int64]:
    keys = []
    for run in runs:
        spec = run.folder.spec()
        family = "infogan" if spec.method.name in SHARED_TRUNK else spec.method.name
        keys.append(f"{family} {spec.seed}")
    return np.unique(keys, return_inverse=True)[1].astype(np.int64)


def _alike(matrix: NDArray[np.float64], seeds: NDArray[np.int64]) -> tuple[float, float]:
    other = seeds[:, None] != seeds[None, :]
    same = ~other
    np.fill_diagonal(same, val=False)
    one, two = (float(matrix[chosen].mean()) if chosen.any() else float("nan") for chosen in (same, other))
    return one, two


def compared(collection: Collection, size: int, pools: int, seed: int) -> dict[str, tuple[Estimate, Estimate]]:
    """For each selector its regret by each score, and the difference to the default selector's."""
    drawn = draw_pools(collection.units, size, pools, seed)
    found = regrets(collection.selectors, collection.truth, drawn)
    return {
        name: (
            estimate(values, collection.units, drawn),
            estimate(values - found[DEFAULT], collection.units, drawn),
        )
        for name, values in sorted(found.items(), key=lambda row: float(row[1][:, 0].mean()))
    }


def put(collection: Collection, table: dict[str, tuple[Estimate, Estimate]]) -> None:
    """Print both tables as Markdown."""
    units = len(np.unique(collection.units))
    one, two = collection.alike
    print(f"\n{collection.kind}: {len(collection.names)} models, {units} independent units.")
    print(f"Mean cross-score of two models of one seed {one:.3f}, of two seeds {two:.3f}.")
    head = f"| selector | {' | '.join(COLUMNS.values())} |\n| --- |{' --- |' * len(COLUMNS)}"
    print(f"\nRegret, mean ± half of the 95 % interval:\n\n{head}")
    for name, (own, _) in table.items():
        print(f"| {name} | {' | '.join(_cells(own))} |")
    print(f"\nDifference to {DEFAULT}; **bold** where the interval leaves out zero:\n\n{head}")
    for name, (_, difference) in table.items():
        if name not in (DEFAULT, BEST, RANDOM):
            print(f"| {name} | {' | '.join(_cells(difference, mark=True))} |")


def _cells(found: Estimate, *, mark: bool = False) -> list[str]:
    cells = []
    for mean, half, resolved in zip(found.mean, found.half_width, found.resolved, strict=True):
        cell = f"{mean:+.3f} ± {half:.3f}" if mark else f"{mean:.3f} ± {half:.3f}"
        cells.append(f"**{cell}**" if mark and resolved else cell)
    return cells


def as_json(collection: Collection, table: dict[str, tuple[Estimate, Estimate]]) -> dict[str, Any]:
    """All figures of one kind, by selector and score."""

    def by_score(found: Estimate) -> dict[str, dict[str, float]]:
        pairs = zip(COLUMNS, found.mean.tolist(), found.half_width.tolist(), strict=True)
        return {key: {"mean": mean, "half_width": half} for key, mean, half in pairs}

    return {
        "models": collection.names,
        "units": len(np.unique(collection.units)),
        "selectors": {
            name: {"regret": by_score(own), "difference_to_default": by_score(difference)}
            for name, (own, difference) in table.items()
        },
    }


def _report(phase: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{phase} {done}/{total}\033[K", end="" if done < total else "\n", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
