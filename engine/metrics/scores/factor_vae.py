"""The FactorVAE score."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from engine.errors import InputError
from engine.metrics.checks import Protocol, as_groups, as_labels, as_scale, check_held_out
from engine.metrics.scoring import EncodedSets, Score
from engine.metrics.spread import live_scale
from engine.metrics.votes import factor_votes, vote_table

LIB_PRUNE = 0.05
"""Standard deviation under which disentanglement_lib's study drops a code before voting (``prune_dims.threshold``)."""


def factor_vae(
    groups: ArrayLike,
    labels: ArrayLike,
    scale: ArrayLike,
    *,
    protocol: Protocol = "paper",
    prune: float | None = None,
    rows: int | None = None,
    test_groups: ArrayLike | None = None,
    test_labels: ArrayLike | None = None,
) -> float:
    """FactorVAE score: accuracy of a majority vote that names a group's fixed factor by the code that moves least.

    Kim and Mnih, "Disentangling by Factorising", section 4. Each group votes for one code (see
    :func:`engine.metrics.votes.factor_votes`, also for dead codes, ties and rounding); each code stands for the factor
    that it got most votes from.

    ``paper``: InfoGAN-CR's evaluation. The majority is fitted and scored on the same votes: the row maxima of the table
    codes x factors, summed, divided by the number of groups. No pruning.
    ``lib``: disentanglement_lib's. Codes with a standard deviation under ``prune`` are dropped and the majority is
    scored on the held-out groups where these are given.

    A dead code gets no vote. Where no code can be voted for, the score is 0.

    InfoGAN-CR's code also prints a "revised" score, for which only as many codes count as there are factors: those with
    the largest majorities (docs/method.md, section 8). That is ``rows`` = the number of factors; a vote for any other
    code is then wrong. disentanglement_lib has no such score; under ``lib`` we apply the same rule.

    Args:
        groups: float ``[m, l, d]``, codes of m groups of l images that share the value of one factor.
        labels: int ``[m]``, that factor; any integers.
        scale: float ``[d]``, standard deviation of each code over images of all kinds.
        protocol: ``"paper"`` or ``"lib"``.
        prune: the pruning threshold; ``None`` for the protocol's own, 0 (paper) or 0.05 (lib).
        rows: how many codes count, those with the largest majorities; ``None`` for all.
        test_groups: float ``[t, l', d]``, held-out groups (``lib`` only).
        test_labels: int ``[t]``, their fixed factors.

    Returns:
        A share of groups in [0, 1]; about 1/k for codes without information. Does not change when codes are permuted,
        mirrored, rescaled together with ``scale``, or shifted.

    Raises:
        InputError: wrong shapes or lengths, NaN or infinity, held-out data under ``"paper"``, ``rows`` < 1.
    """
    check_held_out(protocol, test_groups, test_labels)
    if rows is not None and rows < 1:
        raise InputError(f"rows is {rows}, but at least 1 code must count")
    threshold = (LIB_PRUNE if protocol == "lib" else 0.0) if prune is None else prune
    codes = as_groups(groups)
    scales = as_scale(scale, codes.shape[2])
    fixed = as_labels(labels, len(codes))
    factors = np.unique(fixed)
    votes = factor_votes(codes, scales, threshold)
    table = vote_table(votes, np.searchsorted(factors, fixed), codes.shape[2], len(factors))
    majorities = table.max(axis=1)
    counted = np.argsort(-majorities, kind="stable")[:rows]
    if test_groups is None or test_labels is None:
        return float(majorities[counted].sum() / len(codes))
    test_codes = as_groups(test_groups, name="test_groups", dimensions=codes.shape[2])
    test_fixed = as_labels(test_labels, len(test_codes), name="test_labels")
    test_votes = factor_votes(test_codes, scales, threshold)
    named = factors[table.argmax(axis=1)][test_votes]
    return float(np.mean((named == test_fixed) & np.isin(test_votes, counted)))


def _of_sets(sets: EncodedSets, rows: int | None = None) -> float:
    return factor_vae(
        sets.codes["groups"],
        sets.labels["groups"],
        live_scale(sets.codes["scale"]),
        protocol=sets.protocol,
        rows=rows,
        test_groups=sets.codes.get("test_groups"),
        test_labels=sets.labels.get("test_groups"),
    )


SCORE = Score(("factor_vae",), ("groups", "scale"), lambda sets: {"factor_vae": _of_sets(sets)})
REVISED = Score(
    ("factor_vae_revised",),
    ("groups", "scale"),
    lambda sets: {"factor_vae_revised": _of_sets(sets, rows=len(sets.continuous))},
)
