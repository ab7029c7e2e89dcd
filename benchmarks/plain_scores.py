"""The disentanglement scores written the plain way: loops over groups, codes, factors and values, on scikit-learn.

This is what one writes who follows the papers and disentanglement_lib's documentation: no shared work, no checks, no
care for dead codes. ``benchmarks/score_cost.py`` holds the engine's scores against it. Seeds are set where the engine
sets them, so that the values can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import sqrtm
from scipy.stats import entropy
from sklearn.ensemble import GradientBoostingClassifier, RandomForestRegressor
from sklearn.linear_model import Lasso, LassoCV, LogisticRegression
from sklearn.metrics import mutual_info_score, roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from engine.metrics.scoring import EncodedSets, SetName

Array = NDArray[Any]
Values = dict[str, float]
BINS = 20
PRUNED = 0.05
"""Standard deviation under which disentanglement_lib's study leaves a code out."""


def factor_vae(sets: EncodedSets, name: str = "factor_vae", revised: bool = False) -> Values:
    """Votes one after the other."""
    scale = np.std(sets.codes["scale"], axis=0)
    kept = np.flatnonzero(scale >= (PRUNED if sets.protocol == "lib" else 0.0))
    table = np.zeros((len(scale), len(sets.continuous)))
    for vote, label in _votes(sets, "groups", scale, kept):
        table[vote, label] += 1
    counted = np.argsort(-table.max(axis=1), kind="stable")[: len(sets.continuous) if revised else None]
    if sets.protocol == "paper":
        return {name: table[counted].max(axis=1).sum() / table.sum()}
    named = table.argmax(axis=1)
    found = [named[vote] == label and vote in counted for vote, label in _votes(sets, "test_groups", scale, kept)]
    return {name: float(np.mean(found))}


def _votes(sets: EncodedSets, name: SetName, scale: Array, kept: Array) -> list[tuple[int, int]]:
    votes = []
    for group, label in zip(sets.codes[name], sets.labels[name], strict=True):
        spread = np.std(group[:, kept], axis=0) / scale[kept]
        votes.append((int(kept[np.argmin(spread)]), int(label)))
    return votes


def beta_vae(sets: EncodedSets) -> Values:
    """Features one after the other."""
    fitted, labels = _differences(sets, "pairs"), sets.labels["pairs"]
    classifier = _logistic(sets).fit(fitted, labels)
    if sets.protocol == "paper":
        return {"beta_vae": float(classifier.score(fitted, labels))}
    return {"beta_vae": float(classifier.score(_differences(sets, "test_pairs"), sets.labels["test_pairs"]))}


def _differences(sets: EncodedSets, name: SetName) -> Array:
    return np.array([np.mean(np.abs(group[0::2] - group[1::2]), axis=0) for group in sets.codes[name]])


def _logistic(sets: EncodedSets) -> Any:
    if sets.protocol == "lib":
        return LogisticRegression(max_iter=2000)
    return OneVsRestClassifier(LogisticRegression(solver="liblinear", random_state=0))


def dci(sets: EncodedSets, name: str, make: Callable[[int], Any], classifies: bool = False) -> Values:
    """One model a factor; ``make`` is given the factor's number."""
    factors, codes, k = (sets.ids if classifies else sets.values), sets.codes, len(sets.continuous)
    scored: SetName = "labelled" if sets.protocol == "paper" else "test_labelled"
    fitted_codes, fitted_factors = codes["labelled"], factors["labelled"]
    scored_codes, scored_factors = codes[scored], factors[scored]
    if not classifies:
        of_codes, of_factors = StandardScaler().fit(fitted_codes), StandardScaler().fit(fitted_factors)
        fitted_codes, scored_codes = of_codes.transform(fitted_codes), of_codes.transform(scored_codes)
        fitted_factors, scored_factors = of_factors.transform(fitted_factors), of_factors.transform(scored_factors)
    importance, informativeness = np.zeros((fitted_codes.shape[1], k)), []
    for factor in range(k):
        model = make(factor).fit(fitted_codes, fitted_factors[:, factor])
        importance[:, factor] = _importance(model)
        informativeness.append(model.score(scored_codes, scored_factors[:, factor]))
    by_code = 1 - entropy(importance.T + 1e-12, base=k)
    by_factor = 1 - entropy(importance + 1e-12, base=len(importance))
    weights = importance.sum(axis=0) / importance.sum() if sets.protocol == "lib" else np.full(k, 1 / k)
    return {
        f"{name}_disentanglement": float(np.sum(by_code * importance.sum(axis=1) / importance.sum())),
        f"{name}_completeness": float(np.sum(by_factor * weights)),
        f"{name}_informativeness": float(np.mean(informativeness)),
    }


