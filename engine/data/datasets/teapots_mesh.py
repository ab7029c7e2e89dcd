"""The Utah teapot (M. Newell, 1975) as lit triangles: patches, tessellation, and each vertex's light.

The 32 bicubic patches follow from six profiles turned about the z axis and four half patches of handle and spout,
mirrored in y (docs/method.md, section 12).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STEPS = 8
"""Quads along each side of a patch. The body's outline then strays at most 0.1 pixel from the true curve."""
SCALE = 0.040
CENTRE = (0.2166, 0.0, 1.5)
"""Model units become scene units by ``(point - CENTRE) * SCALE``; a choice of ours that keeps the teapot in the image
(the shape model that the authors scaled is not public; docs/method.md, section 12)."""
AMBIENT = 0.5
DIFFUSE = 0.9

_QUARTER = ((1.0, 0.0), (1.0, 0.56), (0.56, 1.0), (0.0, 1.0))
"""Control points (x, y) of a quarter of the unit circle."""
_PROFILES = (
    ((1.4, 2.4), (1.3375, 2.53125), (1.4375, 2.53125), (1.5, 2.4)),  # rim
    ((1.5, 2.4), (1.75, 1.875), (2.0, 1.35), (2.0, 0.9)),  # upper body
    ((2.0, 0.9), (2.0, 0.45), (1.5, 0.225), (1.5, 0.15)),  # lower body
    ((0.0, 3.15), (0.8, 3.15), (0.0, 2.85), (0.2, 2.7)),  # knob
    ((0.2, 2.7), (0.4, 2.55), (1.3, 2.55), (1.3, 2.4)),  # lid
    ((1.5, 0.15), (1.5, 0.075), (1.425, 0.0), (0.0, 0.0)),  # bottom
)
"""Control points (radius, z), from the inside or the top outwards and down."""
_HALF_PATCHES = (
    (  # upper handle
        ((-1.6, 0.0, 2.025), (-1.6, 0.3, 2.025), (-1.5, 0.3, 2.25), (-1.5, 0.0, 2.25)),
        ((-2.3, 0.0, 2.025), (-2.3, 0.3, 2.025), (-2.5, 0.3, 2.25), (-2.5, 0.0, 2.25)),
        ((-2.7, 0.0, 2.025), (-2.7, 0.3, 2.025), (-3.0, 0.3, 2.25), (-3.0, 0.0, 2.25)),
        ((-2.7, 0.0, 1.8), (-2.7, 0.3, 1.8), (-3.0, 0.3, 1.8), (-3.0, 0.0, 1.8)),
    ),
    (  # lower handle
        ((-2.7, 0.0, 1.8), (-2.7, 0.3, 1.8), (-3.0, 0.3, 1.8), (-3.0, 0.0, 1.8)),
        ((-2.7, 0.0, 1.575), (-2.7, 0.3, 1.575), (-3.0, 0.3, 1.35), (-3.0, 0.0, 1.35)),
        ((-2.5, 0.0, 1.125), (-2.5, 0.3, 1.125), (-2.65, 0.3, 0.9375), (-2.65, 0.0, 0.9375)),
        ((-2.0, 0.0, 0.9), (-2.0, 0.3, 0.9), (-1.9, 0.3, 0.6), (-1.9, 0.0, 0.6)),
    ),
    (  # lower spout
        ((1.7, 0.0, 1.425), (1.7, 0.66, 1.425), (1.7, 0.66, 0.6), (1.7, 0.0, 0.6)),
        ((2.6, 0.0, 1.425), (2.6, 0.66, 1.425), (3.1, 0.66, 0.825), (3.1, 0.0, 0.825)),
        ((2.3, 0.0, 2.1), (2.3, 0.25, 2.1), (2.4, 0.25, 2.025), (2.4, 0.0, 2.025)),
        ((2.7, 0.0, 2.4), (2.7, 0.25, 2.4), (3.3, 0.25, 2.4), (3.3, 0.0, 2.4)),
    ),
    (  # upper spout
        ((2.7, 0.0, 2.4), (2.7, 0.25, 2.4), (3.3, 0.25, 2.4), (3.3, 0.0, 2.4)),
        ((2.8, 0.0, 2.475), (2.8, 0.25, 2.475), (3.525, 0.25, 2.49375), (3.525, 0.0, 2.49375)),
        ((2.9, 0.0, 2.475), (2.9, 0.15, 2.475), (3.45, 0.15, 2.5125), (3.45, 0.0, 2.5125)),
        ((2.8, 0.0, 2.4), (2.8, 0.15, 2.4), (3.2, 0.15, 2.4), (3.2, 0.0, 2.4)),
    ),
)
"""Control points (x, y, z) on the side of positive y, along handle and spout by rows."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles and the light on their corners.

    Args:
        vertices: float64 ``[v, 3]``, x towards the spout, z up, in scene units.
        triangles: int32 ``[t, 3]`` vertex indices, anticlockwise as seen from outside.
        intensity: float32 ``[v]``, what the light multiplies a colour by.
    """

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int32]
    intensity: NDArray[np.float32]


