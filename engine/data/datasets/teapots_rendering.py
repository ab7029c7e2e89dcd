"""Pictures of the teapot mesh: perspective, depth test, eight samples a pixel, in NumPy alone.

Many views are drawn at once, and every step works on all its candidates together: first the (triangle, pixel) pairs
whose boxes meet, then, for each of the eight samples of a pixel, the pairs whose triangle covers the sample. Corners
are rounded to 1/256 pixel, as graphics hardware does, and coverage is decided in integers: neighbours share an edge
without a gap, and the picture is the same on every machine that rounds the corners alike.

Both sides of a triangle are drawn, because the inside shows between lid and rim and in the mouth of the spout.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.data.datasets.teapots_mesh import Mesh

SIDE = 64
DISTANCE = 0.5
"""Distance of the camera from the centre, in scene units."""
FOCAL = 105.0
"""Focal length in pixels; the principal point is the middle of the image."""
SAMPLES: NDArray[np.int32] = (
    np.array([(1, -3), (-1, 3), (5, 1), (-3, -5), (-5, 5), (-7, -1), (3, 7), (7, -7)], dtype=np.int32) * 16 + 128
)
"""(x, y) of the samples in a pixel, in 1/256 pixel: the standard pattern of Direct3D's and Vulkan's 8x
multisampling."""
_UNIT = 256
_VIEWS_AT_ONCE = 4
"""Views drawn at once. More of them run slower, because the arrays no longer fit the processor's cache."""
_LOW_BITS = 32


