"""Ranking a pool of runs without labels: ``crtui select``."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.choosing.comparison import COMPARING, exclusions, pairs_of
from engine.choosing.methods import CENTRALITY, SELECTION_METHODS, PoolRanking, check_methods
from engine.choosing.partial import PartialReport
from engine.choosing.pool import Pool
from engine.choosing.result import MethodResult, SelectionResult, Voting, keep_result
from engine.choosing.verdict import certainty_facts
from engine.errors import InputError
from engine.machine.devices import usable_device
from engine.progress import PhaseProgress
from engine.runs.catalogue import RunRecord
from engine.runs.data_record import recorded
from engine.runs.run_folders import new_run_ids
from engine.selection import DEFAULT_SIMILARITY, VOTING_PROTOCOLS
from engine.selection.independent import check_codes
from engine.storage.store import Store

if TYPE_CHECKING:
    from engine.selection.generated_set import VotingProtocol


def select_runs(
    store: Store,
    records: Sequence[RunRecord],
    methods: Sequence[str] = (CENTRALITY,),
    *,
    similarity: str = DEFAULT_SIMILARITY,
    codes: str = "own",
    protocol: str = VOTING_PROTOCOLS[0],
    votes: int | None = None,
    group_size: int | None = None,
    scale_samples: int | None = None,
    budget: int | None = None,
    matching: bool = False,
    device: str = "cpu",
    seed: int = 0,
    progress: PhaseProgress | None = None,
    partial: PartialReport | None = None,
    accept_data: bool = False,
) -> SelectionResult:
    """Rank a pool of runs by one or more methods and keep the result in ``selections/<id>/``.

    A run is represented by its newest whole checkpoint. A run that cannot be ranked (no checkpoint, a damaged one,
    output that is not finite, constant codes, images of another shape) is left out with a reason; the rest is ranked.
    Pairs of models that were compared before by the same protocol are taken from ``selections/cache/``. So an
    interrupted call continues where it was, and a pool that grew costs only its new pairs. Calls that run at the same
    time share the work.

    Args:
        store: the store of the runs.
        records: the pool; a run given twice counts once.
        methods: names of :data:`engine.choosing.methods.SELECTION_METHODS`.
        similarity: what ModelCentrality compares models by, one of :data:`engine.selection.SIMILARITIES`.
        codes: ``own``, or ``ica``: every model is looked at with the independent components of its codes in their place
            (:mod:`engine.selection.independent`), so a pick means the run with these.
        protocol: how ModelCentrality draws the images that it compares by, one of
            :data:`engine.selection.VOTING_PROTOCOLS`; ``paper`` is the authors' way.
        votes: ModelCentrality's votes for a pair of models; default: 100 a code.
        group_size: images behind each vote; default: the authors' 100.
        scale_samples: images that give ModelCentrality the scale of codes; default: that of the protocol
            (:class:`engine.selection.generated_set.VotingProtocol`).
        budget: pairs that ModelCentrality compares at most (:func:`engine.selection.halving.fast_medoid`); 0 for the
            number that usually suffices; default: all.
        matching: whether to tell which code of each run is which of ModelCentrality's pick.
        device: ``auto``, or a torch device.
        seed: of all random draws.
        progress: see :data:`engine.progress.PhaseProgress`.
        partial: called while ModelCentrality compares models, with what is known so far.
        accept_data: whether methods that look at the data go on although these are not what the runs were trained on.

    Returns:
        What was found, with everything that ``crtui select --json`` prints.

    Raises:
        InputError: no run, an unknown method, similarity, protocol or device, sizes that cannot work, runs of several
            datasets or of changed data where one is needed, a dataset without factors where they are needed, or not one
            run that can be ranked.
        WorkError: the disk refused.
    """
    chosen = tuple(dict.fromkeys(methods))
    check_methods(chosen)
    check_codes(codes)
    drawn = _protocol(protocol, seed, votes=votes, group_size=group_size, scale_samples=scale_samples)
    pool = _loaded(store, records, drawn, similarity, device, progress)
    pool.accept_data = accept_data
    if codes == "ica" or any(SELECTION_METHODS[method].needs_one_dataset for method in chosen):
        _require_one_dataset(pool)
    if codes == "ica":
        if "supervised" in chosen:
            raise InputError("'supervised' scores runs as they are; score them by 'crtui score --codes ica'")
        pool.rankable("ica", pool.excluded)
        pool.unmix()
    pool.budget = _budget(budget, len(pool.models))
    pool.partial = partial or pool.partial
    rankings: dict[str, PoolRanking] = {}
    seconds: dict[str, float] = {}
    for method in chosen:
        begun = time.monotonic()
        rankings[method] = _ranked(pool, method)
        seconds[method] = time.monotonic() - begun
    result = _result(pool, rankings, seconds, matching)
    if codes != "own":
        result = result.model_copy(update={"codes": codes})
    keep_result(store, result)
    return result


def compare_share(
    store: Store,
    records: Sequence[RunRecord],
    share: int,
    shares: int,
    *,
    protocol: str = VOTING_PROTOCOLS[0],
    votes: int | None = None,
    group_size: int | None = None,
    scale_samples: int | None = None,
    device: str = "cpu",
    seed: int = 0,
    progress: PhaseProgress | None = None,
) -> dict[str, Any]:
    """Compare one of several shares of the pairs that ModelCentrality needs of a pool, and keep them in the cache.

    Each share takes every ``shares``-th generator with all encoders. So the tasks of a job array, each on a device of
    its own, fill the cache together; :func:`select_runs` then has nothing left to compare.

    Args:
        store: the store of the runs.
        records: the pool, the same for every share.
        share: which share, from 1.
        shares: how many there are.
        protocol: as of :func:`select_runs`.
        votes: as of :func:`select_runs`.
        group_size: as of :func:`select_runs`.
        scale_samples: as of :func:`select_runs`.
        device: ``auto``, or a torch device.
        seed: as of :func:`select_runs`.
        progress: see :data:`engine.progress.PhaseProgress`.

    Returns:
        A JSON object: ``runs``, ``shard`` ("2/8"), ``compared_pairs`` of the share, of these ``evaluated_pairs`` that
        were not in the cache, and ``excluded`` (reason by id).

    Raises:
        InputError: no run, no such share, an unknown protocol or device, or sizes that cannot work.
        WorkError: the disk refused.
    """
    from engine.selection.cross_scores import share_of

    if not 1 <= share <= shares:
        raise InputError(f"there is no shard {share}/{shares}; give I/N with I from 1 to N")
    drawn = _protocol(protocol, seed, votes=votes, group_size=group_size, scale_samples=scale_samples)
    pool = _loaded(store, records, drawn, DEFAULT_SIMILARITY, device, progress)
    pairs = pairs_of(pool)
    wanted = share_of(len(pool.models), share, shares)
    pairs.evaluate(wanted, lambda done, total: pool.progress(COMPARING, done, total))
    found = pairs.result()
    excluded = exclusions(pool, found.excluded)
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
    progress: PhaseProgress | None,
) -> Pool:
    from engine.selection.similarity import check_similarity

    check_similarity(similarity)
    each_once = list({record.id: record for record in records}.values())
    pool = Pool(store, each_once, protocol, usable_device(device), similarity)
    pool.progress = progress or pool.progress
    pool.load()
    return pool


def _protocol(name: str, seed: int, **sizes: int | None) -> VotingProtocol:
    """The protocol, with its own numbers for the sizes that were not given."""
    from engine.selection.generated_set import VotingProtocol

    return VotingProtocol(name, seed=seed, **{name: size for name, size in sizes.items() if size is not None})


def _budget(budget: int | None, models: int) -> int | None:
    from engine.selection.halving import default_budget

    if budget is None or budget > 0:
        return budget
    if budget < 0:
        raise InputError(f"a budget of {budget} pairs makes no sense; give a number above 0, or 0 for the usual one")
    return default_budget(models)


def _require_one_dataset(pool: Pool) -> None:
    loaded = [pool.records[index] for index in pool.models]
    able = ", ".join(name for name, method in SELECTION_METHODS.items() if not method.needs_one_dataset)
    for first, record in itertools.pairwise(loaded):
        ours, theirs = recorded(first.folder), recorded(record.folder)
        difference = ours.difference(theirs) if ours and theirs else None
        if record.data != first.data and (ours is None or theirs is None or difference):
            raise InputError(
                f"run {first.id} was trained on '{first.data}' and run {record.id} on '{record.data}'; "
                f"only {able} can rank runs of several datasets"
            )
        if ours and theirs and difference and not pool.accept_data:
            raise InputError(
                f"'{record.data}' has changed between the runs: {record.id} was trained on {difference} than "
                f"{first.id} (fingerprints {theirs.short} and {ours.short}); rank them by {able}, which does not look "
                "at the data, or go on by --accept-data"
            )


def _ranked(pool: Pool, name: str) -> PoolRanking:
    pool.rankable(name, pool.excluded)
    method = SELECTION_METHODS[name]
    if method.needs_labels and not pool.dataset.factors:
        raise InputError(f"dataset '{pool.dataset.name}' has no known factors, so '{name}' cannot rank by it")
    return method.rank(pool)


def _result(
    pool: Pool, rankings: Mapping[str, PoolRanking], seconds: Mapping[str, float], matching: bool
) -> SelectionResult:
    ids, names = [record.id for record in pool.records], [record.name for record in pool.records]
    created = time.time()
    fields: dict[str, Any] = {}
    for found in [ranking.evidence for ranking in rankings.values() if ranking.evidence]:
        matrix = found.matrix(len(ids))
        fields = {
            "matrix": matrix,
            "protocol": _voting(pool),
            "compared_pairs": int(np.isfinite(matrix).sum()),
            "evaluated_pairs": found.scores.evaluated,
        }
    return SelectionResult(
        id=new_run_ids(1, created)[0],
        created=created,
        runs=tuple(ids),
        names=tuple(names),
        steps=tuple(pool.steps.get(index) for index in range(len(ids))),
        device=pool.device,
        seed=pool.seed,
        methods={
            method: MethodResult(
                scores=_by_member(len(ids), ranking),
                ranking=tuple(ids[ranking.included[place]] for place in ranking.ranking.order),
                pick=ids[ranking.included[ranking.ranking.pick]],
                excluded={ids[index]: reason for index, reason in sorted(ranking.excluded.items())},
                seconds=round(seconds[method], 3),
                **certainty_facts(ranking, ids, names, matching),
            )
            for method, ranking in rankings.items()
        },
        **fields,
    )


def _voting(pool: Pool) -> Voting:
    """How the models were compared."""
    protocol = pool.protocol
    images = max(protocol.images(model.codes) for model in pool.models.values())
    return Voting(**asdict(protocol) | {"scale_samples": protocol.least_scale, "images": images})


def _by_member(members: int, ranking: PoolRanking) -> tuple[float, ...]:
    """A score for each member of the pool; NaN for members that were not ranked."""
    scores = dict(zip(ranking.included, ranking.ranking.scores.tolist(), strict=True))
    return tuple(scores.get(index, math.nan) for index in range(members))
