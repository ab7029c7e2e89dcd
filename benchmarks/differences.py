"""Means of few draws, and how far two are apart: intervals by Student's t, and their tables."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student
from scipy.stats import ttest_ind

CONFIDENCE = 0.95


def half_width(draws: NDArray[np.float64], comparisons: int = 1) -> NDArray[np.float64]:
    """Half of the 95 % interval of the mean of independent draws, by Student's t with n - 1 degrees of freedom.

    Args:
        draws: float64 ``[n, ...]``.
        comparisons: how many intervals are to hold together (Bonferroni).

    Returns:
        float64 ``[...]``; NaN for a single draw.
    """
    n = len(draws)
    if n < 2:
        return np.full(draws.shape[1:], np.nan)
    quantile = float(student.ppf(1 - (1 - CONFIDENCE) / 2 / comparisons, n - 1))
    half: NDArray[np.float64] = np.asarray(quantile * draws.std(axis=0, ddof=1) / math.sqrt(n))
    return half


def interval(values: Sequence[float]) -> dict[str, Any]:
    """Mean and standard deviation of independent draws, and the 95 % interval of the mean."""
    n = len(values)
    mean = statistics.fmean(values) if n else math.nan
    sd = statistics.stdev(values) if n > 1 else math.nan
    half = float(half_width(np.array(values, dtype=np.float64)))
    return {"n": n, "mean": mean, "sd": sd, "low": mean - half, "high": mean + half}


def paired(differences: Sequence[float]) -> dict[str, Any]:
    """The interval of paired differences, and the pairs."""
    return interval(differences) | {"pairs": list(differences)}


def apart(one: Sequence[float], two: Sequence[float], comparisons: int) -> dict[str, Any]:
    """How far the means of two methods are apart, by Welch's t.

    Args:
        one: a score of one method, seed by seed.
        two: that of the other; both of two seeds at least.
        comparisons: among how many the difference is to stand (Bonferroni).

    Returns:
        ``mean``; ``low`` and ``high`` of the 95 % interval of this difference alone; whether it is ``resolved``.
    """
    found = ttest_ind(one, two, equal_var=False)
    alone, among_all = (found.confidence_interval(1 - (1 - CONFIDENCE) / number) for number in (1, comparisons))
    return {
        "mean": statistics.fmean(one) - statistics.fmean(two),
        "low": float(alone.low),
        "high": float(alone.high),
        "resolved": bool(among_all.low > 0 or among_all.high < 0),
    }


def put_paired(rows: Mapping[str, Mapping[str, Any]], titles: Mapping[str, str], *, pairs: bool = False) -> None:
    """Print paired differences as Markdown, a score a row; **bold** where one stands among all of them.

    Args:
        rows: what :func:`paired` found, by score.
        titles: what a score is called.
        pairs: whether to print each pair.
    """
    last = "pairs" if pairs else "pairs above 0"
    print(f"| score | mean difference | interval | sd of a difference | {last} |\n| --- | --- | --- | --- | --- |")
    for key, row in rows.items():
        above = f"{sum(pair > 0 for pair in row['pairs'])} of {row['n']}"
        each = " ".join(f"{pair:+.3f}" for pair in row["pairs"])
        stands = abs(row["mean"]) > half_width(np.array(row["pairs"], dtype=np.float64), len(rows))
        mean = f"**{row['mean']:+.3f}**" if stands else f"{row['mean']:+.3f}"
        print(
            f"| {titles[key]} | {mean} | {row['low']:+.3f} … {row['high']:+.3f} | {row['sd']:.3f} "
            f"| {each if pairs else above} |"
        )
