from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from cr_tui.render.images.traversal import code_labels, draw_traversal, traversal_animation, traversal_grid, traverse
from engine.errors import InputError
from engine.models.codes import Codes


@dataclass
class _Model:
    """Its images are its latents: pixel i of a 1 × 5 image is latent i, moved from [-1, 1] to [0, 1]."""

    codes: Codes = field(default_factory=lambda: Codes(3, 2))

    def decode(self, z: np.ndarray) -> np.ndarray:
        return (z[:, None, None, :] + 1) / 2


def test_a_row_moves_its_code_and_holds_everything_else() -> None:
    frames = traverse(_Model(), steps=5, samples=2)
    assert frames.shape == (2, 3, 5, 1, 5, 1)
    assert frames.dtype == np.uint8
    for code in range(3):
        moved = frames[:, code, :, 0, :, 0]
        assert (moved[..., code] == [0, 64, 128, 191, 255]).all()
        others = np.delete(moved, code, axis=-1)
        assert (others == others[:, :1]).all()
    assert (frames[0, 0, 0, 0, 1:] != frames[1, 0, 0, 0, 1:]).any()


def test_draws_depend_on_the_seed_alone() -> None:
    assert (traverse(_Model(), seed=3) == traverse(_Model(), seed=3)).all()
    assert (traverse(_Model(), seed=3) != traverse(_Model(), seed=4)).any()


def test_chosen_codes_only() -> None:
    assert (traverse(_Model(), codes=[2]) == traverse(_Model())[:, 2:]).all()
    assert code_labels([2]) == ["c2"]
    assert code_labels(3) == ["c0", "c1", "c2"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"steps": 1}, "at least 2 steps"), ({"samples": 0}, "at least 1 sample"), ({"codes": [3]}, "no code 3.*0 to 2")],
)
def test_refuses_what_cannot_be(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        traverse(_Model(), **wrong)  # type: ignore[arg-type]


def test_the_grid_has_a_row_a_code_and_gaps_between() -> None:
    frames = np.zeros((1, 3, 4, 8, 6, 1), dtype=np.uint8)
    frames[0, 1, 2] = 200
    grid = traversal_grid(frames)
    assert grid.shape == (3 * 8 + 2 * 2, 4 * 6 + 3 * 2)
    assert (grid[10:18, 16:22] == 200).all()
    assert (grid == 200).sum() == 8 * 6
    assert (grid[8:10] == grid[8, 0]).all()
    assert grid[8, 0] not in (0, 200)


def test_samples_stand_below_each_other_and_colour_is_kept() -> None:
    frames = np.zeros((2, 3, 4, 8, 6, 3), dtype=np.uint8)
    assert traversal_grid(frames).shape == (3 * (2 * 8 + 2) + 2 * 6, 4 * 6 + 3 * 2, 3)


def test_the_animation_goes_there_and_back() -> None:
    frames = np.zeros((2, 3, 4, 8, 6, 1), dtype=np.uint8)
    frames[:, :, :] = np.arange(4, dtype=np.uint8).reshape(1, 1, 4, 1, 1, 1) * 10
    pictures = traversal_animation(frames)
    assert [int(picture[0, 0]) for picture in pictures] == [0, 10, 20, 30, 20, 10]
    assert pictures[0].shape == (2 * 8 + 2, 3 * 6 + 2 * 2)


def test_drawn_rows_are_labelled_and_as_wide_as_asked() -> None:
    frames = traverse(_Model(), steps=4)
    drawn = draw_traversal(np.repeat(np.repeat(frames, 32, axis=3), 8, axis=4), code_labels(3), columns=60)
    assert drawn.width <= 60
    assert [line.split()[0] for line in drawn.plain.splitlines() if line[:1] == "c"] == ["c0", "c1", "c2"]


@pytest.mark.parametrize(("columns", "rows"), [(80, 20), (40, 40), (200, 50), (10, 5)])
def test_drawing_survives_any_room(columns: int, rows: int) -> None:
    drawn = draw_traversal(np.zeros((1, 5, 7, 32, 32, 1), dtype=np.uint8), code_labels(5), columns, rows)
    assert drawn.height >= 5
