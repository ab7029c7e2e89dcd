"""The selection methods: one file each, one entry here.

A method's file holds a function that takes the loaded :class:`engine.choosing.pool.Pool` and returns a
:class:`PoolRanking`. Its entry in :data:`SELECTION_METHODS` is all that the command line, the dashboard's form and its
table need to know. Nothing is imported before a method ranks. Other packages bring entries by entry points of the group
``crtui.selectors`` (:mod:`engine.plugins`).
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import InputError
from engine.plugins import Plugin, Registry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from engine.choosing.comparison import CentralityEvidence
    from engine.choosing.pool import Pool
    from engine.selection.ranking import Ranking

CENTRALITY = "model-centrality"
"""The default method, and the one that makes a matrix."""


@dataclass(frozen=True)
class PoolRanking:
    """What one method makes of a pool. Members are numbered as in ``pool.records``.

    Args:
        included: the members that were ranked.
        ranking: their scores and order; it numbers them by their place in ``included``.
        excluded: why the other members were not ranked.
        evidence: the comparisons behind the ranking, for methods that compare models with each other.
        intervals: 95 % intervals of the scores, float ``[n, 2]`` in the order of ``included``; None where the method
            does not know how far its noise reaches.
    """

    included: list[int]
    ranking: Ranking
    excluded: dict[int, str]
    evidence: CentralityEvidence | None = None
    intervals: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class SelectionMethod:
    """One entry of :data:`SELECTION_METHODS`.

    Args:
        target: ``"module:function"``; the function takes a :class:`engine.choosing.pool.Pool` and returns a
            :class:`PoolRanking`.
        title: heading of its scores in a wide table, at most 10 characters.
        short_title: the same in a narrow table, at most 5.
        help: what it goes by, in a few words.
        needs_labels: whether the dataset must have known factors.
        needs_one_dataset: whether all runs of the pool must be trained on the same dataset.
    """

    target: str
    title: str
    short_title: str
    help: str
    needs_labels: bool = False
    needs_one_dataset: bool = True

    def rank(self, pool: Pool) -> PoolRanking:
        """Rank the loaded members of a pool.

        Raises:
            InputError: not one of them can be ranked, the dataset does not allow the method, or its function is not
                there.
            WorkError: the disk refused.
        """
        module, _, function = self.target.partition(":")
        try:
            rank = getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError) as error:
            raise InputError(f"the selection method '{self.title}' cannot be used: {error}") from error
        found: PoolRanking = rank(pool)
        return found


OWN_SELECTION_METHODS = {
    CENTRALITY: SelectionMethod(
        "engine.choosing.methods.model_centrality:rank",
        "Centrality",
        "MC",
        "agreement of encoders and generators",
        needs_one_dataset=False,
    ),
    "udr-lasso": SelectionMethod(
        "engine.choosing.methods.udr:rank_by_lasso",
        "UDR Lasso",
        "UDR-L",
        "agreement of codes of the dataset's images",
    ),
    "udr-spearman": SelectionMethod(
        "engine.choosing.methods.udr:rank_by_spearman",
        "UDR Spear.",
        "UDR-S",
        "the same by rank correlation",
    ),
    "ica": SelectionMethod(
        "engine.choosing.methods.ica:rank", "ICA", "ICA", "how nearly codes are independent components"
    ),
    "pipe": SelectionMethod(
        "engine.choosing.methods.pipe:rank", "PIPE", "PIPE", "whether images show codes to depend on each other"
    ),
    "rank-mean": SelectionMethod(
        "engine.choosing.methods.rank_mean:rank", "Rank mean", "Rank", "mean of the ranks by ModelCentrality and UDR"
    ),
    "supervised": SelectionMethod(
        "engine.choosing.methods.supervised:rank",
        "FactorVAE",
        "FVAE",
        "the FactorVAE score, where labels exist",
        needs_labels=True,
    ),
}


def _entry_of(plugin: Plugin) -> SelectionMethod:
    """The entry that another package brings. It is needed for every list, so its module must be a light one.

    Raises:
        InputError: it cannot be used.
    """
    found = plugin.load()
    if not isinstance(found, SelectionMethod):
        raise plugin.unusable(f"{plugin.target} is no engine.choosing.methods.SelectionMethod")
    return found


SELECTION_METHODS = Registry("crtui.selectors", OWN_SELECTION_METHODS, _entry_of)
"""The methods by name, in the order in which they are offered, those of other packages last."""


def check_methods(names: tuple[str, ...]) -> None:
    """Refuse methods that do not exist.

    Raises:
        InputError: one of the names is unknown, or there is none.
    """
    unknown = [name for name in names if name not in SELECTION_METHODS]
    if unknown or not names:
        problem = f"there is no selection method '{unknown[0]}'" if unknown else "no selection method was named"
        raise InputError(f"{problem}; use one of {', '.join(SELECTION_METHODS)}")
