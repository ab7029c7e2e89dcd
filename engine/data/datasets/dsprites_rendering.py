"""The geometry of dSprites: which pixels a sprite covers (docs/method.md, section 11).

A pixel is on if its centre lies inside the sprite's outline. Along a row of pixels the outline is crossed an even
number of times, and the pixels that are on are the exclusive or of "all pixels left of the crossing" over these
crossings. So a row of the window around a sprite is one word of bits, and single pixels need not be looked at.

Squares are identical to the original on every frame compared. Ellipses and hearts follow an outline that was measured:
on independent frames ellipses are at most two pixels off, hearts at most one.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
"""Window rows of bits, bit ``k`` for column ``k``: ``[..., row]``."""

POSITIONS = np.linspace(0.0, 1.0, 32)
WINDOW = 32
"""Side of the window around a sprite. The largest reaches 9.6 * sqrt(2) = 13.58 pixels from its centre."""

CENTRES = 16.0 + 32.0 * POSITIONS
"""Coordinate of the sprite's centre for each position id, on either axis."""
STARTS: NDArray[np.int64] = np.floor(CENTRES).astype(np.int64) - WINDOW // 2
"""First row or column of the window for each position id: 0 to 32, so that every window lies inside the frame."""

_CENTRES_IN_WINDOW: NDArray[np.float64] = CENTRES - STARTS
_HEIGHTS: NDArray[np.float64] = (np.arange(WINDOW) + 0.5 - _CENTRES_IN_WINDOW[:, None]).ravel()
"""How far the pixel centres of each window row are below the sprite's centre: one number for each (y, row)."""
_UPWARDS = np.argsort(_HEIGHTS)
_LEFT_OF = np.array([(1 << column) - 1 for column in range(WINDOW + 1)], dtype=np.uint32)
"""The pixels left of a crossing, by how many there are."""

_SQUARE_HALF_SIDE = 9.6
_SUBPIXELS = 256
_ELLIPSE_RADII = (12.772, 7.212)
_HEART_HALF = (
    ((0.0, -5.147), (2.097, -12.176), (10.078, -9.42), (9.561, -3.548)),
    ((9.561, -3.548), (9.092, 1.778), (1.269, 5.056), (0.0, 9.665)),
)
"""Right half of the heart's outline: two cubic Bezier curves, x to the right, y down, in pixels at scale 1."""
_CURVE_PIECES = 1024