def render(mesh: Mesh, latents: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Draw the mesh before a white background.

    Camera, light and colours are those of docs/method.md, section 12: the camera looks at the origin from the side of
    negative y, from ``elevation`` above the horizontal; the object is turned anticlockwise about z by ``azimuth`` (at 0
    the spout points right; where 0 lies and which way it turns is our choice). A vertex's colour is
    ``clip(rgb * intensity, 0, 1)``, interpolated in perspective; a pixel is the mean of its eight samples.

    Args:
        mesh: what to draw; all of it before the camera.
        latents: float ``[n, 5]``: azimuth and elevation in radians; red, green and blue in [0, 1].

    Returns:
        uint8 ``[n, 64, 64, 3]``. An image depends on its own row alone.
    """
    images = np.empty((len(latents), SIDE, SIDE, 3), dtype=np.uint8)
    for start in range(0, len(latents), _VIEWS_AT_ONCE):
        part = latents[start : start + _VIEWS_AT_ONCE]
        triangles = _Triangles.of_views(mesh, part)
        colours = np.clip(part[:, None, 2:].astype(np.float32) * mesh.intensity[:, None], 0.0, 1.0)
        images[start : start + len(part)] = _shade(triangles, _visible(triangles, len(part)), colours)
    return images


def project(
    vertices: NDArray[np.float64], azimuth: NDArray[np.float64], elevation: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the camera sees points of the object.

    Args:
        vertices: float ``[v, 3]`` in scene units.
        azimuth: float ``[n]``, radians.
        elevation: float ``[n]``, radians.

    Returns:
        Pixel coordinates ``[n, v, 2]`` (x right, y down, from the image's upper left corner) and depths ``[n, v]``.
    """
    x, y, z = vertices.T
    cos_a, sin_a = np.cos(azimuth)[:, None], np.sin(azimuth)[:, None]
    cos_e, sin_e = np.cos(elevation)[:, None], np.sin(elevation)[:, None]
    right, away = x * cos_a - y * sin_a, x * sin_a + y * cos_a
    up = away * sin_e + z * cos_e
    depth = DISTANCE + away * cos_e - z * sin_e
    pixels = SIDE / 2 + FOCAL * np.stack([right, -up], axis=-1) / depth[..., None]
    return pixels, depth


@dataclass(frozen=True, eq=False)
class _Triangles:
    """The triangles of several views, ready for the samples: t in all.

    Args:
        view: int64 ``[t]``.
        vertices: int64 ``[3, t]``, into the vertices of all views.
        low: int32 ``[2, t]``, first column and row of pixels with a sample in the box.
        span: int32 ``[2, t]``, columns and rows of such pixels.
        edges: int32 ``[3, 3, t]``: of the edge opposite each corner a, b, c with ``a x + b y + c``, not negative
            inside, at (x, y) in 1/256 pixel.
        weights: float32 ``[3, t]``: what turns the edges' values into the corners' shares of the inverse depth.
    """

    view: NDArray[np.int64]
    vertices: NDArray[np.int64]
    low: NDArray[np.int32]
    span: NDArray[np.int32]
    edges: NDArray[np.int32]
    weights: NDArray[np.float32]

    @classmethod
    def of_views(cls, mesh: Mesh, latents: NDArray[np.float64]) -> _Triangles:
        pixels, depth = project(mesh.vertices, latents[:, 0], latents[:, 1])
        offsets = np.arange(len(latents))[:, None] * len(mesh.vertices)
        vertices = np.stack([(offsets + corner).ravel() for corner in mesh.triangles.T])
        x, y = np.rint(pixels * _UNIT).astype(np.int32).reshape(-1, 2).T
        x, y = x[vertices], y[vertices]
        # Pixels one of whose samples, from the least to the greatest offset, can lie in the box.
        least, greatest = SAMPLES.min(), SAMPLES.max()
        box = np.stack([x, y])
        low = np.maximum(-((greatest - box.min(axis=1)) // _UNIT), 0)
        high = np.minimum((box.max(axis=1) - least) // _UNIT, SIDE - 1)
        area = (x[1] - x[0]) * (y[2] - y[0]) - (y[1] - y[0]) * (x[2] - x[0])
        kept = np.flatnonzero((area != 0) & (high >= low).all(axis=0))
        x, y, area = x[:, kept], y[:, kept], area[kept]
        sign = np.sign(area)
        edges = np.empty((3, 3, len(kept)), dtype=np.int32)
        for corner in range(3):
            i, j = (corner + 1) % 3, (corner + 2) % 3
            a, b = (y[i] - y[j]) * sign, (x[j] - x[i]) * sign
            edges[corner] = a, b, -(a * x[i] + b * y[i])
        kept_vertices = vertices[:, kept]
        inverse_depth = (1.0 / depth).ravel()[kept_vertices]
        weights = (inverse_depth / np.abs(area)).astype(np.float32)
        view = kept // len(mesh.triangles)
        return cls(view, kept_vertices, low[:, kept], (high - low + 1)[:, kept], edges, weights)


def _visible(triangles: _Triangles, views: int) -> NDArray[np.int64]:
    """For each sample ``[views * pixels * 8]`` the nearest triangle's number in the low bits; 0 where there is none.

    The high bits are those of the inverse depth: of positive floats the greater one has the greater bits, so one
    maximum finds the nearest triangle and brings its number along.
    """
    number, x, y = _candidates(triangles)
    edges = np.take(triangles.edges, number, axis=2)
    slope_x, slope_y = edges[:, 0], edges[:, 1]
    at_corner = slope_x * (x * _UNIT) + slope_y * (y * _UNIT) + edges[:, 2]
    pixel = (triangles.view[number] * SIDE + y) * SIDE + x
    nearest = np.zeros(views * SIDE * SIDE * len(SAMPLES), dtype=np.int64)
    for sample, (dx, dy) in enumerate(SAMPLES):
        values = slope_x * dx
        values += slope_y * dy
        values += at_corner
        # Three integers are all non-negative when their union has no sign bit.
        covered = np.flatnonzero((values[0] | values[1] | values[2]) >= 0)
        owner = number[covered]
        inverse_depth = np.zeros(len(covered))
        for value, weight in zip(values, triangles.weights, strict=True):
            inverse_depth += value[covered] * weight[owner]
        bits = inverse_depth.astype(np.float32).view(np.int32).astype(np.int64)
        np.maximum.at(nearest, pixel[covered] * len(SAMPLES) + sample, (bits << _LOW_BITS) | owner)
    return nearest


def _candidates(triangles: _Triangles) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """All pairs of a triangle and a pixel of its box: triangle number, column and row, each ``[f]``."""
    columns, rows = triangles.span
    counts = columns * rows
    number = np.repeat(np.arange(len(counts)), counts)
    within = (np.arange(len(number)) - np.repeat(np.cumsum(counts) - counts, counts)).astype(np.int32)
    row, column = np.divmod(within, columns[number])
    return number, triangles.low[0][number] + column, triangles.low[1][number] + row


def _shade(triangles: _Triangles, nearest: NDArray[np.int64], colours: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Images ``[n, 64, 64, 3]`` from the nearest triangles and the colours ``[n, v, 3]`` of the vertices."""
    views = len(colours)
    covered = np.flatnonzero(nearest)
    number = nearest[covered] & ((1 << _LOW_BITS) - 1)
    pixel, sample = np.divmod(covered, len(SAMPLES))
    dx, dy = SAMPLES[sample].T
    x = (pixel % SIDE * _UNIT).astype(np.int32) + dx
    y = (pixel // SIDE % SIDE * _UNIT).astype(np.int32) + dy
    edges = np.take(triangles.edges, number, axis=2)
    shares = (edges[:, 0] * x + edges[:, 1] * y + edges[:, 2]) * np.take(triangles.weights, number, axis=1)
    shares /= shares.sum(axis=0)
    vertices = np.take(triangles.vertices, number, axis=1)
    uncovered = len(SAMPLES) - np.bincount(pixel, minlength=views * SIDE * SIDE)
    channels = []
    for channel in np.moveaxis(colours, 2, 0):
        values = (np.take(channel, vertices) * shares).sum(axis=0)
        channels.append(uncovered + np.bincount(pixel, values, minlength=views * SIDE * SIDE))
    mean = np.stack(channels, axis=-1) * (255.0 / len(SAMPLES))
    return np.rint(mean).astype(np.uint8).reshape(views, SIDE, SIDE, 3)
