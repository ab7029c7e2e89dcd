"""The checks of the input that all scores share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InputError

Protocol = Literal["paper", "lib"]
"""``paper``: as in InfoGAN-CR's code. ``lib``: as in disentanglement_lib with the settings of its study."""


def check_protocol(protocol: str) -> None:
    """Refuse a protocol that does not exist.

    Raises:
        InputError: ``protocol`` is not ``"paper"`` or ``"lib"``.
    """
    if protocol not in get_args(Protocol):
        raise InputError(f"unknown protocol '{protocol}': it is 'paper' or 'lib'")


def check_held_out(protocol: str, held_out: ArrayLike | None, known: ArrayLike | None) -> None:
    """Check that a held-out set is whole, and that there is none under the paper's protocol.

    Args:
        protocol: ``"paper"`` or ``"lib"``.
        held_out: the held-out codes or groups.
        known: their factors or labels.

    Raises:
        InputError: an unknown protocol, one half without the other, or both under ``"paper"``.
    """
    check_protocol(protocol)
    if (held_out is None) != (known is None):
        raise InputError("held-out data come as codes and their factors, but only one of the two is given")
    if held_out is not None and protocol == "paper":
        raise InputError("the paper's protocol scores the data it was fitted to: held-out data need protocol 'lib'")


def as_codes(
    codes: ArrayLike, *, name: str = "codes", dimensions: int | None = None, least: int = 2
) -> NDArray[np.float64]:
    """Codes as float64 ``[n, d]``.

    Args:
        codes: array-like ``[n, d]``.
        name: what the message calls them.
        dimensions: d, where it is known.
        least: the fewest rows that make sense.

    Raises:
        InputError: another shape, fewer rows, NaN or infinity, or not numbers.
    """
    array = _as_float(codes, name)
    if array.ndim != 2 or array.shape[0] < least or array.shape[1] < 1:
        raise InputError(
            f"{name} must be an array [samples, dimensions] with samples >= {least}, but its shape is {array.shape}"
        )
    if dimensions is not None and array.shape[1] != dimensions:
        raise InputError(f"{name} have {array.shape[1]} dimensions where {dimensions} are expected")
    return _finite(array, name)


def as_groups(groups: ArrayLike, *, name: str = "groups", dimensions: int | None = None) -> NDArray[np.float64]:
    """Codes of groups as float64 ``[m, l, d]``.

    Args:
        groups: array-like ``[m, l, d]``.
        name: what the message calls them.
        dimensions: d, where it is known.

    Raises:
        InputError: another shape, no group, groups of fewer than two samples, NaN or infinity, or not numbers.
    """
    array = _as_float(groups, name)
    if array.ndim != 3 or array.shape[0] < 1 or array.shape[1] < 2 or array.shape[2] < 1:
        raise InputError(
            f"{name} must be an array [groups, samples, dimensions] with samples >= 2, but its shape is {array.shape}"
        )
    if dimensions is not None and array.shape[2] != dimensions:
        raise InputError(f"{name} have {array.shape[2]} dimensions where {dimensions} are expected")
    return _finite(array, name)


def as_scale(scale: ArrayLike, dimensions: int, *, name: str = "scale") -> NDArray[np.float64]:
    """Standard deviation of each code as float64 ``[d]``.

    Raises:
        InputError: not one finite number >= 0 for each dimension.
    """
    array = _as_float(scale, name)
    if array.shape != (dimensions,):
        raise InputError(
            f"{name} must hold one number for each of {dimensions} dimensions, but its shape is {array.shape}"
        )
    if (array < 0).any():
        raise InputError(f"{name} must hold standard deviations, but dimension {int(np.argmin(array))} is negative")
    return _finite(array, name)


def as_labels(labels: ArrayLike, groups: int, *, name: str = "labels") -> NDArray[np.int64]:
    """The factor that each group holds fixed, as int64 ``[m]``.

    Raises:
        InputError: not one integer for each group.
    """
    array = np.asarray(labels)
    if array.shape != (groups,):
        raise InputError(f"{name} must hold one factor for each of {groups} groups, but its shape is {array.shape}")
    return _as_integer(array, name)


def as_factor_ids(
    factors: ArrayLike, samples: int, *, name: str = "factors", columns: int | None = None
) -> NDArray[np.int64]:
    """Factor ids as int64 ``[n, k]``; arguments as :func:`as_factor_values`.

    Raises:
        InputError: another shape or length, a constant factor, or numbers that are not integers (bin them first).
    """
    return _as_integer(as_factor_values(factors, samples, name=name, columns=columns), name)