def square(scale: float, orientation: float) -> Words:
    """Squares of ``scale``, turned by ``orientation`` radians counter-clockwise, at all positions.

    The rasteriser's rule: corners rounded to 1/256 pixel, then integer arithmetic; a pixel centre on an edge is inside
    at left edges and at a horizontal bottom edge.

    Returns:
        uint32 ``[32 (x), 32 (y), 32 (row)]``.
    """
    half = _SQUARE_HALF_SIDE * scale
    corners = np.array([(-half, -half), (half, -half), (half, half), (-half, half)])
    offsets = _turned(corners, orientation)
    xs = np.rint(_SUBPIXELS * (_CENTRES_IN_WINDOW + offsets[:, :1])).astype(np.int64)  # corner, x
    ys = np.rint(_SUBPIXELS * (_CENTRES_IN_WINDOW + offsets[:, 1:])).astype(np.int64)  # corner, y
    middle = _SUBPIXELS // 2
    rows = np.arange(WINDOW) * _SUBPIXELS + middle
    words = np.zeros((len(POSITIONS), len(POSITIONS), WINDOW), dtype=np.uint32)
    for x0, y0, x1, y1 in zip(xs, ys, np.roll(xs, -1, axis=0), np.roll(ys, -1, axis=0), strict=True):
        run, rise = (x1 - x0)[:, None, None], (y1 - y0)[:, None]
        # Half-open downwards, which takes the bottom edge in and leaves the top edge out.
        crossed = (y0[:, None] < rows) != (y1[:, None] < rows)
        rise = np.where(crossed, rise, 1)
        # Pixels left of the crossing: the least i with i + 1/2 >= x0 + (row - y0) * run / rise. Floor division of the
        # negated fraction rounds up exactly.
        fraction = (rows - y0[:, None]) * run + (x0 - middle)[:, None, None] * rise
        columns = -(-fraction // (_SUBPIXELS * rise))
        words ^= np.where(crossed, _LEFT_OF[np.clip(columns, 0, WINDOW)], np.uint32(0))
    return words


def ellipse(scale: float, orientation: float) -> Words:
    """Ellipses, the long axis horizontal at orientation 0; arguments and result as :func:`square`."""
    long, short = _ELLIPSE_RADII
    cosine, sine = math.cos(orientation), math.sin(orientation)
    # (u / long)^2 + (v / short)^2 = scale^2 is a quadratic in the horizontal offset, for each height.
    squared = (cosine / long) ** 2 + (sine / short) ** 2
    mixed = cosine * sine * (1.0 / short**2 - 1.0 / long**2)
    discriminant = squared * scale**2 - (_HEIGHTS / (long * short)) ** 2
    crossed = np.flatnonzero(discriminant > 0.0)
    middle = -mixed * _HEIGHTS[crossed] / squared
    reach = np.sqrt(discriminant[crossed]) / squared
    return _fill(np.repeat(crossed, 2), np.stack([middle - reach, middle + reach], axis=1).ravel())


def heart(scale: float, orientation: float) -> Words:
    """Hearts, upright at orientation 0; arguments and result as :func:`square`."""
    x, y = _turned(scale * _heart_outline(), orientation).T
    x_next, y_next = np.roll(x, -1), np.roll(y, -1)
    # An edge crosses the rows whose heights lie between those of its ends: a run among the sorted heights.
    starts = np.searchsorted(_HEIGHTS, y, side="right", sorter=_UPWARDS)
    ends = np.roll(starts, -1)
    counts = np.abs(ends - starts)
    edges = np.repeat(np.arange(len(x)), counts)
    within = np.arange(len(edges)) - np.repeat(np.cumsum(counts) - counts, counts)
    rows = _UPWARDS[np.minimum(starts, ends)[edges] + within]
    part = (_HEIGHTS[rows] - y[edges]) / (y_next[edges] - y[edges])
    crossings = x[edges] + part * (x_next[edges] - x[edges])
    by_row = np.argsort(rows, kind="stable")
    return _fill(rows[by_row], crossings[by_row])


def _turned(points: NDArray[np.float64], orientation: float) -> NDArray[np.float64]:
    """Points ``[n, 2]`` (x right, y down) turned counter-clockwise on screen."""
    cosine, sine = math.cos(orientation), math.sin(orientation)
    turned: NDArray[np.float64] = points @ np.array([[cosine, -sine], [sine, cosine]])
    return turned


def _fill(rows: NDArray[np.intp], crossings: NDArray[np.float64]) -> Words:
    """Bits of an outline that is the same at every position.

    Args:
        rows: which of the 32 x 32 window rows (y, row) each crossing belongs to, ascending.
        crossings: horizontal offset of each crossing from the sprite's centre.
    """
    columns = np.ceil(crossings + _CENTRES_IN_WINDOW[:, None] - 0.5).astype(np.int64)
    left_of = _LEFT_OF[np.clip(columns, 0, WINDOW)]  # x, crossing
    firsts = np.flatnonzero(np.diff(rows, prepend=-1))
    words = np.zeros((len(POSITIONS), len(POSITIONS) * WINDOW), dtype=np.uint32)
    words[:, rows[firsts]] = np.bitwise_xor.reduceat(left_of, firsts, axis=1)
    return words.reshape(len(POSITIONS), len(POSITIONS), WINDOW)


@functools.cache
def _heart_outline() -> NDArray[np.float64]:
    """The heart at scale 1 as a polygon ``[n, 2]``, its corners on the curves and its sides within 0.0001 pixel."""
    t = np.linspace(0.0, 1.0, _CURVE_PIECES, endpoint=False)[:, None]
    weights = np.hstack([(1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3])
    right = np.concatenate([weights @ np.array(curve) for curve in _HEART_HALF])
    bottom = np.array([_HEART_HALF[-1][-1]])
    left = right[:0:-1] * (-1.0, 1.0)  # the tip at the top lies on the axis and is its own mirror image
    return np.concatenate([right, bottom, left])
