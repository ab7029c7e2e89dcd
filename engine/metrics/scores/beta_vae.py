"""The BetaVAE score."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InputError
from engine.metrics.checks import Protocol, as_groups, as_labels, check_held_out
from engine.metrics.classifiers import logistic_regression
from engine.metrics.scoring import EncodedSets, Score


def beta_vae(
    groups: ArrayLike,
    labels: ArrayLike,
    *,
    protocol: Protocol = "paper",
    test_groups: ArrayLike | None = None,
    test_labels: ArrayLike | None = None,
) -> float:
    """BetaVAE score: accuracy of a linear classifier that names the factor that pairs share by how their codes differ.

    Higgins et al., "beta-VAE", section 3. Rows 0 and 1, 2 and 3, ... of a group are pairs; the feature of a group is
    the mean absolute difference of its pairs' codes.

    ``paper``: InfoGAN-CR's evaluation. The groups are those of the FactorVAE score, so one value of the factor is
    shared by all pairs of a group; the classifier is the logistic regression of scikit-learn up to 0.20 (liblinear, one
    against the rest) and is scored on the groups it was fitted to.
    ``lib``: disentanglement_lib's. Only the two images of a pair need to share a value; the classifier is
    scikit-learn's current logistic regression (multinomial), scored on the held-out groups where these are given.

    The score cannot see that a factor is missing from the codes: all codes differing is as good a sign as any. Dead
    codes add nothing; with dead codes only, the score is the share of the class that the classifier settles on.

    Args:
        groups: float ``[m, l, d]``, l even.
        labels: int ``[m]``, the factor that the pairs of each group share; any integers, at least two different ones.
        protocol: ``"paper"`` or ``"lib"``.
        test_groups: float ``[t, l', d]``, held-out groups (``lib`` only).
        test_labels: int ``[t]``, their factors.

    Returns:
        An accuracy in [0, 1]. Depends on the scale of the codes, because the classifier is regularised.

    Raises:
        InputError: wrong shapes or lengths, an odd group size, a single factor, NaN or infinity, held-out data under
            ``"paper"``.
    """
    check_held_out(protocol, test_groups, test_labels)
    features = _features(groups, "groups")
    fixed = as_labels(labels, len(features))
    if len(np.unique(fixed)) < 2:
        raise InputError("the BetaVAE score needs groups of at least 2 different factors, but all labels are equal")
    classifier = logistic_regression(protocol).fit(features, fixed)
    if test_groups is None or test_labels is None:
        return float(np.mean(classifier.predict(features) == fixed))
    test_features = _features(test_groups, "test_groups", features.shape[1])
    test_fixed = as_labels(test_labels, len(test_features), name="test_labels")
    return float(np.mean(classifier.predict(test_features) == test_fixed))


def _features(groups: ArrayLike, name: str, dimensions: int | None = None) -> NDArray[np.float64]:
    codes = as_groups(groups, name=name, dimensions=dimensions)
    if codes.shape[1] % 2:
        raise InputError(f"{name} have {codes.shape[1]} samples each, but pairs need an even number")
    return np.asarray(np.abs(codes[:, 0::2] - codes[:, 1::2]).mean(axis=1))


def _of_sets(sets: EncodedSets) -> dict[str, float]:
    value = beta_vae(
        sets.codes["pairs"],
        sets.labels["pairs"],
        protocol=sets.protocol,
        test_groups=sets.codes.get("test_pairs"),
        test_labels=sets.labels.get("test_pairs"),
    )
    return {"beta_vae": value}


SCORE = Score(keys=("beta_vae",), sets=("pairs",), compute=_of_sets)
