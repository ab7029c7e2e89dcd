"""The rendered sprites against rules written here in plain Python, and against the original's own frames by hash."""

import hashlib
import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.data.datasets import dsprites, dsprites_rendering
from engine.data.datasets.dsprites import FACTORS, DSprites, Factors

LAST = 31


def grid(shapes: list[int], scales: list[int], orientations: list[int]) -> Factors:
    """The factor grid of some shapes, scales and orientations at all positions."""
    chosen = zip(FACTORS[:3], (shapes, scales, orientations), strict=True)
    parts = (replace(factor, values=tuple(factor.values[i] for i in ids)) for factor, ids in chosen)
    return (*parts, *FACTORS[3:])


def rendered(factors: Factors) -> DSprites:
    return DSprites(np.concatenate(list(dsprites.render(factors))), factors=factors)


def pose(shape: int, scale: int, orientation: int) -> DSprites:
    """The 1,024 images of one shape, scale and orientation; image ``32 x + y``."""
    return rendered(grid([shape], [scale], [orientation]))


def frame(shape: int, scale: int, orientation: int, x: int, y: int) -> NDArray[np.bool_]:
    image = pose(shape, scale, orientation).images([32 * x + y])
    return np.asarray(image[0, :, :, 0] == 255)


def corner_of_square(scale: int, orientation: int, x: int, y: int, u: float, v: float) -> tuple[int, int]:
    """In 1/256 pixel; x to the right, y down."""
    size, angle = 0.5 + 0.1 * scale, 2 * math.pi * orientation / 39
    dx = size * (math.cos(angle) * u + math.sin(angle) * v)
    dy = size * (-math.sin(angle) * u + math.cos(angle) * v)
    return round(256 * (16 + 32 * x / 31 + dx)), round(256 * (16 + 32 * y / 31 + dy))


def square_covers(corners: list[tuple[int, int]], row: int, column: int) -> bool:
    """Edge functions of the corners in clockwise order (on screen) at a pixel's centre."""
    px, py = 256 * column + 128, 256 * row + 128
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        side = (x1 - x0) * (py - y0) - (y1 - y0) * (px - x0)
        left, bottom = y1 < y0, y1 == y0 and x1 < x0
        if side < 0 or (side == 0 and not (left or bottom)):
            return False
    return True


def test_factors_are_the_originals() -> None:
    data = DSprites(np.zeros((0, 32), dtype=np.uint32))
    assert data.factor_names == ("shape", "scale", "orientation", "position-x", "position-y")
    assert data.factor_sizes == (3, 6, 40, 32, 32)
    assert data.factor_continuous == (False, True, True, True, True)
    assert math.prod(data.factor_sizes) == 737_280
    shape, scale, orientation, x, y = (factor.values for factor in data.factors)
    assert shape == (1.0, 2.0, 3.0)
    assert scale == pytest.approx((0.5, 0.6, 0.7, 0.8, 0.9, 1.0))
    assert orientation[0] == 0.0
    assert orientation[1] == pytest.approx(0.16110732)  # as in the original's latents_values
    assert orientation[-1] == pytest.approx(2 * math.pi)
    assert x == y == pytest.approx([i / 31 for i in range(32)])


def test_order_is_the_originals() -> None:
    data = DSprites(np.zeros((0, 32), dtype=np.uint32))
    for ids in (
        [0, 0, 0, 0, 1],
        [0, 0, 0, 1, 0],
        [0, 0, 1, 0, 0],
        [0, 1, 0, 0, 0],
        [1, 0, 0, 0, 0],
        [2, 5, 39, 31, 31],
    ):
        shape, scale, orientation, x, y = ids
        index = (((shape * 6 + scale) * 40 + orientation) * 32 + x) * 32 + y
        assert data.index_of(np.array([ids])).tolist() == [index]
        assert data.factors_of([index]).tolist() == [ids]


