"""The DCI scores: disentanglement, completeness, informativeness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InputError
from engine.metrics.checks import Protocol, Samples, as_samples, check_protocol
from engine.metrics.scoring import EncodedSets, Score
from engine.metrics.spread import is_dead, standardised

Regressor = Literal[
    "lasso", "lasso-cv", "random-forest", "random-forest-ibgan", "random-forest-cv", "gradient-boosting"
]

FOREST_DEPTHS: Mapping[str, tuple[int, ...]] = {
    "random-forest": (4, 5, 2, 5, 5),
    "random-forest-ibgan": (4, 2, 4, 2, 2),
}
"""Depth of each factor's forest in InfoGAN-CR's code: the same for dSprites and 3DTeapots, which have five factors."""
SEARCHED_DEPTHS = range(2, 16)
"""Depths that the authors' cross-validated variant chooses from."""
OWN_REGRESSORS: Mapping[Protocol, Regressor] = {"paper": "lasso", "lib": "gradient-boosting"}
"""The regressor of each protocol if none is named. For the paper's tables it is a guess."""


class DCI(NamedTuple):
    """The three scores, each better when larger.

    Args:
        disentanglement: whether each code matters for one factor only.
        completeness: whether each factor depends on one code only.
        informativeness: how well the codes predict the factors.
    """

    disentanglement: float
    completeness: float
    informativeness: float


def dci(
    codes: ArrayLike,
    factors: ArrayLike,
    regressor: Regressor | None = None,
    *,
    protocol: Protocol = "paper",
    depths: Sequence[int] | None = None,
    test_codes: ArrayLike | None = None,
    test_factors: ArrayLike | None = None,
) -> DCI:
    """Disentanglement, completeness and informativeness, from how much each code matters for predicting each factor.

    Eastwood and Williams, "A Framework for the Quantitative Evaluation of Disentangled Representations", section 2. One
    model for each factor gives an importance to each code; a code's disentanglement is 1 minus the entropy of its
    importances over factors in base k, a factor's completeness 1 minus that over codes in base d. The disentanglement
    of the codes is their mean, weighted by their share of all importance.

    The regressors of InfoGAN-CR's evaluation are fitted to standardised codes and factor *values*:

    * ``lasso``: ``Lasso(alpha=0.02)``, importance = absolute coefficient;
    * ``lasso-cv``: ``LassoCV`` with the 3 folds of scikit-learn up to 0.20;
    * ``random-forest``: 10 trees (the default of that time), of the depths 4, 5, 2, 5, 5 for five factors;
    * ``random-forest-ibgan``: the same with the depths 4, 2, 4, 2, 2, which the authors name after IB-GAN;
    * ``random-forest-cv``: the same with each factor's depth searched from 2 to 15 by 3-fold cross-validation;

    The regressor of disentanglement_lib is fitted to raw codes and integer ids:

    * ``gradient-boosting``: ``GradientBoostingClassifier()``.

    The two lists of depths were made for the five factors of dSprites, in its order. For another number of factors they
    mean nothing, and both regressors search as ``random-forest-cv`` does; that is our choice.

    Which regressor the published tables show is not known. ``paper``: completeness is the plain mean over factors and
    there is no held-out data. ``lib``: completeness is weighted by the factors' shares of importance, and
    informativeness is that of the held-out samples where these are given.

    Informativeness is the mean over factors of the accuracy for ``gradient-boosting`` and of the coefficient of
    determination R^2 for the others (1 - the squared error relative to the factor's variance). InfoGAN-CR's code has no
    informativeness; this form of it is our choice.

    A dead code has no importance and thus no weight; a factor that no code matters for has completeness 0. Without any
    importance both scores are 0 and informativeness is at chance: R^2 = 0, or the share of the commonest value.

    Args:
        codes: float ``[n, d]``.
        factors: float or int ``[n, k]``: values, or integer ids for ``gradient-boosting``.
        regressor: see above; ``None`` for the protocol's own: ``lasso`` (paper) or ``gradient-boosting`` (lib).
        protocol: ``"paper"`` or ``"lib"``.
        depths: other depths for ``random-forest``, one for each factor.
        test_codes: float ``[t, d]``, held-out codes (``lib`` only).
        test_factors: float or int ``[t, k]``, their factors.

    Returns:
        Disentanglement and completeness in [0, 1], informativeness at most 1. They do not change when codes are
        shifted, scaled, mirrored or permuted (ensembles of trees: up to the choice between equally good splits).

    Raises:
        InputError: wrong shapes or lengths, NaN or infinity, a constant factor, factors that are not ids for
            ``gradient-boosting``, an unknown regressor, depths that do not fit, held-out data under ``"paper"``.
    """
    check_protocol(protocol)
    chosen = regressor or OWN_REGRESSORS[protocol]
    if chosen not in get_args(Regressor):
        raise InputError(f"unknown regressor '{chosen}': it is one of {', '.join(get_args(Regressor))}")
    classifies = chosen == "gradient-boosting"
    samples = as_samples(protocol, codes, factors, test_codes, test_factors, ids=classifies)
    models = _models(chosen, samples.factors.shape[1], depths)
    if classifies:
        live = ~is_dead(samples.codes)
    else:
        fitted, scored = standardised(samples.codes, samples.scored_codes)
        targets, scored_targets = standardised(samples.factors, samples.scored_factors)
        samples, live = Samples(fitted, targets, scored, scored_targets), np.asarray(fitted.any(axis=0))
    importance, informativeness = _fitted(models, samples, live)
    return DCI(*_concentrations(importance, protocol), informativeness)


