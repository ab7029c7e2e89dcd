"""The teapot's mesh, its light, and its pictures, against geometry worked out by hand."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.data.datasets import teapots_rendering
from engine.data.datasets.teapots_mesh import CENTRE, SCALE, Mesh, patches, teapot
from engine.data.datasets.teapots_rendering import SAMPLES, project, render

GREY = (0.5, 0.5, 0.5)


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    return teapot()


def view(azimuth: float, elevation: float, colour: tuple[float, float, float] = GREY) -> NDArray[np.float64]:
    return np.array([[azimuth, elevation, *colour]])


def flat(corners: list[tuple[float, float, float]], intensity: list[float]) -> Mesh:
    """One triangle."""
    return Mesh(np.array(corners), np.array([[0, 1, 2]], dtype=np.int32), np.array(intensity, dtype=np.float32))


def test_thirty_two_patches_meet_at_290_control_points() -> None:
    control = patches()
    assert control.shape == (32, 4, 4, 3)
    assert len(np.unique(np.round(control.reshape(-1, 3), 6) + 0.0, axis=0)) == 290


def test_patches_point_outwards() -> None:
    """At the middle of a patch of body, lid and knob the normal points away from the axis or up; the bottom's down."""
    control = patches()
    first = np.array([0.125, 0.375, 0.375, 0.125])
    slope = np.array([-0.75, -0.75, 0.75, 0.75])
    middle = np.einsum("u,v,pijk,i,j->pk", [1], [1], control, first, first)
    normals = np.cross(
        np.einsum("pijk,i,j->pk", control, slope, first), np.einsum("pijk,i,j->pk", control, first, slope)
    )
    outwards = (normals[:, :2] * middle[:, :2]).sum(axis=1)
    assert (outwards[4:12] > 0).all()  # upper and lower body
    assert (normals[16:20, 2] > 0).all()  # lid
    assert (normals[20:24, 2] < 0).all()  # bottom
    assert (normals[24:28, 1] > 0).all()  # handle and spout, the side of positive y
    assert (normals[28:, 1] < 0).all()


def test_light_comes_from_above(mesh: Mesh) -> None:
    assert mesh.intensity.min() == np.float32(0.5)
    assert mesh.intensity.max() == pytest.approx(1.4, abs=1e-3)
    top, bottom = mesh.vertices[:, 2].argmax(), mesh.vertices[:, 2].argmin()
    assert mesh.intensity[top] == pytest.approx(1.4, abs=1e-4)  # the knob's top faces up
    assert mesh.intensity[bottom] == np.float32(0.5)
    # The body's widest ring, z = 0.9 in model units, has an upright tangent: its normal is level.
    x, y, z = (mesh.vertices / SCALE + CENTRE).T
    widest = (abs(z - 0.9) < 1e-6) & (np.hypot(x, y) > 1.98) & (abs(y) > 1.0)
    assert widest.sum() > 8
    assert mesh.intensity[widest].max() < 0.6


def test_camera_is_half_a_unit_away_and_looks_at_the_origin() -> None:
    points = np.array([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0], [0.0, 0.0, 0.1], [0.0, 0.1, 0.0]])
    pixels, depth = project(points, np.zeros(1), np.zeros(1))
    assert pixels[0] == pytest.approx(np.array([[32, 32], [32 + 21, 32], [32, 32 - 21], [32, 32]]))
    assert depth[0] == pytest.approx([0.5, 0.5, 0.5, 0.6])
    # From straight above, up in the image is away from where the camera stood, and what is high is near.
    pixels, depth = project(points, np.zeros(1), np.array([math.pi / 2]))
    assert pixels[0] == pytest.approx(np.array([[32, 32], [53, 32], [32, 32], [32, 11]]))
    assert depth[0] == pytest.approx([0.5, 0.5, 0.4, 0.5])
    # A quarter turn brings what was right to the far side.
    pixels, depth = project(points, np.array([math.pi / 2]), np.zeros(1))
    assert pixels[0, 1] == pytest.approx([32, 32])
    assert depth[0, 1] == pytest.approx(0.6)


def test_half_a_turn_less_the_azimuth_is_the_mirror_image(mesh: Mesh) -> None:
    """The teapot is its own mirror image in y, and its spout points right at azimuth 0."""
    for azimuth, elevation in [(0.3, 0.2), (1.2, 0.9), (4.0, 0.5)]:
        image = render(mesh, view(azimuth, elevation)).astype(int)
        mirrored = render(mesh, view(math.pi - azimuth, elevation))[:, :, ::-1].astype(int)
        other = render(mesh, view(-azimuth, elevation))[:, :, ::-1].astype(int)
        assert abs(image - mirrored).mean() < 1.0
        assert abs(image - other).mean() > 5.0


def test_side_view_has_spout_right_handle_left_and_a_hole_in_it(mesh: Mesh) -> None:
    shown = (render(mesh, view(0.0, 0.0))[0] < 255).any(axis=2)

    # By the model's measures: the spout's mouth at x 3.3, z 2.4; the middle of the handle's opening at x -2.3, z 1.5.
    def pixel(x: float, z: float) -> tuple[int, int]:
        scale = SCALE * 105 / 0.5
        return int(32 - (z - CENTRE[2]) * scale), int(32 + (x - CENTRE[0]) * scale)

    assert shown[pixel(3.1, 2.35)]
    assert not shown[pixel(-3.1, 2.35)]
    assert shown[pixel(-2.85, 1.7)]
    assert not shown[pixel(-2.3, 1.6)]
    assert shown[pixel(0.0, 3.0)]  # knob
    assert shown[pixel(0.0, 0.5)]


