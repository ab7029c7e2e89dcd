"""The benchmark of selectors: what each way of choosing a model without labels loses against the best of a pool.

    python benchmarks/selector_regret.py --store S --group G [--group G ...] [--pool-size 10] [--pipe] [--json FILE]
    python benchmarks/selector_regret.py --store S --group G --group H --together
    python benchmarks/selector_regret.py --store S --group 'demo-truth-*' --each-group --components

Takes the finished runs of the groups, GANs, VAEs and autoencoders without a posterior apart (``--together``: as one
collection), compares all pairs of each kind once, and then lets every selector choose from many pools of them. Prints
for each selector the mean regret by each of the seven scores with its 95 % interval, and the difference to the
product's default selector. The ends are a model at random and the best by the FactorVAE score. Where every model has
an evidence lower bound, so that one could choose by that, it has a row, too. InfoGAN and InfoGAN-CR
of one seed are one model until the regulariser comes on: they form one unit, and no pool has two of them (see
``regret.py``). Other runs are units of their own, though VAEs of one seed begin from the same weights; the output says
how alike runs of one seed are, and runs of two.

``--each-group`` takes each group as one pool as it is, of any kinds of models. Groups that share no model are
independent, so their intervals are those of a mean. ``--components`` adds ModelCentrality among models with the
independent components in their codes' place, judged by the scores of the pick's own codes. With ``--each-group`` it is
judged by those of the pick's components, too. ``--paper-sets`` adds ModelCentrality by ``--protocol paper``, whose sets
have twelve times as many images.

``--where`` takes only some of the runs, by the terms of ``crtui runs list --where``.

What was compared and scored is kept in the store. So an interrupted call goes on where it was, and calls that run at
the same time share the work.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.choosing.comparison import pairs_of
from engine.choosing.methods.pipe import kept_score, says_anything
from engine.choosing.pool import Pool
from engine.choosing.scoring import score_run
from engine.errors import InputError
from engine.methods.vae import VAECommonSettings
from engine.metrics.independent_components import IndependentComponents
from engine.models.model import Model
from engine.runs.catalogue import RunRecord
from engine.runs.events import last_row
from engine.selection import DEFAULT_SIMILARITY, SIMILARITIES
from engine.selection.common_codes import CommonCodes
from engine.selection.generated_set import VotingProtocol
from engine.selection.independent import components_of, unmixed_by
from engine.selection.stability import udr_pairs
from engine.storage.store import Store
from method_table import COLUMNS
from pools import finished_runs, score_pool, to_stderr
from regret import (
    BEST,
    RANDOM,
    Estimate,
    Selector,
    centrality_selector,
    draw_pools,
    estimate,
    estimate_of_independent,
    rank_mean_selector,
    regrets,
    supervised_selector,
    udr_selector,
)

Found = TypeVar("Found")
DEFAULT = f"ModelCentrality ({DEFAULT_SIMILARITY})"
BY_BOUND = "the best evidence lower bound"
BY_PAPER_SETS = f"{DEFAULT} --protocol paper"
OF_COMPONENTS = f"{DEFAULT} --codes ica"
TURNED = f"{OF_COMPONENTS}, its pick's components"
SHUFFLES = 200
"""Orders in which a whole pool is looked at, so that ties go to each of the tied alike."""
KINDS = GANS, VAES, AUTOENCODERS = "GANs", "VAEs", "autoencoders"
SHARED_TRUNK = {"infogan", "infogan-cr"}
"""Methods whose runs of one seed are one model until the regulariser comes on."""


@dataclass(frozen=True, eq=False)
class Collection:
    """All models of one kind, with what every selector needs.

    Args:
        kind: of :func:`kind_of`, or the name of a group.
        runs: of the models, ``[n]``.
        units: which of them are one draw, int64 ``[n]``.
        truth: supervised scores by the paper's protocol, float64 ``[n, 7]`` in the order of the table's columns.
        selectors: by name.
        alike: mean cross-score of two models of one seed, and of two seeds.
    """

    kind: str
    runs: list[RunRecord]
    units: NDArray[np.int64]
    truth: NDArray[np.float64]
    selectors: dict[str, Selector]
    alike: tuple[float, float]

    @property
    def names(self) -> list[str]:
        """What people call the runs."""
        return [run.name or run.id for run in self.runs]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Regret of every selector over resampled pools")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--group", action="append", required=True, help="runs of groups of this pattern; repeatable")
    parser.add_argument(
        "--where", metavar="TERMS", help="only runs that meet these terms, such as 'seed<10 method!=vae'"
    )
    parser.add_argument("--each-group", action="store_true", help="each group is one pool, of any kinds of models")
    parser.add_argument("--together", action="store_true", help="GANs and VAEs in the same pools")
    parser.add_argument("--kind", choices=KINDS, help="only models of this kind; default: of each, in its own table")
    parser.add_argument("--pool-size", type=int, default=10)
    parser.add_argument("--pools", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--components", action="store_true", help="also ModelCentrality of independent components")
    parser.add_argument("--paper-sets", action="store_true", help="also ModelCentrality by the authors' sets")
    parser.add_argument("--pipe", action="store_true", help="also PIPE, which trains a network for each model")
    parser.add_argument("--jobs", type=int, default=1, help="processes that score at once")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    arguments = parser.parse_args()
    store = Store.open(arguments.store)
    try:
        records = finished_runs(store, arguments.group, arguments.where)
    except InputError as error:
        sys.exit(f"error: {error}")
    extra = Extra(arguments.jobs, arguments.pipe, arguments.components, arguments.paper_sets)
    tables = each_group(store, records, extra) if arguments.each_group else resampled(store, records, extra, arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(tables, indent=1))


@dataclass(frozen=True)
class Extra:
    """What is computed beside the usual.

    Args:
        jobs: processes that score at once.
        pipe: also PIPE.
        components: also ModelCentrality of independent components.
        paper_sets: also ModelCentrality by the authors' sets.
    """

    jobs: int = 1
    pipe: bool = False
    components: bool = False
    paper_sets: bool = False


def resampled(
    store: Store, records: Sequence[RunRecord], extra: Extra, arguments: argparse.Namespace
) -> dict[str, dict[str, Any]]:
    """The tables of many pools drawn from all runs, those of each kind apart."""
    tables = {}
    for kind, pool in kinds_of(store, records, together=arguments.together):
        if arguments.kind not in (None, kind):
            continue
        collection = _collected(kind, pool, extra)
        units = len(np.unique(collection.units))
        print(f"\n{collection.kind}: {len(collection.names)} models, {units} independent units", file=sys.stderr)
        if units <= arguments.pool_size:
            # Without a unit that is in no pool there is no interval.
            print(f"too few for pools of {arguments.pool_size}: left out", file=sys.stderr)
            continue
        table = compared(collection, arguments.pool_size, arguments.pools, arguments.seed)
        put(collection, table)
        tables[collection.kind] = as_json(collection, table)
    return tables


def each_group(store: Store, records: Sequence[RunRecord], extra: Extra) -> dict[str, Any]:
    """The tables of pools that are there: every group one."""
    by_group = defaultdict(list)
    for record in records:
        by_group[str(record.group)].append(record)
    found: dict[str, list[NDArray[np.float64]]] = defaultdict(list)
    pools: dict[str, Any] = {}
    draws = np.random.default_rng(0)
    for group, members in sorted(by_group.items()):
        collection = _collected(group, _loaded(store, members), extra)
        print(f"pool {len(pools) + 1} of {len(by_group)}: {group}", file=sys.stderr)
        everything = draws.permuted(np.tile(np.arange(len(collection.names)), (SHUFFLES, 1)), axis=1)
        for name, values in regrets(collection.selectors, collection.truth, everything).items():
            found[name].append(values.mean(axis=0))
        if extra.components:
            found[TURNED].append(collection.truth.max(axis=0) - _turned(store, collection))
        picks = {name: collection.names[_pick(each, len(members))] for name, each in collection.selectors.items()}
        pools[group] = {"models": collection.names, "truth": collection.truth.tolist(), "picks": picks}
    by_name = {name: np.array(rows) for name, rows in found.items()}
    table = {
        name: (estimate_of_independent(rows), estimate_of_independent(rows - by_name[DEFAULT]))
        for name, rows in sorted(by_name.items(), key=lambda row: float(row[1][:, 0].mean()))
    }
    print(f"\n{len(pools)} pools, {len(records)} models.")
    put_tables(table)
    return {"pools": pools, "regret": {name: rows.tolist() for name, rows in by_name.items()}}


def _pick(selector: Selector, models: int) -> int:
    return int(selector(np.arange(models)[None])[0].argmax())


def _turned(store: Store, collection: Collection) -> NDArray[np.float64]:
    """The scores of the components of the model that ModelCentrality picks by components; else of its own codes."""
    place = _pick(collection.selectors[OF_COMPONENTS], len(collection.names))
    if not np.isfinite(collection.selectors[OF_COMPONENTS](np.array([[place]]))).any():
        own: NDArray[np.float64] = collection.truth[place]
        return own
    scores = score_run(store, collection.runs[place], list(COLUMNS), "paper", codes="ica")["scores"]
    return np.array([scores[key] for key in COLUMNS])


def _loaded(store: Store, records: Sequence[RunRecord]) -> Pool:
    """The pool of all runs that can be loaded."""
    pool = Pool(store, list(records), VotingProtocol(), "cpu", progress=_report)
    pool.load()
    for reason in pool.excluded.values():
        print(f"left out: {reason}", file=sys.stderr)
    return _part(pool, list(pool.models))


def _part(pool: Pool, members: Sequence[int]) -> Pool:
    models = {place: pool.models[index] for place, index in enumerate(members)}
    return replace(pool, records=[pool.records[index] for index in members], models=models, excluded={})


def kinds_of(store: Store, records: Sequence[RunRecord], *, together: bool) -> Iterator[tuple[str, Pool]]:
    """The pools of the runs of each kind, or one of all kinds."""
    pool = _loaded(store, records)
    if together:
        yield "GANs and VAEs", pool
        return
    members = defaultdict(list)
    for index, model in pool.models.items():
        members[kind_of(pool.records[index], model)].append(index)
    for kind, places in sorted(members.items()):
        yield kind, _part(pool, places)


def kind_of(run: RunRecord, model: Model) -> str:
    """The kind of a model, one of ``KINDS``."""
    if model.has_posterior:
        return VAES
    # QLAE shares its networks with the VAEs, but its encoder gives one code for an image and no distribution.
    return AUTOENCODERS if isinstance(run.folder.spec().method, VAECommonSettings) else GANS


def _collected(kind: str, pool: Pool, extra: Extra) -> Collection:
    """Compare and score the runs of a pool, or take what an earlier call kept."""
    matrices = {name: _matrix(replace(pool, similarity=name)) for name in SIMILARITIES}
    default = matrices[DEFAULT_SIMILARITY]
    kept = [
        place
        for place, codes in pool.codes.items()
        if not isinstance(codes, str) and np.isfinite(default[place, place])
    ]
    for place in set(pool.models) - set(kept):
        print(f"left out: {pool.records[place].name} cannot be compared", file=sys.stderr)
    codes = [found for place in kept if not isinstance(found := pool.codes[place], str)]
    square = np.ix_(kept, kept)
    selectors = {f"ModelCentrality ({name})": centrality_selector(matrix[square]) for name, matrix in matrices.items()}
    for udr_kind in ("lasso", "spearman"):
        pairs_by_udr = udr_pairs([each.codes for each in codes], [each.kl for each in codes], udr_kind)
        selectors[f"UDR ({udr_kind})"] = udr_selector(pairs_by_udr)
    selectors["rank mean"] = rank_mean_selector(selectors[DEFAULT], selectors["UDR (lasso)"])
    components = dict(zip(kept, _by_itself(_part(pool, kept), codes, components_of), strict=True))
    bounds = [_evidence_lower_bound(pool.records[place]) for place in kept]
    if None not in bounds:
        selectors[BY_BOUND] = supervised_selector(np.array(bounds, dtype=np.float64))
    selectors["ICA"] = supervised_selector(np.array([_agreement(components[place]) for place in kept]))
    if extra.components:
        selectors[OF_COMPONENTS] = centrality_selector(_matrix(_unmixed(pool, components))[square])
    if extra.paper_sets:
        by_authors = replace(pool, similarity=DEFAULT_SIMILARITY, protocol=VotingProtocol("paper"))
        selectors[BY_PAPER_SETS] = centrality_selector(_matrix(by_authors)[square])
    if extra.pipe:
        selectors["PIPE"] = supervised_selector(np.array(_by_itself(_part(pool, kept), codes, partial(_pipe, pool))))
    runs = [pool.records[place] for place in kept]
    scores = score_pool(pool.store, runs, "paper", extra.jobs, to_stderr)
    truth = np.array([[scores[run.id][key] for key in COLUMNS] for run in runs])
    selectors[BEST] = supervised_selector(truth[:, 0])
    seeds = np.array([run.folder.spec().seed for run in runs])
    return Collection(kind, runs, _units(runs), truth, selectors, _alike(default[square], seeds))


def _matrix(pool: Pool) -> NDArray[np.float64]:
    """The cross-scores of a pool's loaded models ``[n, n]``, NaN for the others."""
    size, members = len(pool.records), list(pool.models)
    matrix = np.full((size, size), np.nan)
    if members:
        pairs = pairs_of(pool)
        everything = np.ones((len(members), len(members)), dtype=np.bool_)
        pairs.evaluate(everything, lambda done, total: _report("comparing models", done, total))
        matrix[np.ix_(members, members)] = pairs.result().matrix
    return matrix


