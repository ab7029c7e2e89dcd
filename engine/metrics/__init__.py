"""Disentanglement scores: pure functions of arrays, one file a score, and the protocol that applies them to an encoder.

The public names are imported when first asked for, so that ``import engine.metrics`` costs nothing; scikit-learn waits
until a score computes. A new score is one new file that defines its function and a ``SCORE``, and one line in
``SCORES``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.metrics.beta_vae_score import beta_vae
    from engine.metrics.dci_score import DCI, dci
    from engine.metrics.evaluation import Evaluation, evaluate, score
    from engine.metrics.evaluation_sets import EvaluationSets, SetSizes
    from engine.metrics.explicitness_score import explicitness
    from engine.metrics.factor_vae_score import factor_vae
    from engine.metrics.mig_score import mig
    from engine.metrics.modularity_score import modularity
    from engine.metrics.sap_score import sap
    from engine.metrics.spread import is_dead, live_scale
    from engine.metrics.votes import factor_votes, vote_table, votes_from_std

__all__ = [
    "DCI",
    "SCORES",
    "Evaluation",
    "EvaluationSets",
    "SetSizes",
    "beta_vae",
    "dci",
    "evaluate",
    "explicitness",
    "factor_vae",
    "factor_votes",
    "is_dead",
    "live_scale",
    "mig",
    "modularity",
    "sap",
    "score",
    "vote_table",
    "votes_from_std",
]

# No module bears the name of what it offers: importing engine.metrics.mig would otherwise replace the function mig.
SCORES = {
    "factor_vae": "engine.metrics.factor_vae_score",
    "beta_vae": "engine.metrics.beta_vae_score",
    "dci": "engine.metrics.dci_score",
    "sap": "engine.metrics.sap_score",
    "mig": "engine.metrics.mig_score",
    "modularity": "engine.metrics.modularity_score",
    "explicitness": "engine.metrics.explicitness_score",
}
"""The module of each score, in the order they are computed and shown."""

_MODULES = SCORES | {
    "DCI": "engine.metrics.dci_score",
    "Evaluation": "engine.metrics.evaluation",
    "EvaluationSets": "engine.metrics.evaluation_sets",
    "SetSizes": "engine.metrics.evaluation_sets",
    "evaluate": "engine.metrics.evaluation",
    "factor_votes": "engine.metrics.votes",
    "is_dead": "engine.metrics.spread",
    "live_scale": "engine.metrics.spread",
    "score": "engine.metrics.evaluation",
    "vote_table": "engine.metrics.votes",
    "votes_from_std": "engine.metrics.votes",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