def test_from_straight_above_the_lid_is_seen(mesh: Mesh) -> None:
    """All of the lid faces up: brighter than any picture from the side, and alike in every azimuth."""
    above = render(mesh, view(0.0, math.pi / 2))[0, 28:36, 30:34].astype(int)
    assert above.min() > 0.9 * 0.5 * 255
    # The axis stands left of the image's middle; the lid's disc around it does not depend on azimuth but by position.
    low, high = render(mesh, view(0.0, 0.0))[0], render(mesh, view(0.0, math.pi / 2))[0]
    assert high[32, 30, 0] > low[34, 30, 0] + 50


def test_teapot_stays_two_pixels_from_the_edge(mesh: Mesh) -> None:
    random = np.random.default_rng(0)
    latents = np.column_stack(
        [random.uniform(0, 2 * math.pi, 60), random.uniform(0, math.pi / 2, 60), np.full((60, 3), 0.5)]
    )
    latents[:8, 0], latents[:8, 1] = np.arange(8) * math.pi / 4, 0.0
    shown = (render(mesh, latents) < 255).any(axis=3)
    rows, columns = np.flatnonzero(shown.any(axis=(0, 2))), np.flatnonzero(shown.any(axis=(0, 1)))
    assert rows.min() >= 2
    assert rows.max() <= 61
    assert columns.min() >= 2
    assert columns.max() <= 61
    assert 0.15 < shown.mean() < 0.3


def test_colours_are_clipped_before_they_are_interpolated() -> None:
    corners = [(-0.2, 0.0, -0.2), (0.2, 0.0, -0.2), (0.0, 0.0, 0.25)]
    image = render(flat(corners, [1.4, 1.4, 0.5]), view(0.0, 0.0, (1.0, 0.5, 0.0)))[0, 32, 32] / 255
    # The sample's mean place, (32.5, 32.5), shares: the corner at the top has (y of the base - y) / height.
    z = -(32.5 - 32) * 0.5 / 105
    top = (z + 0.2) / 0.45
    assert image[0] == pytest.approx((1 - top) * 1.0 + top * 0.5, abs=0.01)
    assert image[1] == pytest.approx((1 - top) * 0.7 + top * 0.25, abs=0.01)
    assert image[2] == 0.0


def test_pixels_are_the_share_of_samples_that_are_covered() -> None:
    assert len(np.unique(SAMPLES[:, 0])) == len(np.unique(SAMPLES[:, 1])) == 8
    # An upright edge through the middle of column 32: all to the left of x = 32.5 pixels is black.
    edge = 0.5 * 0.5 / 105
    image = render(flat([(edge, 0.0, -0.3), (edge, 0.0, 0.3), (-0.3, 0.0, 0.0)], [0.5] * 3), view(0.0, 0.0, (0, 0, 0)))[
        0
    ]
    assert (image[32, 20:32] == 0).all()
    assert (image[32, 33:] == 255).all()
    assert abs(image[32, 32].astype(int) - 255 * 4 / 8).max() <= 1


def test_nearest_triangle_is_seen_whatever_the_order() -> None:
    near, far = -0.1, 0.1
    triangles = [[0, 1, 2], [3, 4, 5]]
    corners = [(x, y, z) for y in (far, near) for x, z in ((-0.3, -0.3), (0.3, -0.3), (0.0, 0.3))]
    intensity = np.array([1.0] * 3 + [0.5] * 3, dtype=np.float32)
    for order in (triangles, triangles[::-1]):
        mesh = Mesh(np.array(corners), np.array(order, dtype=np.int32), intensity)
        assert (render(mesh, view(0.0, 0.0, (0.8, 0.8, 0.8)))[0, 32, 32] == round(0.4 * 255)).all()
        behind = render(mesh, view(math.pi, 0.0, (0.8, 0.8, 0.8)))[0, 32, 32]
        assert (behind == round(0.8 * 255)).all()


def test_neighbouring_triangles_leave_no_gap_and_no_image_depends_on_others(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sheet in many triangles is as one; and images are the same alone as together."""
    x, z = np.meshgrid(np.linspace(-0.2, 0.2, 12), np.linspace(-0.2, 0.2, 12))
    points = np.column_stack([x.ravel(), 0.03 * x.ravel(), z.ravel()])
    corner = (np.arange(11)[:, None] * 12 + np.arange(11)).ravel()
    triangles = np.concatenate(
        [np.stack([corner, corner + 1, corner + 13], 1), np.stack([corner, corner + 13, corner + 12], 1)]
    )
    sheet = Mesh(points, triangles.astype(np.int32), np.full(len(points), 0.5, dtype=np.float32))
    assert (render(sheet, view(0.0, 0.1, (0.0, 0.0, 0.0)))[0, 2:62, 2:62] == 0).all()

    latents = np.random.default_rng(1).uniform(size=(7, 5))
    together = render(mesh, latents)
    monkeypatch.setattr(teapots_rendering, "_VIEWS_AT_ONCE", 3)
    assert np.array_equal(together, render(mesh, latents))
    assert np.array_equal(together[4:5], render(mesh, latents[4:5]))
