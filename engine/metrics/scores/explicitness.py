"""The explicitness score."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InputError
from engine.metrics.checks import Protocol, as_samples
from engine.metrics.classifiers import logistic_regression
from engine.metrics.scoring import EncodedSets, Score
from engine.metrics.spread import standardised


def explicitness(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    protocol: Protocol = "paper",
    test_codes: ArrayLike | None = None,
    test_factors: ArrayLike | None = None,
) -> float:
    """Explicitness: area under the ROC curve of a linear classifier of each factor's values, averaged over all.

    Ridgeway and Mozer, "Learning Deep Disentangled Embeddings With the F-Statistic Loss", section 2. The classifier
    sees all codes. The area is not rescaled: 0.5 is chance.

    ``paper``: InfoGAN-CR's evaluation: raw codes, logistic regression of scikit-learn up to 0.20 (liblinear, one
    against the rest), scored on the samples it was fitted to.
    ``lib``: disentanglement_lib's: codes standardised, scikit-learn's current logistic regression (multinomial), scored
    on the held-out samples where these are given. Values that are missing on one side are left out of the mean.

    Dead codes add nothing; with dead codes only, the score is 0.5.

    Args:
        codes: float ``[n, d]``.
        factors: int ``[n, k]``, ids; continuous factors have to be binned first.
        protocol: ``"paper"`` or ``"lib"``.
        test_codes: float ``[t, d]``, held-out codes (``lib`` only).
        test_factors: int ``[t, k]``, their factors.

    Returns:
        A number in [0, 1]. Under ``paper`` it depends on the scale of the codes, because the classifier is regularised,
        and a perfect code of many values does not reach 1.

    Raises:
        InputError: wrong shapes or lengths, NaN or infinity, factors that are not integer ids or do not vary, held-out
            data under ``"paper"`` or without a value in common.
    """
    fitted, ids, scored, scored_ids = as_samples(protocol, codes, factors, test_codes, test_factors, ids=True)
    if protocol == "lib":
        fitted, scored = standardised(fitted, scored)
    areas = []
    for factor, scored_factor in zip(ids.T, scored_ids.T, strict=True):
        classifier = logistic_regression(protocol).fit(fitted, factor)
        areas.append(_area(scored_factor, classifier.classes_, classifier.predict_proba(scored)))
    return float(np.mean(areas))


def _area(factor: NDArray[np.int64], classes: NDArray[np.int64], probabilities: NDArray[np.float64]) -> float:
    """Mean area under the ROC curves of each value against the rest."""
    from sklearn.metrics import roc_auc_score

    present = np.isin(classes, factor)
    if not present.any():
        raise InputError("test_factors must share values with factors, but one factor has no value in common")
    return float(roc_auc_score(factor[:, None] == classes[present], probabilities[:, present], average="macro"))


def _of_sets(sets: EncodedSets) -> dict[str, float]:
    value = explicitness(
        sets.codes["labelled"],
        sets.ids["labelled"],
        protocol=sets.protocol,
        test_codes=sets.codes.get("test_labelled"),
        test_factors=sets.ids.get("test_labelled"),
    )
    return {"explicitness": value}


SCORE = Score(keys=("explicitness",), sets=("labelled",), compute=_of_sets)
