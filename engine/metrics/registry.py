"""The scores by name: one file each, one line here. Nothing is imported before it is asked for.

Other packages bring scores by entry points of the group ``crtui.scores`` (:mod:`engine.plugins`).
"""

from __future__ import annotations

from engine.plugins import Registry

SCORES = {
    "factor_vae": "engine.metrics.scores.factor_vae",
    "beta_vae": "engine.metrics.scores.beta_vae",
    "dci": "engine.metrics.scores.dci",
    "sap": "engine.metrics.scores.sap",
    "mig": "engine.metrics.scores.mig",
    "modularity": "engine.metrics.scores.modularity",
    "explicitness": "engine.metrics.scores.explicitness",
}
"""The module of each score that is computed by default, in the order they are computed and shown."""

OWN_EXTRA_SCORES = {
    "factor_vae_revised": "engine.metrics.scores.factor_vae:REVISED",
    "irs": "engine.metrics.scores.irs",
    "dhsic": "engine.metrics.scores.dhsic",
    "unsupervised": "engine.metrics.scores.unsupervised",
    "infomec": "engine.metrics.scores.infomec",
    "jemmig": "engine.metrics.scores.jemmig",
    "dcimig": "engine.metrics.scores.dcimig",
    "dci_es": "engine.metrics.scores.dci_es",
    "dci_lasso": "engine.metrics.scores.dci:LASSO",
    "dci_lasso_cv": "engine.metrics.scores.dci:LASSO_CV",
    "dci_random_forest": "engine.metrics.scores.dci:RANDOM_FOREST",
    "dci_random_forest_ibgan": "engine.metrics.scores.dci:RANDOM_FOREST_IBGAN",
    "dci_random_forest_cv": "engine.metrics.scores.dci:RANDOM_FOREST_CV",
    "dci_gradient_boosting": "engine.metrics.scores.dci:GRADIENT_BOOSTING",
}
EXTRA_SCORES = Registry("crtui.scores", OWN_EXTRA_SCORES, lambda plugin: plugin.target)
"""Where to find each score that is computed on request only: a module, or an attribute of it that is not ``SCORE``.

Scores of other packages are among them: what ``crtui score`` computes unasked does not depend on what is installed.
"""

SAMPLE_SCORES = ("inception_score", "mean_confidence", "mode_kl")
"""What judges a model's images instead of its codes (:mod:`engine.metrics.scores.sample_quality`); on request only."""