def _importance(model: Any) -> Array:
    best = getattr(model, "best_estimator_", model)
    importance: Array = np.abs(best.coef_) if hasattr(best, "coef_") else best.feature_importances_
    return importance


def _forest(depth: int | None) -> Any:
    return RandomForestRegressor(n_estimators=10, max_depth=depth, random_state=0)


def _forests(depths: Sequence[int]) -> Callable[[int], Any]:
    return lambda factor: _forest(depths[factor])


def _lasso(factor: int) -> Any:
    return Lasso(alpha=0.02)


def _searched_lasso(factor: int) -> Any:
    return LassoCV(cv=3)


def _searched_forest(factor: int) -> Any:
    return GridSearchCV(_forest(None), {"max_depth": list(range(2, 16))}, cv=3)


def _boosted(factor: int) -> Any:
    return GradientBoostingClassifier(random_state=0)


def default_dci(sets: EncodedSets) -> Values:
    """With the protocol's own regressor."""
    return dci(sets, "dci", _lasso) if sets.protocol == "paper" else dci(sets, "dci", _boosted, classifies=True)


def sap(sets: EncodedSets) -> Values:
    """A predictor for each code and factor."""
    is_paper = sets.protocol == "paper"
    factors: Any = sets.values if is_paper else sets.ids
    scored: SetName = "labelled" if is_paper else "test_labelled"
    codes, scored_codes = sets.codes["labelled"], sets.codes[scored]
    gaps = []
    for factor, continuous in enumerate(sets.continuous):
        target, scored_target = factors["labelled"][:, factor], factors[scored][:, factor]
        scores = []
        for code in range(codes.shape[1]):
            if is_paper and continuous:
                scores.append(np.corrcoef(codes[:, code], target)[0, 1] ** 2)
            else:
                machine = LinearSVC(C=0.01, class_weight="balanced", dual=True, random_state=0)
                machine.fit(codes[:, [code]], target)
                scores.append(np.mean(machine.predict(scored_codes[:, [code]]) == scored_target))
        first, second = np.sort(scores)[[-1, -2]]
        gaps.append(first - second)
    return {"sap": float(np.mean(gaps))}


def mig(sets: EncodedSets) -> Values:
    """The table of mutual information entry by entry."""
    information, ids = _information(sets), sets.ids["labelled"]
    entropies = np.array([mutual_info_score(factor, factor) for factor in ids.T])
    ranked = np.sort(information, axis=0)
    return {"mig": float(np.mean((ranked[-1] - ranked[-2]) / entropies))}


def modularity(sets: EncodedSets) -> Values:
    """The table of mutual information entry by entry."""
    squared = _information(sets) ** 2
    strongest = squared.max(axis=1)
    return {"modularity": float(np.mean(1 - (squared.sum(axis=1) - strongest) / (strongest * (squared.shape[1] - 1))))}


def _information(sets: EncodedSets) -> Array:
    cells, ids = _binned(sets.codes["labelled"]), sets.ids["labelled"]
    table = np.zeros((cells.shape[1], ids.shape[1]))
    for code in range(cells.shape[1]):
        for factor in range(ids.shape[1]):
            table[code, factor] = mutual_info_score(ids[:, factor], cells[:, code])
    return table


def _binned(values: Array) -> Array:
    return np.array([np.digitize(column, np.histogram(column, BINS)[1][:-1]) for column in values.T]).T


