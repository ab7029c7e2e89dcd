"""Disentanglement scores: pure functions of arrays, one file a score, and the protocol that applies them to an encoder.

The public names are imported when first asked for, so that ``import engine.metrics`` costs nothing. scikit-learn waits
until a score computes. A new score is one new file in :mod:`engine.metrics.scores`, which defines its function and a
``SCORE``, and one line in :mod:`engine.metrics.registry`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.lazy import lazy_names
from engine.metrics.registry import EXTRA_SCORES, OWN_EXTRA_SCORES, SAMPLE_SCORES, SCORES

if TYPE_CHECKING:
    from engine.metrics.evaluation import Evaluation, evaluate, score
    from engine.metrics.evaluation_sets import EvaluationSets, SetSizes
    from engine.metrics.scores.beta_vae import beta_vae
    from engine.metrics.scores.dci import DCI, dci
    from engine.metrics.scores.dci_es import DCIES, dci_es
    from engine.metrics.scores.dcimig import dcimig
    from engine.metrics.scores.dhsic import dhsic
    from engine.metrics.scores.explicitness import explicitness
    from engine.metrics.scores.factor_vae import factor_vae
    from engine.metrics.scores.infomec import InfoMEC, infomec
    from engine.metrics.scores.irs import irs
    from engine.metrics.scores.jemmig import jemmig
    from engine.metrics.scores.mig import mig
    from engine.metrics.scores.modularity import modularity
    from engine.metrics.scores.sample_quality import SampleQuality, sample_scores
    from engine.metrics.scores.sap import sap
    from engine.metrics.scores.unsupervised import (
        gaussian_total_correlation,
        gaussian_wasserstein_correlation,
        gaussian_wasserstein_correlation_norm,
        mutual_info_score,
    )
    from engine.metrics.spread import is_dead, live_scale
    from engine.metrics.votes import factor_votes, vote_table, votes_from_std

__all__ = [
    "DCI",
    "DCIES",
    "EXTRA_SCORES",
    "SAMPLE_SCORES",
    "SCORES",
    "Evaluation",
    "EvaluationSets",
    "InfoMEC",
    "SampleQuality",
    "SetSizes",
    "beta_vae",
    "dci",
    "dci_es",
    "dcimig",
    "dhsic",
    "evaluate",
    "explicitness",
    "factor_vae",
    "factor_votes",
    "gaussian_total_correlation",
    "gaussian_wasserstein_correlation",
    "gaussian_wasserstein_correlation_norm",
    "infomec",
    "irs",
    "is_dead",
    "jemmig",
    "live_scale",
    "mig",
    "modularity",
    "mutual_info_score",
    "sample_scores",
    "sap",
    "score",
    "vote_table",
    "votes_from_std",
]

_OF_REGISTRY = {name: place for name, place in OWN_EXTRA_SCORES.items() if ":" not in place}
"""Scores on request whose module has a function of their name."""

_MODULES = (
    SCORES
    | _OF_REGISTRY
    | {
        "DCI": "engine.metrics.scores.dci",
        "DCIES": "engine.metrics.scores.dci_es",
        "Evaluation": "engine.metrics.evaluation",
        "EvaluationSets": "engine.metrics.evaluation_sets",
        "SetSizes": "engine.metrics.evaluation_sets",
        "InfoMEC": "engine.metrics.scores.infomec",
        "SampleQuality": "engine.metrics.scores.sample_quality",
        "evaluate": "engine.metrics.evaluation",
        "factor_votes": "engine.metrics.votes",
        "gaussian_total_correlation": "engine.metrics.scores.unsupervised",
        "gaussian_wasserstein_correlation": "engine.metrics.scores.unsupervised",
        "gaussian_wasserstein_correlation_norm": "engine.metrics.scores.unsupervised",
        "is_dead": "engine.metrics.spread",
        "live_scale": "engine.metrics.spread",
        "mutual_info_score": "engine.metrics.scores.unsupervised",
        "sample_scores": "engine.metrics.scores.sample_quality",
        "score": "engine.metrics.evaluation",
        "vote_table": "engine.metrics.votes",
        "votes_from_std": "engine.metrics.votes",
    }
)


if not TYPE_CHECKING:
    # Hidden from type checkers, which would believe that every name exists.
    __getattr__ = lazy_names(__name__, _MODULES)


def __dir__() -> list[str]:
    return sorted(__all__)
