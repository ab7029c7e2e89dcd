"""Disentanglement scores: pure functions of arrays, one file a score, and the protocol that applies them to an encoder.

The public names are imported when first asked for, so that ``import engine.metrics`` costs nothing; scikit-learn waits
until a score computes. A new score is one new file that defines its function and a ``SCORE``, and one line in
``SCORES`` or, where it is computed on request only, ``EXTRA_SCORES``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.metrics.beta_vae_score import beta_vae
    from engine.metrics.dci_score import DCI, dci
    from engine.metrics.dhsic_score import dhsic
    from engine.metrics.evaluation import Evaluation, evaluate, score
    from engine.metrics.evaluation_sets import EvaluationSets, SetSizes
    from engine.metrics.explicitness_score import explicitness
    from engine.metrics.factor_vae_score import factor_vae
    from engine.metrics.irs_score import irs
    from engine.metrics.mig_score import mig
    from engine.metrics.modularity_score import modularity
    from engine.metrics.sample_quality import SampleQuality, sample_scores
    from engine.metrics.sap_score import sap
    from engine.metrics.spread import is_dead, live_scale
    from engine.metrics.unsupervised_scores import (
        gaussian_total_correlation,
        gaussian_wasserstein_correlation,
        gaussian_wasserstein_correlation_norm,
        mutual_info_score,
    )
    from engine.metrics.votes import factor_votes, vote_table, votes_from_std

__all__ = [
    "DCI",
    "EXTRA_SCORES",
    "SAMPLE_SCORES",
    "SCORES",
    "Evaluation",
    "EvaluationSets",
    "SampleQuality",
    "SetSizes",
    "beta_vae",
    "dci",
    "dhsic",
    "evaluate",
    "explicitness",
    "factor_vae",
    "factor_votes",
    "gaussian_total_correlation",
    "gaussian_wasserstein_correlation",
    "gaussian_wasserstein_correlation_norm",
    "irs",
    "is_dead",
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
"""The module of each score that is computed by default, in the order they are computed and shown."""

EXTRA_SCORES = {
    "factor_vae_revised": "engine.metrics.factor_vae_score:REVISED",
    "irs": "engine.metrics.irs_score",
    "dhsic": "engine.metrics.dhsic_score",
    "unsupervised": "engine.metrics.unsupervised_scores",
    "dci_lasso": "engine.metrics.dci_score:LASSO",
    "dci_lasso_cv": "engine.metrics.dci_score:LASSO_CV",
    "dci_random_forest": "engine.metrics.dci_score:RANDOM_FOREST",
    "dci_random_forest_ibgan": "engine.metrics.dci_score:RANDOM_FOREST_IBGAN",
    "dci_random_forest_cv": "engine.metrics.dci_score:RANDOM_FOREST_CV",
    "dci_gradient_boosting": "engine.metrics.dci_score:GRADIENT_BOOSTING",
}
"""Where to find each score that is computed on request only: a module, or an attribute of it that is not ``SCORE``."""

SAMPLE_SCORES = ("inception_score", "mean_confidence", "mode_kl")
"""What judges a model's images instead of its codes (:mod:`engine.metrics.sample_quality`); on request only too."""

_MODULES = SCORES | {
    "DCI": "engine.metrics.dci_score",
    "Evaluation": "engine.metrics.evaluation",
    "EvaluationSets": "engine.metrics.evaluation_sets",
    "SetSizes": "engine.metrics.evaluation_sets",
    "SampleQuality": "engine.metrics.sample_quality",
    "dhsic": "engine.metrics.dhsic_score",
    "evaluate": "engine.metrics.evaluation",
    "factor_votes": "engine.metrics.votes",
    "gaussian_total_correlation": "engine.metrics.unsupervised_scores",
    "gaussian_wasserstein_correlation": "engine.metrics.unsupervised_scores",
    "gaussian_wasserstein_correlation_norm": "engine.metrics.unsupervised_scores",
    "irs": "engine.metrics.irs_score",
    "is_dead": "engine.metrics.spread",
    "live_scale": "engine.metrics.spread",
    "mutual_info_score": "engine.metrics.unsupervised_scores",
    "sample_scores": "engine.metrics.sample_quality",
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