def _unmixed(pool: Pool, found: dict[int, IndependentComponents]) -> Pool:
    """The pool whose models have their components in the codes' place, without those of which ICA cannot know them."""
    models = {place: unmixed_by(pool.models[place], one) for place, one in found.items() if not one.doubt}
    return replace(pool, models=models)


def _by_itself(
    pool: Pool, codes: Sequence[CommonCodes], look: Callable[[Model, CommonCodes, int], Found]
) -> list[Found]:
    """What is found out about each model, and does not depend on the others."""
    found = []
    for place, own in enumerate(codes):
        _report("models by themselves", place, len(codes))
        found.append(look(pool.models[place], own, pool.seed))
    return found


def _evidence_lower_bound(run: RunRecord) -> float | None:
    """Of the training images, in nats: the mean of the last updates that were logged. ``None`` of other objectives."""
    row = last_row(run.folder.events_path, "loss_reconstruction", "train")
    if row is None or "kl" not in row:
        return None
    # CHyVAE's "kl" is that of its marginals; its divergence from its own prior is the hyperprior's part.
    return -float(row["loss_reconstruction"] + row.get("loss_hyperprior", row["kl"]))


def _agreement(found: IndependentComponents) -> float:
    """How nearly codes are their independent components; below all others where ICA cannot know."""
    return -1.0 if found.doubt else found.agreement


