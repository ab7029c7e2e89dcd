"""Ranking a pool of runs without labels: ``crtui select``."""

from __future__ import annotations

import io
import math
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from engine.errors import InputError, WorkError
from engine.launch.evaluating import Progress, choose_device
from engine.launch.selectors import SELECTORS, Look, Pool, Selection
from engine.launch.verdicts import centrality_facts
from engine.runs.catalogue import RunRecord
from engine.runs.folder import new_run_ids
from engine.runs.registry import Registry, SelectionRow
from engine.runs.store import Store, replace_file
from engine.storage import make_folders, sync

if TYPE_CHECKING:
    from engine.selection.generated_set import VotingProtocol

_Json = dict[str, Any]


def select_runs(
    store: Store,
    records: Sequence[RunRecord],
    methods: Sequence[str] = ("model-centrality",),
    *,
    similarity: str = "factor-vae",
    votes: int | None = None,
    group_size: int | None = None,
    scale_samples: int | None = None,
    budget: int | None = None,
    matching: bool = False,
    device: str = "cpu",
    seed: int = 0,
    progress: Progress | None = None,
    look: Look | None = None,
) -> dict[str, Any]:
    """Rank a pool of runs by one or more methods and keep the result in ``selections/<id>/``.

    A run is represented by its newest whole checkpoint. One that cannot be ranked (no checkpoint, a damaged one, output
    that is not finite, constant codes, images of another shape) is left out with a reason; the rest is ranked. Pairs
    of models that were compared before by the same protocol are taken from ``selections/cache/``, so an interrupted
    call continues where it was, and a pool that grew costs only its new pairs. Calls that go on at the same time share
    the work.

    Methods: ``model-centrality`` (:func:`engine.selection.model_centrality`); ``udr-lasso`` and ``udr-spearman``
    (:func:`engine.selection.udr` on images of the dataset; by KL where a model has a posterior, else every live code
    takes part); ``supervised``, the FactorVAE score by the paper's protocol, the oracle to compare with. All but the
    first need runs of one dataset, the last needs known factors.

    Args:
        store: the store of the runs.
        records: the pool; a run given twice counts once.
        methods: names as above.
        similarity: what ModelCentrality compares models by, one of
            :data:`engine.selection.similarity.SIMILARITIES`.
        votes: ModelCentrality's votes for a pair of models; default: 100 a code.
        group_size: images behind each vote; default: the authors' 100.
        scale_samples: images that give ModelCentrality the scale of codes; default: that of
            :class:`engine.selection.generated_set.VotingProtocol`.
        budget: pairs that ModelCentrality compares at most (:func:`engine.selection.halving.fast_medoid`); 0 for the
            number that suffices as a rule; default: all.
        matching: tell which code of each run is which of ModelCentrality's pick.
        device: ``auto``, or a torch device.
        seed: of everything drawn.
        progress: see :data:`engine.launch.evaluating.Progress`.
        look: called as ModelCentrality compares models, with a function that gives what it has found so far.

    Returns:
        The JSON object of ``crtui select``: ``runs``; ``methods``, by name ``scores`` (one a run, ``None`` where it has
        none), ``ranking`` (ids, best first), ``pick``, ``excluded`` (reason by id) and ``seconds``, and of
        ModelCentrality the facts of :func:`engine.launch.verdicts.centrality_facts`; ``matrix`` where ModelCentrality
        ran (row = encoder, column = generator, ``None`` for pairs that were not compared). With them ``id`` and
        ``created`` of the selection, ``names`` and ``steps`` of the runs, ``device``, ``seed``, and of ModelCentrality
        ``protocol``, ``compared_pairs`` and of these ``evaluated_pairs``, which were not in the cache.

    Raises:
        InputError: no run, an unknown method, similarity or device, sizes that cannot work, runs of several datasets
            where one is needed, a dataset without factors, or not one run that can be ranked.
        WorkError: the disk refused.
    """
    chosen = _chosen(methods)
    protocol = _protocol(seed, votes=votes, group_size=group_size, scale_samples=scale_samples)
    pool = _loaded(store, records, protocol, similarity, device, progress)
    if set(chosen) != {"model-centrality"}:
        pool.require_one_dataset()
    pool.budget = _budget(budget, len(pool.models))
    pool.look = look or _ignore
    selections: dict[str, Selection] = {}
    seconds: dict[str, float] = {}
    for method in chosen:
        begun = time.monotonic()
        selections[method] = SELECTORS[method](pool)
        seconds[method] = time.monotonic() - begun
    created = time.time()
    result = _result(pool, created, selections, seconds, matching)
    _keep(store, created, result)
    return result


