"""Pictures and animations of traversals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cr_tui.dashboard.shared.key_footer import KeyFooter
from cr_tui.render.images.labelled import labelled_animation, labelled_grid

Open = Callable[..., Any]


class TestSaving:
    @pytest.mark.parametrize(("key", "suffix"), [("p", "png"), ("P", "gif")])
    async def test_writes_the_traversals(
        self,
        opened: Open,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        key: str,
        suffix: str,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        async with opened((120, 40), beside="98%") as at:
            await at.press(key, until="written to")
            steps = at.exploration.steps
        (path,) = tmp_path.iterdir()
        assert path.name.startswith("crtui-pool-s0-and-pool-s1-step-4000-")
        assert path.suffix == f".{suffix}"
        with Image.open(path) as picture:
            assert picture.format == suffix.upper()
            assert getattr(picture, "n_frames", 1) == (2 * steps - 2 if suffix == "gif" else 1)

    async def test_a_folder_that_cannot_be_written_is_told(
        self, opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gone = tmp_path / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        async with opened((120, 40)) as at:
            gone.rmdir()
            at.send("p")
            footer = at.screen.query_one(KeyFooter)
            await at.until(lambda: any(severity == "error" for _, severity in footer.notices))


def test_labels_stand_beside_exported_traversals() -> None:
    frames = np.zeros((2, 3, 5, 16, 16, 1), dtype=np.uint8)
    rows = [(f"c{code}", f"-c{code} 98%") for code in range(3)]
    bare = labelled_grid(frames, [("", "")] * 3, "", [], scale=2)
    grid = labelled_grid(frames, rows, "one and two", ["-1", "-0.5", "0", "0.5", "1"], scale=2)
    assert grid.shape[0] > bare.shape[0]
    assert grid.shape[1] > bare.shape[1]
    assert (grid[30:62, :60] < 128).any(), "there is text left of the first row"
    assert not (bare[30:62, :8] < 128).any()
    moving = labelled_animation(frames, ["c0", "c1", "c2"], ["one", "two"], "t", scale=2)
    assert len(moving) == 8
    assert {picture.shape for picture in moving} == {moving[0].shape}
