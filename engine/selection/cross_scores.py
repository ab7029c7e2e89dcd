"""The cross-score matrix: how well does each model's encoder disentangle each model's generator?"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.progress import Progress, ignore_progress
from engine.selection.generated_set import BrokenModelError, LatentModel, VotingProtocol, identity_of, stream
from engine.selection.pair_cache import PairCache
from engine.selection.pair_statistics import PairStatistics
from engine.selection.similarity import READ_OFF, Ballot, check_similarity, equal_votes, weighted_votes

Mask = NDArray[np.bool_]

_POLL_SECONDS = 0.2


@dataclass(frozen=True, eq=False)
class Comparison:
    """What is held in memory of one encoder on one generated set.

    Args:
        ballot: the votes, weighted where the similarity weighs them.
        table: float64 ``[d, k]``, unweighted votes for each of the encoder's codes by the generator's fixed code.
        correlations: float64 ``[d, k]``, linear correlation of these codes; 0 for categorical ones.
    """

    ballot: Ballot
    table: NDArray[np.float64]
    correlations: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CrossScores:
    """The matrix B, and the votes behind it.

    Args:
        matrix: float64 ``[n, n]``, row = encoder, column = generator; NaN where a pair was not compared, such as in
            the rows and columns of excluded models.
        margins: the matrix by the similarity ``margin``, whatever similarity B is made by.
        excluded: why a model takes no part, by its index.
        evaluated: pairs compared in this call; the others came from the cache.
        comparisons: votes and code correlations of each compared pair (encoder, generator).
        labels: the fixed code of each group of each generator's set, int64 ``[m]``.
        similarity: what the scores of B are, one of :data:`engine.selection.SIMILARITIES`.
        stratified: whether the groups of a code have one value in each part of the prior, in order. Else the values are
            drawn independently of each other.
    """

    matrix: NDArray[np.float64]
    margins: NDArray[np.float64]
    excluded: dict[int, str]
    evaluated: int
    comparisons: dict[tuple[int, int], Comparison]
    labels: list[NDArray[np.int64]]
    similarity: str
    stratified: bool

    @property
    def included(self) -> list[int]:
        """Indices of the models that take part."""
        return [index for index in range(len(self.matrix)) if index not in self.excluded]

    @property
    def voted(self) -> bool:
        """Whether the scores count votes, which can be resampled to estimate their uncertainty."""
        return self.similarity not in READ_OFF


def cross_scores(
    models: Sequence[LatentModel],
    protocol: VotingProtocol,
    *,
    similarity: str = "factor-vae",
    cache: PairCache | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> CrossScores:
    """Score every encoder on the labelled set of every generator (B of docs/method.md, section 8).

    The paper's score is FactorVAE's; ``similarity`` names others that are computed from the same sets.

    Each generator's set is made once and streamed through the encoders that have not seen it. The cost is at most n
    sets generated, and one set encoded for each pair that the cache does not hold. Memory grows by some kilobytes a
    pair, and not with the number of votes. Every finished column is in the cache before the next begins, so an
    interrupted call continues there and ends with the same matrix. Processes that share a cache share the work: a
    process leaves a column to the one that computes it, and takes it over if that one dies.

    A model is excluded when its images have another shape than those of most models, when its output is not finite or
    not of the stated shape, or when all its codes are constant on its own images.

    Args:
        models: the pool, on ``device``. Numbers and kinds of codes may differ.
        protocol: sizes and seed of the generated sets.
        similarity: one of :data:`engine.selection.SIMILARITIES`.
        cache: where the statistics of pairs are kept between calls.
        device: where latent vectors are put.
        progress: called with how many pairs are done and how many there are, not counting those of the cache.

    Raises:
        InputError: a model has no fingerprint, or there is no such similarity.
        WorkError: the cache's disk refused.
    """
    pairs = Pairs(models, protocol, similarity=similarity, cache=cache, device=device)
    pairs.evaluate(np.ones((len(models), len(models)), dtype=np.bool_), progress)
    return pairs.result()


class Pairs:
    """A cross-score matrix that is filled with the pairs that are asked for. Arguments as of :func:`cross_scores`."""

    def __init__(
        self,
        models: Sequence[LatentModel],
        protocol: VotingProtocol,
        *,
        similarity: str = "factor-vae",
        cache: PairCache | None = None,
        device: str = "cpu",
    ) -> None:
        check_similarity(similarity)
        self.similarity = similarity
        self.excluded = _of_other_shape(models)
        self._models = models
        self._protocol = protocol
        self._cache = cache
        self._device = device
        self._identities = [identity_of(model) for model in models]
        self._matrix = np.full((len(models), len(models)), np.nan)
        self._margins = self._matrix.copy()
        self._comparisons: dict[tuple[int, int], Comparison] = {}
        self._evaluated = self._done = self._total = 0

    def known(self) -> tuple[NDArray[np.float64], dict[int, str]]:
        """The matrix as far as it is known, and why models are excluded, by index."""
        return self._without_excluded(self._matrix), dict(sorted(self.excluded.items()))

    def result(self) -> CrossScores:
        """Everything that has been compared so far."""
        matrix, excluded = self.known()
        return CrossScores(
            matrix,
            self._without_excluded(self._margins),
            excluded,
            self._evaluated,
            self._comparisons,
            [self._protocol.labels(model.codes) for model in self._models],
            self.similarity,
            self._protocol.stratified,
        )

    def _without_excluded(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        excluded = list(self.excluded)
        scores = scores.copy()
        scores[excluded, :] = scores[:, excluded] = np.nan
        return scores

    def evaluate(self, wanted: Mask, progress: Progress | None = None) -> None:
        """Compare the pairs that are wanted and not known yet.

        Args:
            wanted: bool ``[n, n]``, row = encoder, column = generator.
            progress: see :func:`cross_scores`.

        Raises:
            WorkError: the cache's disk refused.
        """
        report = progress or ignore_progress
        wanted = wanted & np.isnan(self._matrix)
        for i, j in np.argwhere(wanted):
            self._recall(int(i), int(j))
        missing = wanted & np.isnan(self._matrix)
        missing[list(self.excluded), :] = missing[:, list(self.excluded)] = False
        self._done, self._total = 0, int(missing.sum())
        waiting = [int(j) for j in np.flatnonzero(missing.any(axis=0))]
        while waiting:
            taken_elsewhere = [j for j in waiting if not self._filled(j, missing[:, j], report)]
            if taken_elsewhere == waiting:
                report(self._done, self._total)
                time.sleep(_POLL_SECONDS)
            waiting = taken_elsewhere

    def _filled(self, j: int, missing: Mask, progress: Progress) -> bool:
        """Complete column ``j``, and say so; leave it alone where another process is busy with it."""
        with self._claim(j) as ours:
            if not ours:
                return False
            encoders = [int(i) for i in np.flatnonzero(missing) if not {int(i), j} & self.excluded.keys()]
            # Another process may have filled in some since this one looked.
            encoders = [i for i in encoders if not self._recall(i, j)]
            if encoders:
                self._compute(j, encoders, progress)
                self._evaluated += len(encoders)
        self._done += int(missing.sum())
        progress(self._done, self._total)
        return True

    def _claim(self, j: int) -> contextlib.AbstractContextManager[bool]:
        if self._cache is None:
            return contextlib.nullcontext(True)
        return self._cache.claim(self._protocol.identity, self._identities[j])

    def _recall(self, i: int, j: int) -> bool:
        """Take a pair from the cache; say whether it was there."""
        statistics = self._cache.load(*self._key(i, j)) if self._cache is not None else None
        encoder, generator = self._models[i].codes, self._models[j].codes
        if statistics is None or not statistics.fits(self._protocol.groups(generator), encoder, generator):
            return False
        self._enter(i, j, statistics)
        return True

    def _compute(self, j: int, encoders: Sequence[int], progress: Progress) -> None:
        """Compare generator ``j`` with ``encoders``, keep the statistics and score them."""

        def share_done(share: float) -> None:
            progress(self._done + int(share * len(encoders)), self._total)

        try:
            results = stream(
                self._models[j], [self._models[i] for i in encoders], self._protocol, self._device, share_done
            )
        except BrokenModelError as reason:
            self.excluded[j] = str(reason)
            return
        for i, result in zip(encoders, results, strict=True):
            if isinstance(result, BrokenModelError):
                self.excluded[i] = str(result)
                continue
            if self._cache is not None:
                self._cache.save(*self._key(i, j), result)
            self._enter(i, j, result)

    def _enter(self, i: int, j: int, statistics: PairStatistics) -> None:
        """Score encoder ``i`` on generator ``j``'s set."""
        encoder, generator = self._models[i].codes, self._models[j].codes
        labels, sides = self._protocol.labels(generator), (encoder.count, generator.count)
        equal, weighted = equal_votes(statistics), weighted_votes(statistics)
        if i == j and (equal.votes < 0).all():
            self.excluded.setdefault(i, "all its codes are constant on its own images")
        correlations = np.zeros(sides)
        known = statistics.correlations[: encoder.continuous, encoder.count : encoder.count + generator.continuous]
        correlations[: encoder.continuous, : generator.continuous] = known
        ballot = weighted if self.similarity == "margin" else equal
        self._comparisons[i, j] = Comparison(ballot, equal.table(labels, *sides), correlations)
        self._margins[i, j] = weighted.score(labels, *sides)
        if self.similarity in READ_OFF:
            self._matrix[i, j] = READ_OFF[self.similarity](statistics)
        else:
            self._matrix[i, j] = ballot.score(labels, *sides)

    def _key(self, i: int, j: int) -> tuple[str, str, str]:
        return self._protocol.identity, self._identities[j], self._identities[i]


def share_of(n: int, share: int, shares: int) -> Mask:
    """The pairs of one of several shares: every ``shares``-th generator with all encoders.

    Args:
        n: number of models.
        share: which share, from 1.
        shares: how many there are.

    Returns:
        bool ``[n, n]``, row = encoder, column = generator.
    """
    columns = np.arange(n) % shares == share - 1
    return np.broadcast_to(columns, (n, n)).copy()


def _of_other_shape(models: Sequence[LatentModel]) -> dict[int, str]:
    """Why models are excluded by the shape of their images: it is not the pool's commonest, or the first of these."""
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
