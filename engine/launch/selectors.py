"""The ways to rank a pool of runs, each as a function of the loaded pool."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from engine.errors import CrtuiError, InputError
from engine.launch.evaluating import Progress, load_dataset, score_run
from engine.launch.selection_jobs import PartialMatrix
from engine.runs.catalogue import RunRecord
from engine.runs.store import Store
from engine.selection import Ranking, model_centrality, udr

if TYPE_CHECKING:
    from engine.data.dataset import Dataset
    from engine.models.model import Model
    from engine.selection.common_codes import CommonCodes
    from engine.selection.cross_scores import CrossScores, PairProgress, Pairs
    from engine.selection.generated_set import VotingProtocol
    from engine.selection.uncertainty import Consensus, Uncertainty

Look = Callable[[Callable[[], PartialMatrix]], None]
"""Called as models are compared, with a function that gives what has been found so far."""

_MAX_NAMED = 5


@dataclass
class Pool:
    """The runs, and what has been loaded of them; members are named by their index.

    Args:
        protocol: of ModelCentrality.
        similarity: what ModelCentrality compares by.
        budget: pairs that ModelCentrality may compare; None for all.
        models: the members that could be loaded.
        steps: the checkpoint that stands for each of these.
        excluded: why the others take no part.
        look: told as models are compared.
    """

    store: Store
    records: list[RunRecord]
    protocol: VotingProtocol
    device: str
    progress: Progress
    similarity: str = "factor-vae"
    budget: int | None = None
    models: dict[int, Model] = field(default_factory=dict)
    steps: dict[int, int] = field(default_factory=dict)
    excluded: dict[int, str] = field(default_factory=dict)
    look: Look = field(default=lambda found: None)

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
            except CrtuiError as error:
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

    @property
    def seed(self) -> int:
        """Of everything drawn."""
        return self.protocol.seed

    @functools.cached_property
    def dataset(self) -> Dataset:
        return load_dataset(self.store, self.records[min(self.models)], self.progress)

    @functools.cached_property
    def codes(self) -> dict[int, CommonCodes | str]:
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

    def pairs(self) -> Pairs:
        """The cross-scores of the loaded members, in their order, none of them computed yet."""
        from engine.selection.cross_scores import Pairs
        from engine.selection.pair_cache import PairCache

        return Pairs(
            list(self.models.values()),
            self.protocol,
            similarity=self.similarity,
            cache=PairCache(self.store.selections / "cache"),
            device=self.device,
        )

    def comparing(self, pairs: Pairs) -> PairProgress:
        """How the comparison of these pairs is reported."""

        def so_far() -> PartialMatrix:
            scores = pairs.result()
            ids = [record.id for record in self.records]
            matrix = Comparisons(scores, list(self.models)).matrix(len(ids))
            return PartialMatrix(matrix, {ids[index]: reason for index, reason in _with(self, scores).items()})

        def report(done: int, total: int) -> None:
            self.progress("comparing models", done, total)
            self.look(so_far)

        return report

    def rankable(self, method: str, excluded: Mapping[int, str]) -> list[int]:
        """The members that are left.

        Raises:
            InputError: there are none.
        """
        included = [index for index in range(len(self.records)) if index not in excluded]
        if included:
            return included
        reasons = [f"{self.records[index].id}: {reason}" for index, reason in list(excluded.items())[:_MAX_NAMED]]
        more = [f"and {len(excluded) - _MAX_NAMED} more"] if len(excluded) > _MAX_NAMED else []
        raise InputError(f"{method} can rank none of these runs ({'; '.join([*reasons, *more])})")


@dataclass(frozen=True)
class Comparisons:
    """What ModelCentrality rests on.

    Args:
        scores: the matrix and votes, over the members in ``members``.
        members: the member that each row of the matrix stands for.
        uncertainty: by resampled votes; None for similarities without votes, a part of the matrix, or one model.
        intervals: float64 ``[included, 2]``, of each score; None where they were not estimated.
        confidence: of the pick, where a part of the matrix was computed.
        consensus: of the pick with the others, against chance; None for a part of the matrix, or one model.
    """

    scores: CrossScores
    members: list[int]
    uncertainty: Uncertainty | None = None
    intervals: NDArray[np.float64] | None = None
    confidence: float | None = None
    consensus: Consensus | None = None

    def matrix(self, size: int) -> NDArray[np.float64]:
        """B over all ``size`` members, NaN where there is nothing."""
        matrix = np.full((size, size), np.nan)
        matrix[np.ix_(self.members, self.members)] = self.scores.matrix
        return matrix


@dataclass(frozen=True)
class Selection:
    """What one method found.

    Args:
        included: the members that were ranked.
        ranking: over these.
        excluded: why the others were not.
        comparisons: what it was made from, where the method compares models with each other.
    """

    included: list[int]
    ranking: Ranking
    excluded: dict[int, str]
    comparisons: Comparisons | None = None


def _by_centrality(pool: Pool) -> Selection:
    pool.rankable("model-centrality", pool.excluded)
    n = len(pool.models)
    if pool.budget is not None and pool.budget < n * n:
        return _by_fast_medoid(pool, pool.budget)
    from engine.selection.uncertainty import bootstrap, consensus

    pairs = pool.pairs()
    pairs.evaluate(np.ones((n, n), dtype=np.bool_), pool.comparing(pairs))
    scores = pairs.result()
    members, excluded = list(pool.models), _with(pool, scores)
    included = pool.rankable("model-centrality", excluded)
    own = scores.included
    ranking = model_centrality(scores.matrix[np.ix_(own, own)])
    if len(own) < 2:
        return Selection(included, ranking, excluded, Comparisons(scores, members))
    pool.progress("resampling votes", 0, 1)
    found = consensus(scores, own, ranking.pick)
    uncertainty = bootstrap(scores, own, ranking, pool.seed) if scores.voted else None
    comparisons = Comparisons(
        scores,
        members,
        uncertainty,
        uncertainty.intervals if uncertainty else None,
        consensus=found,
    )
    return Selection(included, ranking, excluded, comparisons)


def _by_fast_medoid(pool: Pool, budget: int) -> Selection:
    from engine.selection.halving import fast_medoid

    pairs = pool.pairs()
    found = fast_medoid(pairs, len(pool.models), budget, pool.seed, pool.comparing(pairs))
    scores = pairs.result()
    excluded = _with(pool, scores)
    included = pool.rankable("model-centrality", excluded)
    assert found is not None, "who can be ranked has been"
    intervals = found.intervals if len(included) > 1 else None
    comparisons = Comparisons(scores, list(pool.models), intervals=intervals, confidence=found.confidence)
    return Selection(included, found.ranking, excluded, comparisons)


def _with(pool: Pool, scores: CrossScores) -> dict[int, str]:
    """Why members take no part, those that turned out not to be comparable too."""
    members = list(pool.models)
    return pool.excluded | {members[index]: reason for index, reason in scores.excluded.items()}


def _by_udr(kind: Literal["lasso", "spearman"], pool: Pool) -> Selection:
    pool.rankable(f"udr-{kind}", pool.excluded)
    excluded = pool.excluded | {index: found for index, found in pool.codes.items() if isinstance(found, str)}
    included = pool.rankable(f"udr-{kind}", excluded)
    common = [found for found in pool.codes.values() if not isinstance(found, str)]
    pool.progress(f"udr-{kind}", 0, 1)
    ranking = udr([found.codes for found in common], [found.kl for found in common], kind)
    return Selection(included, ranking, excluded)


def _by_supervision(pool: Pool) -> Selection:
    pool.rankable("supervised", pool.excluded)
    from engine.metrics.evaluation import obstacle_to

    lack = obstacle_to(pool.dataset, "factor_vae")
    if lack:
        raise InputError(f"{lack}, so 'supervised' cannot rank by it")
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
    included = pool.rankable("supervised", excluded)
    return Selection(included, Ranking.from_scores([scores[index] for index in included]), excluded)


SELECTORS: dict[str, Callable[[Pool], Selection]] = {
    "model-centrality": _by_centrality,
    "udr-lasso": functools.partial(_by_udr, "lasso"),
    "udr-spearman": functools.partial(_by_udr, "spearman"),
    "supervised": _by_supervision,
}
"""The methods by name."""


def _renamed(progress: Progress, phase: str) -> Progress:
    """Report all the phases of a step as one."""
    return lambda _, done, total: progress(phase, done, total)