def explicitness(sets: EncodedSets) -> Values:
    """A classifier for each factor, an area for each of its values."""
    scored: SetName = "labelled" if sets.protocol == "paper" else "test_labelled"
    fitted_codes, scored_codes = sets.codes["labelled"], sets.codes[scored]
    if sets.protocol == "lib":
        scaler = StandardScaler().fit(fitted_codes)
        fitted_codes, scored_codes = scaler.transform(fitted_codes), scaler.transform(scored_codes)
    areas = []
    for factor in range(len(sets.continuous)):
        classifier = _logistic(sets).fit(fitted_codes, sets.ids["labelled"][:, factor])
        probabilities, present = classifier.predict_proba(scored_codes), sets.ids[scored][:, factor]
        of_values = [
            roc_auc_score(present == value, probabilities[:, place]) for place, value in enumerate(classifier.classes_)
        ]
        areas.append(np.mean(of_values))
    return {"explicitness": float(np.mean(areas))}


def irs(sets: EncodedSets) -> Values:
    """Each code, factor and value in turn."""
    codes, cells = sets.codes["labelled"], _binned(sets.ids["labelled"])
    largest = np.max(np.abs(codes - codes.mean(axis=0)), axis=0)
    robust = np.zeros((codes.shape[1], cells.shape[1]))
    for code in range(codes.shape[1]):
        for factor in range(cells.shape[1]):
            moved = []
            for value in np.unique(cells[:, factor]):
                group = codes[cells[:, factor] == value, code]
                moved.append(np.percentile(np.abs(group - group.mean()), 99))
            robust[code, factor] = 1 - np.mean(moved) / largest[code]
    return {"irs": float(np.average(robust.max(axis=1), weights=largest))}


def dhsic(sets: EncodedSets) -> Values:
    """The whole kernel matrix of each code."""
    codes = sets.codes["scale"][:5000]
    n = len(codes)
    joint, marginal, crossed = np.ones((n, n)), 1.0, np.ones(n)
    for column in codes.T:
        distances = np.abs(column[:, None] - column[None, :])
        kernel = np.exp(-distances / np.median(distances) ** 2)
        joint *= kernel
        marginal *= kernel.mean()
        crossed *= kernel.mean(axis=1)
    return {"dhsic": float(joint.mean() + marginal - 2 * crossed.mean())}


def unsupervised(sets: EncodedSets) -> Values:
    """Covariance and the mutual information of each pair."""
    codes = sets.codes["scale"]
    covariance = np.cov(codes.T)
    root = np.sqrt(np.diag(np.diag(covariance)))
    correlation = np.corrcoef(codes.T)
    distance = 2 * np.trace(covariance) - 2 * np.trace(np.real(sqrtm(root @ covariance @ root)))
    cells = _binned(codes)
    pairs = [mutual_info_score(cells[:, i], cells[:, j]) for i in range(cells.shape[1]) for j in range(i)]
    return {
        "gaussian_total_correlation": float(-0.5 * np.linalg.slogdet(correlation)[1]),
        "gaussian_wasserstein_correlation": float(distance),
        "gaussian_wasserstein_correlation_norm": float(distance / np.trace(covariance)),
        "mutual_info_score": float(np.mean(pairs)),
    }


PLAIN: dict[str, Callable[[EncodedSets], Values]] = {
    "factor_vae": factor_vae,
    "beta_vae": beta_vae,
    "dci": default_dci,
    "sap": sap,
    "mig": mig,
    "modularity": modularity,
    "explicitness": explicitness,
    "factor_vae_revised": partial(factor_vae, name="factor_vae_revised", revised=True),
    "irs": irs,
    "dhsic": dhsic,
    "unsupervised": unsupervised,
    "dci_lasso": partial(dci, name="dci_lasso", make=_lasso),
    "dci_lasso_cv": partial(dci, name="dci_lasso_cv", make=_searched_lasso),
    "dci_random_forest": partial(dci, name="dci_random_forest", make=_forests((4, 5, 2, 5, 5))),
    "dci_random_forest_ibgan": partial(dci, name="dci_random_forest_ibgan", make=_forests((4, 2, 4, 2, 2))),
    "dci_random_forest_cv": partial(dci, name="dci_random_forest_cv", make=_searched_forest),
    "dci_gradient_boosting": partial(dci, name="dci_gradient_boosting", make=_boosted, classifies=True),
}
"""By the engine's name of the score."""
