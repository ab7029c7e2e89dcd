"""Comparing the models of a pool: every encoder is scored on every generator's images."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.choosing.partial import PartialMatrix
from engine.choosing.pool import Pool

if TYPE_CHECKING:
    from engine.progress import Progress
    from engine.selection.cross_scores import CrossScores, Pairs
    from engine.selection.uncertainty import Consensus, Uncertainty

COMPARING = "comparing models"
"""How progress calls this step."""
_PARTIAL_SECONDS = 1.0


@dataclass(frozen=True)
class CentralityEvidence:
    """What a ranking by ModelCentrality rests on.

    Args:
        scores: the matrix and the votes, over the members in ``members``.
        members: the member of the pool that each row of the matrix stands for.
        uncertainty: by resampled votes; None for similarities without votes, for part of a matrix, and for one model.
        confidence: of the pick, where part of the matrix was computed.
        consensus: agreement of the pick with the others, held against chance; None for part of a matrix and for one
            model.
    """

    scores: CrossScores
    members: list[int]
    uncertainty: Uncertainty | None = None
    confidence: float | None = None
    consensus: Consensus | None = None

    def matrix(self, size: int) -> NDArray[np.float64]:
        """B over all ``size`` members of the pool, NaN where a pair was not compared."""
        return _over_all(self.scores.matrix, self.members, size)


def pairs_of(pool: Pool) -> Pairs:
    """The pairs of a pool's loaded members, in their order, none of them compared yet."""
    from engine.selection.cross_scores import Pairs
    from engine.selection.pair_cache import PairCache

    return Pairs(
        list(pool.models.values()),
        pool.protocol,
        similarity=pool.similarity,
        cache=PairCache(pool.store.selections / "cache"),
        device=pool.device,
    )


def report_to(pool: Pool, pairs: Pairs) -> Progress:
    """Progress of ``pairs`` for the pool's listeners: how far it is, and at most once a second what is known so far."""
    ids, members = [record.id for record in pool.records], list(pool.models)
    due = -math.inf

    def tell(done: int, total: int) -> None:
        nonlocal due
        pool.progress(COMPARING, done, total)
        if time.monotonic() < due:
            return
        due = time.monotonic() + _PARTIAL_SECONDS
        matrix, excluded = pairs.known()
        reasons = {ids[index]: reason for index, reason in exclusions(pool, excluded).items()}
        pool.partial(PartialMatrix(_over_all(matrix, members, len(ids)), reasons))

    return tell


def exclusions(pool: Pool, excluded: Mapping[int, str]) -> dict[int, str]:
    """Why members take no part: those that could not be loaded, and those that turned out not to be comparable.

    Args:
        pool: the pool.
        excluded: reasons by row of the matrix.
    """
    members = list(pool.models)
    return pool.excluded | {members[row]: reason for row, reason in excluded.items()}


def _over_all(matrix: NDArray[np.float64], members: list[int], size: int) -> NDArray[np.float64]:
    spread = np.full((size, size), np.nan)
    spread[np.ix_(members, members)] = matrix
    return spread