def as_factor_values(
    factors: ArrayLike, samples: int, *, name: str = "factors", columns: int | None = None
) -> NDArray[np.float64]:
    """Factor values as float64 ``[n, k]``.

    Args:
        factors: array-like ``[n, k]``.
        samples: n, the number of codes they belong to.
        name: what the message calls them.
        columns: k, where it is known.

    Raises:
        InputError: another shape or length, NaN or infinity, or a constant factor.
    """
    array = _as_float(factors, name)
    if array.ndim != 2 or array.shape[1] < 1:
        raise InputError(f"{name} must be an array [samples, factors], but its shape is {array.shape}")
    if len(array) != samples:
        raise InputError(f"{name} have {len(array)} rows for {samples} codes, but must be paired with them row by row")
    if columns is not None and array.shape[1] != columns:
        raise InputError(f"{name} have {array.shape[1]} columns where {columns} factors are expected")
    _finite(array, name)
    constant = np.flatnonzero(np.ptp(array, axis=0) == 0)
    if len(constant):
        raise InputError(f"column {constant[0]} of {name} is the same in all {samples} samples, but a factor must vary")
    return array


class Samples(NamedTuple):
    """Codes and factors to fit a predictor to, and those to score it on.

    Args:
        codes: float64 ``[n, d]``.
        factors: ``[n, k]``.
        scored_codes: float64 ``[t, d]``; the same array as ``codes`` where nothing is held out.
        scored_factors: ``[t, k]``.
    """

    codes: NDArray[np.float64]
    factors: NDArray[Any]
    scored_codes: NDArray[np.float64]
    scored_factors: NDArray[Any]


def as_samples(
    protocol: str,
    codes: ArrayLike,
    factors: ArrayLike,
    test_codes: ArrayLike | None,
    test_factors: ArrayLike | None,
    *,
    ids: bool,
) -> Samples:
    """Check codes and factors, and the held-out ones where these are given.

    Args:
        protocol: ``"paper"`` or ``"lib"``.
        codes: array-like ``[n, d]``.
        factors: array-like ``[n, k]``.
        test_codes: array-like ``[t, d]``, held-out codes.
        test_factors: array-like ``[t, k]``, their factors.
        ids: whether factors must be integer ids.

    Raises:
        InputError: see :func:`check_held_out`, :func:`as_codes`, :func:`as_factor_values`, :func:`as_factor_ids`.
    """
    check_held_out(protocol, test_codes, test_factors)
    as_factors = as_factor_ids if ids else as_factor_values
    fitted = as_codes(codes)
    known = as_factors(factors, len(fitted))
    if test_codes is None or test_factors is None:
        return Samples(fitted, known, fitted, known)
    scored = as_codes(test_codes, name="test_codes", dimensions=fitted.shape[1])
    return Samples(
        fitted, known, scored, as_factors(test_factors, len(scored), name="test_factors", columns=known.shape[1])
    )


def as_bins(bins: int) -> int:
    """The number of bins of a histogram.

    Raises:
        InputError: fewer than two.
    """
    if bins < 2:
        raise InputError(f"bins is {bins}, but a histogram needs at least 2")
    return bins


def as_flags(continuous: Sequence[bool], factors: int) -> list[bool]:
    """Whether each factor is continuous.

    Raises:
        InputError: not one flag for each factor.
    """
    flags = [bool(flag) for flag in continuous]
    if len(flags) != factors:
        raise InputError(f"continuous must hold one flag for each of {factors} factors, but holds {len(flags)}")
    return flags


def _as_float(values: ArrayLike, name: str) -> NDArray[np.float64]:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be an array of real numbers: {error}") from error


def _as_integer(array: NDArray[Any], name: str) -> NDArray[np.int64]:
    if not (np.issubdtype(array.dtype, np.number) and np.isfinite(array).all() and (array == np.floor(array)).all()):
        raise InputError(f"{name} must be integer ids: bin continuous values first")
    return array.astype(np.int64)


def _finite(array: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    finite = np.isfinite(array)
    if not finite.all():
        dimension = int(np.argwhere(~finite)[0][-1])
        raise InputError(f"{name} must be finite, but dimension {dimension} holds NaN or infinity")
    return array