def _fitted(models: Sequence[Any], samples: Samples, live: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
    """Fit each factor's model to the live codes: importance ``[d, k]`` of each code, and informativeness."""
    codes = samples.codes[:, live]
    scored_codes = codes if samples.scored_codes is samples.codes else samples.scored_codes[:, live]
    importance = np.zeros((len(live), len(models)))
    informativeness = []
    for j, model in enumerate(models):
        if live.any():
            model.fit(codes, samples.factors[:, j])
            importance[live, j] = _importance(model)
            informativeness.append(model.score(scored_codes, samples.scored_factors[:, j]))
        else:
            guess = _guess_instead_of(model).fit(samples.codes, samples.factors[:, j])
            informativeness.append(guess.score(samples.scored_codes, samples.scored_factors[:, j]))
    return importance, float(np.mean(informativeness))


def _models(regressor: Regressor, factors: int, depths: Sequence[int] | None) -> list[Any]:
    """An unfitted scikit-learn model for each factor."""
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.linear_model import Lasso, LassoCV

    if depths is not None and regressor != "random-forest":
        raise InputError(f"depths are for the random-forest regressor, but the regressor is '{regressor}'")
    if regressor == "lasso":
        return [Lasso(alpha=0.02, max_iter=1000, tol=1e-4) for _ in range(factors)]
    if regressor == "lasso-cv":
        return [LassoCV(cv=3, eps=1e-3, max_iter=1000, tol=1e-4) for _ in range(factors)]
    if regressor == "gradient-boosting":
        return [GradientBoostingClassifier(random_state=0) for _ in range(factors)]
    if depths is not None and len(depths) != factors:
        raise InputError(f"depths must hold one number for each of {factors} factors, but holds {len(depths)}")
    known = FOREST_DEPTHS.get(regressor, ()) if depths is None else depths
    return (
        [_forest(depth) for depth in known] if len(known) == factors else [_searched_forest() for _ in range(factors)]
    )


def _forest(depth: int | None) -> Any:
    """``RandomForestRegressor(max_depth=depth)`` as scikit-learn up to 0.20 had it, with a fixed seed."""
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(
        n_estimators=10, criterion="squared_error", max_features=1.0, bootstrap=True, max_depth=depth, random_state=0
    )


def _searched_forest() -> Any:
    from sklearn.model_selection import GridSearchCV

    return GridSearchCV(_forest(None), {"max_depth": list(SEARCHED_DEPTHS)}, cv=3)


def _importance(model: Any) -> NDArray[np.float64]:
    best = getattr(model, "best_estimator_", model)
    weights = best.coef_ if hasattr(best, "coef_") else best.feature_importances_
    return np.abs(np.asarray(weights, dtype=np.float64))


def _guess_instead_of(model: Any) -> Any:
    """A model that ignores the codes: it predicts the mean, or the commonest value."""
    from sklearn.base import is_classifier
    from sklearn.dummy import DummyClassifier, DummyRegressor

    return DummyClassifier(strategy="most_frequent") if is_classifier(model) else DummyRegressor()


def _concentrations(importance: NDArray[np.float64], protocol: Protocol) -> tuple[float, float]:
    """Disentanglement and completeness of an importance matrix ``[d, k]``."""
    total = importance.sum()
    if total == 0:
        return 0.0, 0.0
    disentanglement = _concentration(importance) @ importance.sum(axis=1) / total
    by_factor = _concentration(importance.T)
    weights = importance.sum(axis=0) / total if protocol == "lib" else np.full(len(by_factor), 1 / len(by_factor))
    return float(disentanglement), float(by_factor @ weights)


def _concentration(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 - entropy of each row as a distribution, in base of its length. 0 for a row of zeros, 1 for rows of one entry.

    The references add 1e-12 or 1e-11 inside the logarithm; this is the limit without it.
    """
    sums = rows.sum(axis=1, keepdims=True)
    shares = rows / np.where(sums > 0, sums, 1.0)
    logarithms = np.log(np.where(shares > 0, shares, 1.0))
    entropy = -(shares * logarithms).sum(axis=1) / np.log(max(rows.shape[1], 2))
    return np.where(sums[:, 0] > 0, 1.0 - entropy, 0.0)


def _score_of(regressor: Regressor | None) -> Score:
    """The evaluation's entry for a regressor, or for the protocol's own."""
    name = "dci" if regressor is None else f"dci_{regressor.replace('-', '_')}"

    def of_sets(sets: EncodedSets) -> dict[str, float]:
        chosen = regressor or OWN_REGRESSORS[sets.protocol]
        factors = sets.ids if chosen == "gradient-boosting" else sets.values
        result = dci(
            sets.codes["labelled"],
            factors["labelled"],
            chosen,
            protocol=sets.protocol,
            test_codes=sets.codes.get("test_labelled"),
            test_factors=factors.get("test_labelled"),
        )
        return {f"{name}_{part}": value for part, value in result._asdict().items()}

    return Score(keys=tuple(f"{name}_{part}" for part in DCI._fields), sets=("labelled",), compute=of_sets)


SCORE = _score_of(None)
LASSO = _score_of("lasso")
LASSO_CV = _score_of("lasso-cv")
RANDOM_FOREST = _score_of("random-forest")
RANDOM_FOREST_IBGAN = _score_of("random-forest-ibgan")
RANDOM_FOREST_CV = _score_of("random-forest-cv")
GRADIENT_BOOSTING = _score_of("gradient-boosting")