def test_images_of_a_grid_lie_where_their_indices_say() -> None:
    data = rendered(grid([0, 2], [1, 4], [0, 7]))
    for ids in np.random.default_rng(0).integers(data.factor_sizes, size=(12, 5)):
        shape, scale, orientation, x, y = ids
        expected = frame([0, 2][shape], [1, 4][scale], [0, 7][orientation], x, y)
        assert np.array_equal(data.images(data.index_of(ids[None]))[0, :, :, 0] == 255, expected)


@pytest.mark.parametrize(
    ("scale", "orientation", "x", "y"),
    [(0, 0, 0, 0), (5, 0, 31, 31), (5, 39, 3, 17), (2, 10, 30, 1), (3, 5, 16, 15), (1, 33, 0, 31), (5, 20, 11, 8)],
)
def test_squares_follow_the_rasterisers_rule(scale: int, orientation: int, x: int, y: int) -> None:
    units = [(-9.6, -9.6), (9.6, -9.6), (9.6, 9.6), (-9.6, 9.6)]
    corners = [corner_of_square(scale, orientation, x, y, u, v) for u, v in units]
    expected = [[square_covers(corners, row, column) for column in range(64)] for row in range(64)]
    assert np.array_equal(frame(0, scale, orientation, x, y), np.array(expected))


def test_edges_through_pixel_centres_belong_to_left_and_bottom(monkeypatch: pytest.MonkeyPatch) -> None:
    # A half side of 7.5 puts all four edges on pixel centres where the sprite's centre is a whole number.
    monkeypatch.setattr(dsprites_rendering, "_SQUARE_HALF_SIDE", 7.5)
    rows, columns = np.nonzero(frame(0, 5, 0, 0, 0))
    assert (columns.min(), columns.max()) == (8, 22)
    assert (rows.min(), rows.max()) == (9, 23)


def test_squares_are_the_originals_bit_for_bit() -> None:
    """The 64 square frames of ``dsprites.gif`` in the dataset's repository, by the hash of their packed bits."""
    scales = [0, 1, 2, 3, 4, 5]
    poses = [(scale, 0) for scale in scales + scales[::-1] + scales]
    poses += [(5, orientation) for orientation in range(40)]
    poses += [(scale, 0) for scale in scales[::-1]]
    data = rendered(grid([0], scales, list(range(40))))
    frames = data.images(data.index_of(np.array([(0, *pose, 0, 0) for pose in poses])))
    digest = hashlib.sha256(np.packbits(frames.reshape(64, -1) > 0, axis=1).tobytes()).hexdigest()
    assert digest == "940eb87a38197dfb639554b4ba2c2ac4cc7c32905186d92fecf8ea8b4fd3d649"


@pytest.mark.parametrize(("scale", "orientation", "x", "y"), [(5, 0, 0, 0), (0, 7, 31, 5), (3, 24, 12, 29)])
def test_ellipses_cover_what_lies_inside(scale: int, orientation: int, x: int, y: int) -> None:
    size, angle = 0.5 + 0.1 * scale, 2 * math.pi * orientation / 39
    expected = np.zeros((64, 64), dtype=bool)
    for row in range(64):
        for column in range(64):
            dx, dy = column + 0.5 - (16 + 32 * x / 31), row + 0.5 - (16 + 32 * y / 31)
            u = (math.cos(angle) * dx - math.sin(angle) * dy) / size
            v = (math.sin(angle) * dx + math.cos(angle) * dy) / size
            expected[row, column] = (u / 12.772) ** 2 + (v / 7.212) ** 2 < 1
    assert np.array_equal(frame(1, scale, orientation, x, y), expected)


def test_upright_hearts_mirror_each_other() -> None:
    images = pose(2, 5, 0).images(np.arange(1024)).reshape(32, 32, 64, 64)
    assert np.array_equal(images, images[::-1, :, :, ::-1])
    assert not np.array_equal(images, images[:, ::-1, ::-1, :])


