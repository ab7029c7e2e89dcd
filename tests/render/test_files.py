from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cr_tui.render.files import save_gif, save_png
from engine.errors import InputError, WorkError


def _image(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (4, 6), dtype=np.uint8)


def test_png_holds_every_pixel(tmp_path: Path) -> None:
    save_png(tmp_path / "a.png", _image(), scale=3)
    with Image.open(tmp_path / "a.png") as picture:
        assert (np.asarray(picture) == _image().repeat(3, axis=0).repeat(3, axis=1)).all()


def test_gif_holds_every_frame_and_repeats(tmp_path: Path) -> None:
    frames = [np.full((4, 6), grey, dtype=np.uint8) for grey in (0, 100, 200)]
    save_gif(tmp_path / "a.gif", frames, milliseconds=80)
    with Image.open(tmp_path / "a.gif") as picture:
        assert picture.n_frames == 3  # type: ignore[attr-defined]
        assert picture.info["loop"] == 0
        assert picture.info["duration"] == 80


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_png(tmp_path / "a.png", _image(1))
    before = (tmp_path / "a.png").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(WorkError, match="No space left"):
        save_png(tmp_path / "a.png", _image(2))
    assert (tmp_path / "a.png").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        save_png(tmp_path / "nowhere" / "a.png", _image())


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(InputError, match="it is a folder"):
        save_png(tmp_path / "a.png", _image())
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_an_animation_needs_a_frame(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one frame"):
        save_gif(tmp_path / "a.gif", [])
    assert list(tmp_path.iterdir()) == []
