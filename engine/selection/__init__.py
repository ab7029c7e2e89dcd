"""Choosing the best model of a pool without labels.

The public names are imported when first asked for, so that ``import engine.selection`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.lazy import lazy_names

if TYPE_CHECKING:
    from engine.selection.centrality import model_centrality
    from engine.selection.ranking import Ranking
    from engine.selection.stability import udr

__all__ = ["DEFAULT_SIMILARITY", "SIMILARITIES", "VOTING_PROTOCOLS", "Ranking", "model_centrality", "udr"]

SIMILARITIES = ("factor-vae", "mig", "dci", "sap", "margin")
"""What ModelCentrality can compare models by, the paper's first; see :mod:`engine.selection.similarity`."""
PAPER_SIMILARITY = SIMILARITIES[0]
DEFAULT_SIMILARITY = "margin"
"""Picks better than the paper's on pools of trained models (docs/selection.md, "Which selector loses least")."""

PAPER = "paper"
"""The protocol of ModelCentrality's authors."""
VOTING_PROTOCOLS = ("latin", PAPER)
"""How ModelCentrality's sets can be drawn, the default first; see
:class:`engine.selection.generated_set.VotingProtocol`."""

# No module has the name of what it offers: importing a module engine.selection.udr would replace the function udr.
_MODULES = {
    "Ranking": "engine.selection.ranking",
    "model_centrality": "engine.selection.centrality",
    "udr": "engine.selection.stability",
}


if not TYPE_CHECKING:
    # Hidden from type checkers, which would believe that every name exists.
    __getattr__ = lazy_names(__name__, _MODULES)


def __dir__() -> list[str]:
    return sorted(__all__)
