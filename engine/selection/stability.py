"""Unsupervised Disentanglement Ranking: good models of one pool find the same codes (Duan et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InputError
from engine.metrics.spread import is_dead
from engine.selection.ranking import Ranking

FloatArray = NDArray[np.float64]
Kind = Literal["lasso", "spearman"]

INFORMATIVE_KL = 0.01
"""Nats of KL divergence from the prior that a code must exceed to count (disentanglement_lib's threshold)."""
LASSO_PENALTY = 0.1


def udr(codes: Sequence[ArrayLike], kl: Sequence[ArrayLike] | None, kind: Kind = "lasso") -> Ranking:
    """Rank models by how alike their codes are to the other models' codes on the same images.

    As disentanglement_lib computes it (evaluation/udr/metrics/udr.py), after Duan et al. 2020: codes are standardised;
    R holds the absolute similarity of each code of one model to each code of the other; a code counts by the relative
    strength of its best match, max(R)^2 / sum(R), averaged over the informative codes of either model; a pair's value
    is the mean of the two averages; a model's score is the median over all others predicting it.

    A code takes part when its KL exceeds 0.01 nats and it is not dead (constant). Beyond disentanglement_lib: dead
    codes are left out (there they turn Spearman into NaN), models may differ in their number of codes, and a model
    without any informative code scores 0. Where there is no posterior (a GAN's encoder), every live code takes part:
    give ``kl=None``, or in a mixed pool an infinite KL for such a model. Identical models of uncorrelated codes reach
    0.9 under ``"lasso"``, not 1, because the penalty shrinks each coefficient.

    Args:
        codes: one float ``[n, d]`` a model, the codes of the same ``n`` images in the same order.
        kl: one float ``[d]`` a model, the mean KL divergence of each code's posterior from the prior in nats, or
            ``None``.
        kind: ``"lasso"``, R = coefficients of a Lasso (penalty 0.1) that predicts one model's codes from the other's,
            or ``"spearman"``, R = rank correlations.

    Returns:
        One score a model (NaN for a pool of one) and the order, best first; ties go to the lower index.

    Raises:
        InputError: no model, another number of images, codes that are not finite, or a ``kl`` that does not fit.
    """
    pairs = udr_pairs(codes, kl, kind)
    others = [np.delete(pairs[:, j], j) for j in range(len(pairs))]
    return Ranking.from_scores([float(np.median(column)) if column.size else np.nan for column in others])


def udr_pairs(codes: Sequence[ArrayLike], kl: Sequence[ArrayLike] | None, kind: Kind = "lasso") -> FloatArray:
    """How well the codes of each model are told by those of each other one. Arguments and errors as of :func:`udr`.

    Returns:
        float64 ``[n, n]``: entry (i, j) is model i predicting model j; the diagonal is 0. A model's score is the median
        of its column without the diagonal. So the scores of a smaller pool can be had from a larger one's pairs.
    """
    if kind not in ("lasso", "spearman"):
        raise InputError(f"unknown kind of UDR '{kind}'; use 'lasso' or 'spearman'")
    pool = _checked(codes)
    informative = _informative(pool, kl)
    prepare, similarity = (_standardised, _lasso) if kind == "lasso" else (_centred_ranks, _spearman)
    active = [prepare(model)[:, mask] for model, mask in zip(pool, informative, strict=True)]
    n = len(active)
    pairs = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            if i != j:
                pairs[i, j] = _relative_strength(similarity(active[i], active[j]))
    return pairs


def _checked(codes: Sequence[ArrayLike]) -> list[FloatArray]:
    pool = [np.asarray(model, dtype=np.float64) for model in codes]
    if not pool:
        raise InputError("UDR needs the codes of at least one model")
    for index, model in enumerate(pool):
        if model.ndim != 2 or not model.size:
            raise InputError(f"the codes of model {index} have shape {model.shape}; UDR needs [images, codes]")
        if len(model) != len(pool[0]):
            raise InputError(f"model {index} has codes of {len(model)} images, model 0 of {len(pool[0])}; use the same")
        if not np.isfinite(model).all():
            raise InputError(f"the codes of model {index} are not all finite; leave the model out")
    return pool


def _informative(pool: Sequence[FloatArray], kl: Sequence[ArrayLike] | None) -> list[NDArray[np.bool_]]:
    live = [~is_dead(model) for model in pool]
    if kl is None:
        return live
    divergences = [np.asarray(values, dtype=np.float64) for values in kl]
    if len(divergences) != len(pool):
        raise InputError(f"UDR was given the KL of {len(divergences)} models but the codes of {len(pool)}")
    for index, (values, model) in enumerate(zip(divergences, pool, strict=True)):
        if values.shape != model.shape[1:]:
            raise InputError(f"the KL of model {index} has shape {values.shape}, not {model.shape[1:]} like its codes")
    return [mask & (values > INFORMATIVE_KL) for mask, values in zip(live, divergences, strict=True)]


def _standardised(model: FloatArray) -> FloatArray:
    centred = model - model.mean(axis=0)
    return _divided(centred, centred.std(axis=0))


def _centred_ranks(model: FloatArray) -> FloatArray:
    """Ranks with ties averaged, scaled to zero mean and unit length: a product of two is Spearman's correlation."""
    from scipy.stats import rankdata

    ranks = rankdata(model, axis=0)
    centred: FloatArray = ranks - ranks.mean(axis=0)
    return _divided(centred, np.linalg.norm(centred, axis=0))


def _lasso(codes: FloatArray, targets: FloatArray) -> FloatArray:
    """Absolute Lasso coefficients, float64 ``[codes, targets]``."""
    from sklearn.linear_model import Lasso

    shape = (targets.shape[1], codes.shape[1])
    if 0 in shape:
        return np.zeros(shape[::-1])
    coefficients: FloatArray = Lasso(alpha=LASSO_PENALTY, precompute=True).fit(codes, targets).coef_
    return np.abs(coefficients).reshape(shape).T


def _spearman(codes: FloatArray, others: FloatArray) -> FloatArray:
    """Absolute rank correlations, float64 ``[codes, others]``."""
    correlations: FloatArray = codes.T @ others
    return np.abs(correlations)


def _relative_strength(similarity: FloatArray) -> float:
    """Mean of max^2 / sum over the columns and over the rows, averaged; a code that matches none counts 0."""
    if not similarity.size:
        return 0.0
    by_code = [_divided(similarity.max(axis=axis) ** 2, similarity.sum(axis=axis)) for axis in (0, 1)]
    return float(np.mean([strengths.mean() for strengths in by_code]))


def _divided(values: FloatArray, divisor: FloatArray) -> FloatArray:
    """Quotients, 0 where the divisor is 0."""
    return np.divide(values, divisor, out=np.zeros_like(values), where=divisor > 0)
