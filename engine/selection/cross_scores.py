"""The cross-score matrix: how well does each model's encoder disentangle each model's generator?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.metrics.votes import vote_table, votes_from_std
from engine.selection.generated_set import BrokenModelError, LatentModel, VotingProtocol, identity_of, stream
from engine.selection.pair_cache import PairCache, PairStatistics

PairProgress = Callable[[int, int], None]
ColumnCallback = Callable[[int, NDArray[np.float64]], None]


@dataclass(frozen=True, eq=False)
class CrossScores:
    """The matrix B and what was left out of it.

    Args:
        matrix: float64 ``[n, n]``, row = encoder, column = generator; NaN in the rows and columns of excluded models.
        excluded: why a model takes no part, by its index.
        evaluated: pairs computed in this call; the others came from the cache.
    """

    matrix: NDArray[np.float64]
    excluded: dict[int, str]
    evaluated: int

    @property
    def included(self) -> list[int]:
        """Indices of the models that take part."""
        return [index for index in range(len(self.matrix)) if index not in self.excluded]


def cross_scores(
    models: Sequence[LatentModel],
    protocol: VotingProtocol,
    *,
    cache: PairCache | None = None,
    device: str = "cpu",
    progress: PairProgress | None = None,
    on_column: ColumnCallback | None = None,
) -> CrossScores:
    """Score every encoder by the FactorVAE score on the labelled set of every generator (B of method facts section 8).

    Each generator's set is made once and streamed through the encoders that lack it, so the cost is at most n sets
    generated, and one set encoded for each pair that the cache does not hold; memory grows with neither votes nor
    pool. Every finished column is in the cache before the next begins: an interrupted call continues there and ends
    with the same matrix.

    A model is excluded when its images have another shape than most of the pool's, when its output is not finite or
    not of the stated shape, or when all its codes are constant on its own images.

    Args:
        models: the pool, on ``device``.
        protocol: sizes and seed of the generated sets.
        cache: where the statistics of pairs are kept between calls.
        device: where latent vectors are put.
        progress: called with pairs done and pairs to do, of those that the cache does not hold.
        on_column: called with a generator's index and its column, float64 ``[n]``, as soon as it is complete; NaN
            stands for encoders excluded so far.

    Raises:
        InputError: a model has no fingerprint.
    """
    calculation = _Calculation(models, protocol, cache, device)
    return calculation.run(progress or _ignore, on_column or _ignore)


def _ignore(*_: object) -> None:
    """Stands in for a callback that was not given."""


class _Calculation:
    """The matrix while it fills up."""

    def __init__(
        self, models: Sequence[LatentModel], protocol: VotingProtocol, cache: PairCache | None, device: str
    ) -> None:
        self._models = models
        self._protocol = protocol
        self._cache = cache
        self._device = device
        self._identities = [identity_of(model) for model in models]
        self._excluded = _of_other_shape(models)
        self._matrix = np.full((len(models), len(models)), np.nan)
        self._done = self._total = 0

    def run(self, progress: PairProgress, on_column: ColumnCallback) -> CrossScores:
        self._recall()
        missing = np.isnan(self._matrix)
        missing[list(self._excluded), :] = missing[:, list(self._excluded)] = False
        self._total = int(missing.sum())
        evaluated = 0
        for j in range(len(self._models)):
            waiting = [int(i) for i in np.flatnonzero(missing[:, j])]
            encoders = [i for i in waiting if not {i, j} & self._excluded.keys()]
            if encoders:
                self._evaluate(j, encoders, progress)
                evaluated += len(encoders)
            if waiting:
                self._done += len(waiting)
                progress(self._done, self._total)
            if j not in self._excluded:
                on_column(j, self._matrix[:, j].copy())
        excluded = sorted(self._excluded)
        self._matrix[excluded, :] = self._matrix[:, excluded] = np.nan
        return CrossScores(self._matrix, {index: self._excluded[index] for index in excluded}, evaluated)

    def _recall(self) -> None:
        """Fill in the pairs that the cache holds."""
        if self._cache is None:
            return
        for j, generator in enumerate(self._models):
            for i, encoder in enumerate(self._models):
                shape = (self._protocol.groups(generator.codes), encoder.codes.continuous)
                statistics = self._cache.load(*self._key(i, j), shape)
                if statistics is not None:
                    self._score(i, j, statistics)

    def _evaluate(self, j: int, encoders: Sequence[int], progress: PairProgress) -> None:
        """Compute, keep and score the pairs of generator ``j`` with ``encoders``."""

        def share_done(share: float) -> None:
            progress(self._done + int(share * len(encoders)), self._total)

        try:
            results = stream(
                self._models[j], [self._models[i] for i in encoders], self._protocol, self._device, share_done
            )
        except BrokenModelError as reason:
            self._excluded[j] = str(reason)
            return
        for i, result in zip(encoders, results, strict=True):
            if isinstance(result, BrokenModelError):
                self._excluded[i] = str(result)
                continue
            if self._cache is not None:
                self._cache.save(*self._key(i, j), result)
            self._score(i, j, result)

    def _score(self, i: int, j: int, statistics: PairStatistics) -> None:
        """Enter encoder ``i``'s FactorVAE score on generator ``j``'s set, fitted and scored on the same votes."""
        encoder, generator = self._models[i].codes, self._models[j].codes
        votes = votes_from_std(statistics.deviations.astype(np.float64), statistics.scale)
        if i == j and (votes < 0).all():
            self._excluded.setdefault(i, "all its codes are constant on its own images")
        table = vote_table(votes, self._protocol.labels(generator), encoder.continuous, generator.continuous)
        self._matrix[i, j] = table.max(axis=1).sum() / len(votes)

    def _key(self, i: int, j: int) -> tuple[str, str, str]:
        return self._protocol.identity, self._identities[j], self._identities[i]


def _of_other_shape(models: Sequence[LatentModel]) -> dict[int, str]:
    """The models whose images are not of the pool's commonest shape, the earlier one where two are equally common."""
    shapes = [model.image_shape for model in models]
    if not shapes:
        return {}
    common = Counter(shapes).most_common(1)[0][0]
    return {
        index: f"its images are {_sides(shape)}, those of most others {_sides(common)} (height x width x channels)"
        for index, shape in enumerate(shapes)
        if shape != common
    }


def _sides(shape: tuple[int, int, int]) -> str:
    return "x".join(str(side) for side in shape)