def test_upright_heart_has_a_notch_above_and_a_tip_below() -> None:
    heart = frame(2, 5, 0, 0, 0)  # turns about (16, 16)
    assert heart[8, 14]
    assert heart[8, 17]
    assert not heart[8, 15:17].any()
    assert heart[22, 15:17].all()
    assert heart[22].sum() < heart[18].sum() < heart[12].sum()


@pytest.mark.parametrize("shape", [0, 1, 2])
def test_orientation_ends_in_the_pose_it_began_with(shape: int) -> None:
    for scale in range(6):
        everywhere = np.arange(1024)
        first = pose(shape, scale, 0).images(everywhere)
        assert np.array_equal(first, pose(shape, scale, 39).images(everywhere))
        assert not np.array_equal(first, pose(shape, scale, 1).images(everywhere))


@pytest.mark.parametrize("shape", [0, 1, 2])
def test_area_grows_with_scale(shape: int) -> None:
    areas = [(pose(shape, scale, 3).images(np.arange(1024)) > 0).mean() for scale in range(6)]
    assert all(np.diff(areas) > 0)
    # Area goes with the square of the scale; all positions together average the pixels' grain out.
    assert areas[0] / areas[5] == pytest.approx(0.25, rel=0.01)


@pytest.mark.parametrize("shape", [0, 1, 2])
def test_centre_of_mass_follows_the_position(shape: int) -> None:
    images = pose(shape, 5, 4).images(np.arange(1024))[..., 0] / 255.0
    mass, pixels = images.sum(axis=(1, 2)), np.arange(64) + 0.5
    across = (images.sum(axis=1) @ pixels / mass).reshape(32, 32)
    down = (images.sum(axis=2) @ pixels / mass).reshape(32, 32)
    expected = 16 + 32 * np.arange(32) / 31
    error_x, error_y = across - expected[:, None], down - expected
    shift = math.hypot(error_x.mean(), error_y.mean())
    # A heart turns about a point below its centre of mass.
    assert 1.0 < shift < 2.5 if shape == 2 else shift < 0.01
    assert abs(error_x - error_x.mean()).max() < 0.25
    assert abs(error_y - error_y.mean()).max() < 0.25


def test_sprites_turn_counter_clockwise_on_screen() -> None:
    rows, columns = np.nonzero(frame(1, 5, 4, 16, 16))
    # The long axis, horizontal at first, now rises to the right; rows count downwards.
    assert np.cov(rows, columns)[0, 1] < 0


def test_images_are_fresh_frames_of_zeros_and_full_intensity() -> None:
    data = pose(0, 2, 6)
    images = data.images(np.arange(1024))
    assert images.shape == (1024, 64, 64, 1)
    assert images.dtype == np.uint8
    assert np.unique(images).tolist() == [0, 255]
    images[:] = 7
    assert not (data.images([3]) == 7).any()


def test_images_take_any_order_and_repetition() -> None:
    data = rendered(grid([0, 1, 2], [0], [5]))
    everything = data.images(np.arange(len(data)))
    wanted = np.random.default_rng(1).integers(len(data), size=700)
    assert np.array_equal(data.images(wanted), everything[wanted])
    assert np.array_equal(data.images([5, 5, 0]), everything[[5, 5, 0]])
    assert data.images([]).shape == (0, 64, 64, 1)
    with pytest.raises(IndexError):
        data.images([len(data)])


def test_windows_and_frames_are_each_others_inverse() -> None:
    indices = np.random.default_rng(2).integers(737_280, size=200)
    words = np.random.default_rng(3).integers(1 << 32, size=(200, 32), dtype=np.uint32)
    rows = dsprites.frame_rows(words, indices)
    assert np.array_equal(dsprites.window_words(rows, indices), words)
    bits = np.unpackbits(words.view(np.uint8)).sum()
    assert np.unpackbits(rows.view(np.uint8)).sum() == bits