def compare_share(
    store: Store,
    records: Sequence[RunRecord],
    share: int,
    shares: int,
    *,
    votes: int | None = None,
    group_size: int | None = None,
    scale_samples: int | None = None,
    device: str = "cpu",
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Compute one of several shares of the pairs that ModelCentrality needs of a pool, into the cache.

    Each share takes every ``shares``-th generator with all encoders, so that the tasks of a job array, each on a device
    of its own, fill the cache together. :func:`select_runs` then has nothing left to compute.

    Args:
        store: the store of the runs.
        records: the pool, the same for every share.
        share: which share, from 1.
        shares: how many there are.
        votes: as of :func:`select_runs`.
        group_size: as of :func:`select_runs`.
        scale_samples: as of :func:`select_runs`.
        device: ``auto``, or a torch device.
        seed: as of :func:`select_runs`.
        progress: see :data:`engine.launch.evaluating.Progress`.

    Returns:
        A JSON object: ``runs``, ``shard`` ("2/8"), ``compared_pairs`` of the share, of these ``evaluated_pairs`` that
        were not in the cache, and ``excluded`` (reason by id).

    Raises:
        InputError: no run, no such share, an unknown device, or sizes that cannot work.
        WorkError: the disk refused.
    """
    from engine.selection.cross_scores import share_of

    if not 1 <= share <= shares:
        raise InputError(f"there is no shard {share}/{shares}; give I/N with I from 1 to N")
    protocol = _protocol(seed, votes=votes, group_size=group_size, scale_samples=scale_samples)
    pool = _loaded(store, records, protocol, "factor-vae", device, progress)
    pairs = pool.pairs()
    wanted = share_of(len(pool.models), share, shares)
    pairs.evaluate(wanted, lambda done, total: pool.progress("comparing models", done, total))
    found, members = pairs.result(), list(pool.models)
    excluded = pool.excluded | {members[index]: reason for index, reason in found.excluded.items()}
    return {
        "runs": [record.id for record in pool.records],
        "shard": f"{share}/{shares}",
        "compared_pairs": int((np.isfinite(found.matrix) & wanted).sum()),
        "evaluated_pairs": found.evaluated,
        "excluded": {pool.records[index].id: reason for index, reason in sorted(excluded.items())},
    }


def _loaded(
    store: Store,
    records: Sequence[RunRecord],
    protocol: VotingProtocol,
    similarity: str,
    device: str,
    progress: Progress | None,
) -> Pool:
    from engine.selection.similarity import check_similarity

    check_similarity(similarity)
    pool = Pool(
        store,
        list({record.id: record for record in records}.values()),
        protocol,
        choose_device(device),
        progress or _ignore,
        similarity,
    )
    pool.load()
    return pool


def _chosen(methods: Sequence[str]) -> list[str]:
    unknown = [method for method in methods if method not in SELECTORS]
    if unknown or not methods:
        named = f"there is no selection method '{unknown[0]}'" if unknown else "no selection method was named"
        raise InputError(f"{named}; use one of {', '.join(SELECTORS)}")
    return list(dict.fromkeys(methods))


def _protocol(seed: int, **sizes: int | None) -> VotingProtocol:
    """The protocol, with its own numbers for the sizes that were not given."""
    from engine.selection.generated_set import VotingProtocol

    return VotingProtocol(seed=seed, **{name: size for name, size in sizes.items() if size is not None})


def _budget(budget: int | None, models: int) -> int | None:
    from engine.selection.halving import default_budget

    if budget is None or budget > 0:
        return budget
    if budget < 0:
        raise InputError(f"a budget of {budget} pairs makes no sense; give a number above 0, or 0 for the usual one")
    return default_budget(models)


def _ignore(*_: object) -> None:
    """Stands in for a callback that was not given."""


def _result(
    pool: Pool, created: float, selections: Mapping[str, Selection], seconds: Mapping[str, float], matching: bool
) -> _Json:
    """The JSON object of ``crtui select``."""
    ids = [record.id for record in pool.records]
    result: _Json = {
        "id": new_run_ids(1, created)[0],
        "created": datetime.fromtimestamp(created, UTC).isoformat(),
        "runs": ids,
        "names": [record.name for record in pool.records],
        "steps": [pool.steps.get(index) for index in range(len(ids))],
        "device": pool.device,
        "seed": pool.seed,
        "methods": {
            method: {
                "scores": _by_member(len(ids), selection),
                "ranking": [ids[selection.included[place]] for place in selection.ranking.order],
                "pick": ids[selection.included[selection.ranking.pick]],
                "excluded": {ids[index]: reason for index, reason in sorted(selection.excluded.items())},
                "seconds": round(seconds[method], 3),
                **centrality_facts(selection, ids, [record.name for record in pool.records], matching),
            }
            for method, selection in selections.items()
        },
    }
    for found in [selection.comparisons for selection in selections.values() if selection.comparisons]:
        matrix = found.matrix(len(ids))
        result["matrix"] = [[_finite(score) for score in row] for row in matrix]
        result["protocol"] = asdict(pool.protocol)
        result["compared_pairs"] = int(np.isfinite(matrix).sum())
        result["evaluated_pairs"] = found.scores.evaluated
    return result


def _by_member(members: int, selection: Selection) -> list[float | None]:
    scores = dict(zip(selection.included, selection.ranking.scores, strict=True))
    return [_finite(scores.get(index, math.nan)) for index in range(members)]


def _finite(number: float) -> float | None:
    """JSON has no NaN."""
    return float(number) if math.isfinite(number) else None


def _keep(store: Store, created: float, result: _Json) -> None:
    """Write ``ranking.json`` and ``scores.npz`` in a folder that appears whole, and the registry's row."""
    methods = result["methods"].items()
    arrays: _Json = {f"scores_{method}": np.array(found["scores"], dtype=np.float64) for method, found in methods}
    if "matrix" in result:
        arrays["matrix"] = np.array(result["matrix"], dtype=np.float64)
    content = io.BytesIO()
    np.savez(content, runs=np.array(result["runs"]), **arrays)
    folder = store.selections / result["id"]
    making = folder.with_name(f".new-{folder.name}")
    try:
        make_folders(making)
        replace_file(making / "scores.npz", content.getvalue())
        replace_file(making / "ranking.json", orjson.dumps(result, option=orjson.OPT_INDENT_2))
        making.rename(folder)
        sync(store.selections)
    except BaseException as error:
        shutil.rmtree(making, ignore_errors=True)
        if isinstance(error, OSError):
            raise WorkError(f"{folder} cannot be written: {error.strerror or error}") from error
        raise
    Registry(store).add_selection(SelectionRow.of(folder.name, created, result))