def _pipe(pool: Pool, model: Model, codes: CommonCodes, _seed: int) -> float:
    """The score of PIPE; below all others where the selector leaves the model out."""
    return kept_score(pool, model, codes.codes) if says_anything(codes) else -1.0


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
    put_tables(table)


def put_tables(table: dict[str, tuple[Estimate, Estimate]]) -> None:
    """Print regrets, and differences to the default selector's."""
    head = f"| selector | {' | '.join(COLUMNS.values())} |\n| --- |{' --- |' * len(COLUMNS)}"
    print(f"\nRegret, mean ± half of the 95 % interval:\n\n{head}")
    for name, (own, _) in table.items():
        print(f"| {name} | {' | '.join(_cells(own))} |")
    compared_to_default = [name for name in table if name not in (DEFAULT, BEST, RANDOM)]
    comparisons = len(compared_to_default) * len(COLUMNS)
    print(f"\nDifference to {DEFAULT}; **bold** where it is resolved among {comparisons} comparisons:\n\n{head}")
    for name in compared_to_default:
        print(f"| {name} | {' | '.join(_cells(table[name][1], comparisons))} |")


def _cells(found: Estimate, comparisons: int = 0) -> list[str]:
    """Means with the interval of each alone; differences are marked where they stand among all comparisons."""
    cells = []
    marks = found.resolved(comparisons) if comparisons else [False] * len(found.mean)
    for mean, half, resolved in zip(found.mean, found.half_width, marks, strict=True):
        cell = f"{mean:+.3f} ± {half:.3f}" if comparisons else f"{mean:.3f} ± {half:.3f}"
        cells.append(f"**{cell}**" if resolved else cell)
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
