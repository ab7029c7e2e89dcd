"""The separated attribute predictability score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.metrics.checks import Protocol, Samples, as_flags, as_samples
from engine.metrics.classifiers import linear_svm
from engine.metrics.scoring import EncodedSets, Score
from engine.metrics.spread import is_dead


def sap(
    codes: ArrayLike,
    factors: ArrayLike,
    continuous: Sequence[bool],
    *,
    protocol: Protocol = "paper",
    test_codes: ArrayLike | None = None,
    test_factors: ArrayLike | None = None,
) -> float:
    """Separated attribute predictability: how far the code that predicts a factor best is ahead of the next, averaged.

    Kumar et al., "Variational Inference of Disentangled Latent Concepts from Unlabeled Observations", section 3. One
    code predicts one factor: a continuous one by squared linear correlation, a categorical one by the accuracy of a
    linear support vector machine with balanced classes.

    ``paper``: InfoGAN-CR's evaluation. Mixed as above, scored on the samples the machine was fitted to.
    ``lib``: disentanglement_lib's study. Every factor counts as categorical, whatever ``continuous`` says, and the
    accuracy is that on the held-out samples where these are given. (Its option for continuous factors is ``paper`` with
    all flags set.)

    A dead code predicts a continuous factor with 0 and a categorical one at chance, the accuracy of always naming the
    commonest value; so does the missing runner-up of a single code. A duplicated code makes the score 0.

    Args:
        codes: float ``[n, d]``.
        factors: float or int ``[n, k]``, values or ids. A linear change of a continuous factor changes nothing.
        continuous: whether each factor is continuous.
        protocol: ``"paper"`` or ``"lib"``.
        test_codes: float ``[t, d]``, held-out codes (``lib`` only).
        test_factors: float or int ``[t, k]``, their factors.

    Returns:
        A number in [0, 1]. For categorical factors of more than two values it stays below 1 even for a perfect code,
        and depends on the code's scale: a regularised linear machine cannot tell inner values apart.

    Raises:
        InputError: wrong shapes or lengths, NaN or infinity, a constant factor, held-out data under ``"paper"``.
    """
    samples = as_samples(protocol, codes, factors, test_codes, test_factors, ids=False)
    flags = as_flags(continuous, samples.factors.shape[1])
    dead = is_dead(samples.codes)
    live = samples.codes[:, ~dead]
    centred = live - live.mean(axis=0)
    squares = (centred**2).sum(axis=0)
    gaps = []
    for j, is_continuous in enumerate(flags):
        if is_continuous and protocol == "paper":
            target = samples.factors[:, j] - samples.factors[:, j].mean()
            squared = (target @ centred) ** 2 / (squares * (target @ target))
            # For dead codes, and for the runner-up that a single code does not have.
            scores = np.sort(np.concatenate([squared, np.zeros(1 + dead.sum())]))
        else:
            scores = _accuracies(samples, j, dead)
        gaps.append(scores[-1] - scores[-2])
    return float(np.mean(gaps))


def _accuracies(samples: Samples, j: int, dead_codes: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Accuracies of naming factor j's value from each code, ascending. A missing runner-up is replaced by a guess."""
    classes, ids, counts = np.unique(samples.factors[:, j], return_inverse=True, return_counts=True)
    scored_factor = samples.scored_factors[:, j]
    chance = float(np.mean(scored_factor == classes[counts.argmax()]))
    accuracies = []
    for dimension, dead in enumerate(dead_codes):
        if dead:
            accuracies.append(chance)
            continue
        machine = linear_svm().fit(samples.codes[:, [dimension]], ids)
        named = classes[machine.predict(samples.scored_codes[:, [dimension]])]
        accuracies.append(float(np.mean(named == scored_factor)))
    if len(accuracies) == 1:
        accuracies.append(chance)
    return np.sort(np.array(accuracies))


def _of_sets(sets: EncodedSets) -> dict[str, float]:
    # disentanglement_lib classifies every factor, so exact values of a factor without a grid must be binned.
    factors = sets.ids if sets.protocol == "lib" else sets.values
    value = sap(
        sets.codes["labelled"],
        factors["labelled"],
        sets.continuous,
        protocol=sets.protocol,
        test_codes=sets.codes.get("test_labelled"),
        test_factors=factors.get("test_labelled"),
    )
    return {"sap": value}


SCORE = Score(keys=("sap",), sets=("labelled",), compute=_of_sets)
