"""Ranking a pool of runs without labels: ``crtui select``."""

from __future__ import annotations

import functools
import io
import itertools
import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import orjson
from numpy.typing import NDArray

from engine import durable
from engine.errors import InputError, WorkError
from engine.launch.evaluating import Progress, choose_device, load_dataset, score_run
from engine.runs.catalogue import RunRecord
from engine.runs.folder import new_run_ids
from engine.runs.registry import Registry, SelectionRow
from engine.runs.store import FOLDER_MODE, Store, replace_file
from engine.selection import Ranking, model_centrality, udr

if TYPE_CHECKING:
    from engine.data.dataset import Dataset
    from engine.models.model import Model
    from engine.selection.cross_scores import CrossScores
    from engine.selection.generated_set import VotingProtocol

_MAX_NAMED = 5
_Json = dict[str, Any]


def select_runs(
    store: Store,
    records: Sequence[RunRecord],
    methods: Sequence[str] = ("model-centrality",),
    *,
    votes: int | None = None,
    scale_samples: int | None = None,
    device: str = "cpu",
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Rank a pool of runs by one or more methods and keep the result in ``selections/<id>/``.

    A run is represented by its newest whole checkpoint. One that cannot be ranked (no checkpoint, a damaged one, output
    that is not finite, constant codes, images of another shape) is left out with a reason; the rest is ranked. Pairs
    of models that were compared before by the same protocol are taken from ``selections/cache/``, so an interrupted
    call continues where it was, and a pool that grew costs only its new pairs.

    Methods: ``model-centrality`` (:func:`engine.selection.model_centrality`); ``udr-lasso`` and ``udr-spearman``
    (:func:`engine.selection.udr` on images of the dataset; every live code takes part); ``supervised``, the FactorVAE
    score by the paper's protocol, the oracle to compare with. All but the first need runs of one dataset, the last
    needs known factors.

    Args:
        store: the store of the runs.
        records: the pool; a run given twice counts once.
        methods: names as above.
        votes: ModelCentrality's votes for a pair of models; default: 100 a code.
        scale_samples: images that give ModelCentrality the scale of codes; default: that of
            :class:`engine.selection.generated_set.VotingProtocol`.
        device: ``auto``, or a torch device.
        seed: of everything drawn.
        progress: see :data:`engine.launch.evaluating.Progress`.

    Returns:
        The JSON object of ``crtui select``: ``runs``; ``methods``, by name ``scores`` (one a run, ``None`` where it has
        none), ``ranking`` (ids, best first), ``pick``, ``excluded`` (reason by id) and ``seconds``; ``matrix`` where
        ModelCentrality ran (row = encoder, column = generator, ``None`` for excluded runs). With them ``id`` and
        ``created`` of the selection, ``names`` and ``steps`` of the runs, ``device``, ``seed``, and of ModelCentrality
        ``protocol`` and ``evaluated_pairs``, those that were not in the cache.

    Raises:
        InputError: no run, an unknown method or device, sizes that cannot work, runs of several datasets where one is
            needed, a dataset without factors, or not one run that can be ranked.
        WorkError: the disk refused.
    """
    chosen = _chosen(methods)
    pool = _Pool(
        store,
        list({record.id: record for record in records}.values()),
        _protocol(votes, scale_samples, seed),
        choose_device(device),
        seed,
        progress or _ignore,
    )
    pool.load()
    if set(chosen) != {"model-centrality"}:
        pool.require_one_dataset()
    selections: dict[str, _Selection] = {}
    seconds: dict[str, float] = {}
    for method in chosen:
        begun = time.monotonic()
        selections[method] = SELECTORS[method](pool)
        seconds[method] = time.monotonic() - begun
    created = time.time()
    result = _result(pool, created, selections, seconds)
    _keep(store, created, result)
    return result


@dataclass
class _Pool:
    """The runs, and what has been loaded of them; members are named by their index.

    Args:
        models: the members that could be loaded.
        steps: the checkpoint that stands for each of these.
        excluded: why the others take no part.
    """

    store: Store
    records: list[RunRecord]
    protocol: VotingProtocol
    device: str
    seed: int
    progress: Progress
    models: dict[int, Model] = field(default_factory=dict)
    steps: dict[int, int] = field(default_factory=dict)
    excluded: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.records:
            raise InputError("there is no run to choose from; name runs or a group")

    def load(self) -> None:
        from engine.runs.loading import find_checkpoint, load_model

        for index, record in enumerate(self.records):
            self.progress("loading models", index, len(self.records))
            try:
                record.folder.require()
                checkpoint = find_checkpoint(record.folder.path)
                model = load_model(checkpoint.path, name=record.name or record.id)
            except InputError as error:
                self.excluded[index] = str(error)
                continue
            self.models[index] = model.to(self.device)
            self.steps[index] = checkpoint.step
        self.progress("loading models", len(self.records), len(self.records))

    def require_one_dataset(self) -> None:
        loaded = [self.records[index] for index in self.models]
        for first, record in itertools.pairwise(loaded):
            if record.data != first.data:
                raise InputError(
                    f"run {first.id} was trained on '{first.data}' and run {record.id} on '{record.data}'; "
                    "only model-centrality can rank runs of several datasets"
                )

    @functools.cached_property
    def dataset(self) -> Dataset:
        return load_dataset(self.store, self.records[min(self.models)], self.progress)

    @functools.cached_property
    def codes(self) -> dict[int, NDArray[np.float64] | str]:
        """Codes of the same images by member, or why it has none."""
        from engine.selection.common_codes import common_codes
        from engine.selection.generated_set import BrokenModelError

        report = functools.partial(self.progress, "encoding images")
        models = list(self.models.values())
        found = common_codes(models, self.dataset, seed=self.seed, device=self.device, progress=report)
        return {
            index: str(codes) if isinstance(codes, BrokenModelError) else codes
            for index, codes in zip(self.models, found, strict=True)
        }


@dataclass(frozen=True)
class _Selection:
    """What one method found.

    Args:
        included: the members that were ranked.
        ranking: over these.
        excluded: why the others were not.
        cross_scores: the matrix B over all members that it was made from, where the method makes one.
    """

    included: list[int]
    ranking: Ranking
    excluded: dict[int, str]
    cross_scores: CrossScores | None = None


def _by_centrality(pool: _Pool) -> _Selection:
    from engine.selection.cross_scores import CrossScores, cross_scores
    from engine.selection.pair_cache import PairCache

    members = list(pool.models)
    found = cross_scores(
        list(pool.models.values()),
        pool.protocol,
        cache=PairCache(pool.store.selections / "cache"),
        device=pool.device,
        progress=functools.partial(pool.progress, "comparing models"),
    )
    excluded = pool.excluded | {members[index]: reason for index, reason in found.excluded.items()}
    included = _rankable(pool, "model-centrality", excluded)
    matrix = np.full((len(pool.records), len(pool.records)), np.nan)
    matrix[np.ix_(members, members)] = found.matrix
    ranking = model_centrality(matrix[np.ix_(included, included)])
    return _Selection(included, ranking, excluded, CrossScores(matrix, excluded, found.evaluated))


def _by_udr(kind: Literal["lasso", "spearman"], pool: _Pool) -> _Selection:
    _rankable(pool, f"udr-{kind}", pool.excluded)
    excluded = pool.excluded | {index: codes for index, codes in pool.codes.items() if isinstance(codes, str)}
    included = _rankable(pool, f"udr-{kind}", excluded)
    codes = [codes for codes in pool.codes.values() if not isinstance(codes, str)]
    pool.progress(f"udr-{kind}", 0, 1)
    return _Selection(included, udr(codes, None, kind), excluded)


def _by_supervision(pool: _Pool) -> _Selection:
    _rankable(pool, "supervised", pool.excluded)
    if not pool.dataset.in_grid_order:
        raise InputError(f"dataset '{pool.dataset.name}' has no known factors, so 'supervised' cannot rank by them")
    excluded = dict(pool.excluded)
    scores: dict[int, float] = {}
    for index, model in pool.models.items():
        try:
            result = score_run(
                pool.store,
                pool.records[index],
                ["factor_vae"],
                step=pool.steps[index],
                seed=pool.seed,
                progress=_renamed(pool.progress, f"scoring {model.name}"),
                device=pool.device,
                dataset=pool.dataset,
            )
        except InputError as error:
            excluded[index] = str(error)
        else:
            scores[index] = result["scores"]["factor_vae"]
    included = _rankable(pool, "supervised", excluded)
    return _Selection(included, Ranking.from_scores([scores[index] for index in included]), excluded)


SELECTORS: dict[str, Callable[[_Pool], _Selection]] = {
    "model-centrality": _by_centrality,
    "udr-lasso": functools.partial(_by_udr, "lasso"),
    "udr-spearman": functools.partial(_by_udr, "spearman"),
    "supervised": _by_supervision,
}
"""The methods by name."""


def _renamed(progress: Progress, phase: str) -> Progress:
    """Report all the phases of a step as one."""
    return lambda _, done, total: progress(phase, done, total)


def _rankable(pool: _Pool, method: str, excluded: Mapping[int, str]) -> list[int]:
    """The members that are left.

    Raises:
        InputError: there are none.
    """
    included = [index for index in range(len(pool.records)) if index not in excluded]
    if included:
        return included
    reasons = [f"{pool.records[index].id}: {reason}" for index, reason in list(excluded.items())[:_MAX_NAMED]]
    more = [f"and {len(excluded) - _MAX_NAMED} more"] if len(excluded) > _MAX_NAMED else []
    raise InputError(f"{method} can rank none of these runs ({'; '.join([*reasons, *more])})")


def _chosen(methods: Sequence[str]) -> list[str]:
    unknown = [method for method in methods if method not in SELECTORS]
    if unknown or not methods:
        named = f"there is no selection method '{unknown[0]}'" if unknown else "no selection method was named"
        raise InputError(f"{named}; use one of {', '.join(SELECTORS)}")
    return list(dict.fromkeys(methods))


def _protocol(votes: int | None, scale_samples: int | None, seed: int) -> VotingProtocol:
    from engine.selection.generated_set import VotingProtocol

    sizes = {} if scale_samples is None else {"scale_samples": scale_samples}
    return VotingProtocol(votes=votes, seed=seed, **sizes)


def _ignore(*_: object) -> None:
    """Stands in for a callback that was not given."""


def _result(pool: _Pool, created: float, selections: Mapping[str, _Selection], seconds: Mapping[str, float]) -> _Json:
    """The JSON object of ``crtui select``."""
    ids = [record.id for record in pool.records]
    methods = {
        method: {
            "scores": _by_member(len(ids), selection),
            "ranking": [ids[selection.included[place]] for place in selection.ranking.order],
            "pick": ids[selection.included[selection.ranking.pick]],
            "excluded": {ids[index]: reason for index, reason in sorted(selection.excluded.items())},
            "seconds": round(seconds[method], 3),
        }
        for method, selection in selections.items()
    }
    result: _Json = {
        "id": new_run_ids(1, created)[0],
        "created": datetime.fromtimestamp(created, UTC).isoformat(),
        "runs": ids,
        "names": [record.name for record in pool.records],
        "steps": [pool.steps.get(index) for index in range(len(ids))],
        "device": pool.device,
        "seed": pool.seed,
        "methods": methods,
    }
    for found in [selection.cross_scores for selection in selections.values() if selection.cross_scores]:
        result["matrix"] = [[_finite(score) for score in row] for row in found.matrix]
        result["protocol"] = asdict(pool.protocol)
        result["evaluated_pairs"] = found.evaluated
    return result


def _by_member(members: int, selection: _Selection) -> list[float | None]:
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
        making.mkdir(mode=FOLDER_MODE, parents=True)
        replace_file(making / "scores.npz", content.getvalue())
        replace_file(making / "ranking.json", orjson.dumps(result, option=orjson.OPT_INDENT_2))
        making.rename(folder)
        durable.sync(store.selections)
    except BaseException as error:
        shutil.rmtree(making, ignore_errors=True)
        if isinstance(error, OSError):
            raise WorkError(f"{folder} cannot be written: {error.strerror or error}") from error
        raise
    Registry(store).add_selection(SelectionRow.of(folder.name, created, result))