def teapot(steps: int = STEPS) -> Mesh:
    """Tessellate the teapot and light it from above.

    The light comes from (0, 0, 1) and the object only ever turns about z, so a vertex's intensity
    ``0.5 + 0.9 * max(n_z, 0)`` depends on the vertex alone (docs/method.md, section 12).

    Args:
        steps: quads along each side of a patch.
    """
    points, triangles = _tessellate(patches(), steps)
    normals = vertex_normals(points, triangles)
    intensity = AMBIENT + DIFFUSE * np.maximum(normals[:, 2], 0.0)
    return Mesh((points - CENTRE) * SCALE, triangles, intensity.astype(np.float32))


def patches() -> NDArray[np.float64]:
    """Control points ``[32, 4, 4, 3]`` in model units; rows x columns, as a cross product, points out of the body."""
    quarter = np.array(_QUARTER)
    turned = [quarter @ turn for turn in ([[1, 0], [0, 1]], [[0, 1], [-1, 0]], [[-1, 0], [0, -1]], [[0, -1], [1, 0]])]
    revolved = []
    for profile in _PROFILES:
        radius, height = np.array(profile).T
        for ring in turned:
            circles = radius[:, None, None] * ring
            revolved.append(np.dstack([circles, np.broadcast_to(height[:, None], (4, 4))]))
    halves = np.array(_HALF_PATCHES)
    mirrored = halves[:, :, ::-1] * [1.0, -1.0, 1.0]
    return np.concatenate([np.stack(revolved), halves, mirrored])


def vertex_normals(points: NDArray[np.float64], triangles: NDArray[np.int32]) -> NDArray[np.float64]:
    """Unit normals ``[v, 3]``: the mean of the adjoining triangles' normals, weighted by area."""
    corners = points[triangles]
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    sums = np.zeros_like(points)
    for corner in triangles.T:
        np.add.at(sums, corner, faces)
    normals: NDArray[np.float64] = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    return normals


def _tessellate(control: NDArray[np.float64], steps: int) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Points ``[v, 3]`` and triangles ``[t, 3]``; shared points are merged, triangles without area left out."""
    basis = _bernstein(np.linspace(0.0, 1.0, steps + 1))
    points = np.einsum("ui,vj,pijk->puvk", basis, basis, control).reshape(-1, 3)
    first = np.arange(len(control))[:, None, None] * (steps + 1) ** 2
    corner = (first + np.arange(steps)[:, None] * (steps + 1) + np.arange(steps)).ravel()
    below, right, across = corner + steps + 1, corner + 1, corner + steps + 2
    triangles = np.concatenate([np.stack([corner, below, across], 1), np.stack([corner, across, right], 1)])
    # Adding zero turns -0.0 into 0.0.
    points, welded = np.unique(np.round(points, 9) + 0.0, axis=0, return_inverse=True)
    triangles = welded.reshape(-1)[triangles]
    first_corner, second, third = triangles.T
    whole = (first_corner != second) & (second != third) & (third != first_corner)
    return points, triangles[whole].astype(np.int32)


def _bernstein(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cubic Bernstein polynomials ``[len(t), 4]``."""
    s = 1.0 - t
    return np.stack([s**3, 3.0 * s * s * t, 3.0 * s * t * t, t**3], axis=1)
