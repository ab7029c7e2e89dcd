"""Files and text that leave the selection screen."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from PIL import Image

from cr_tui.render.matrices.matrix import MatrixPicture
from cr_tui.render.matrices.matrix_picture import matrix_picture
from cr_tui.render.palette import MISSING, STEPS
from tests.dashboard.selection.results import full_selection

Open = Callable[..., Any]


class TestTakingAway:
    @pytest.fixture(autouse=True)
    def _here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)

    async def test_writes_csv_json_and_png_in_the_order_of_the_screen(
        self, opened: Open, source: Any, tmp_path: Path
    ) -> None:
        source.change(source.listed[0].id, name="=danger")
        source.stored = [found] = [full_selection(source.listed[:3], source.listed[4:5])]
        async with opened((80, 24)) as at:
            await at.press("e", "E", "p", until=lambda: len(list(tmp_path.iterdir())) == 3)
        files = {path.suffix: path.read_bytes() for path in tmp_path.iterdir()}
        header, *rows = csv.reader(io.StringIO(files[".csv"].decode()))
        by_name = [dict(zip(header, row, strict=True)) for row in rows]
        ids = [source.listed[k].id for k in (2, 1, 0, 4)]
        assert [row["run"] for row in by_name] == ids
        assert by_name[2]["name"] == "'=danger"
        assert [row["model-centrality rank"] for row in by_name] == ["1", "2", "3", ""]
        assert float(by_name[0][f"B {ids[2]} =danger"]) == found.matrix[2, 0]  # type: ignore[index]
        assert float(by_name[0]["model-centrality medoid probability"]) == 0.62
        assert by_name[3][f"B {ids[0]} pool-s2"] == ""
        document = orjson.loads(files[".json"])
        assert (document["runs"], document["matrix_runs"]) == (ids, ids[:3])
        assert document["matrix_names"] == ["pool-s2", "pool-s1", "=danger"]
        assert document["matrix"][0][2] == found.matrix[2, 0]  # type: ignore[index]
        central = document["methods"]["model-centrality"]
        assert central["excluded"] == {ids[3]: "its encoder answers with NaN"}
        assert central["ranking"] == ids[:3]
        assert central["intervals"][3] is None
        picture = np.asarray(Image.open(io.BytesIO(files[".png"])))
        colours = {tuple(colour) for colour in picture.reshape(-1, 3)[::7]}
        assert {STEPS[0], STEPS[-1]} <= colours
        assert MISSING not in colours

    async def test_copies_the_pair(self, opened: Open, source: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        (found,) = source.stored
        copied: list[str] = []
        async with opened((80, 24)) as at:
            monkeypatch.setattr(at.app, "copy_to_clipboard", copied.append)
            await at.press("tab", until=lambda: at.focused == "matrix")
            await at.press("l", "y", until=lambda: bool(copied))
        facts = dict(line.split("\t", 1) for line in copied[0].splitlines())
        assert facts["encoder"] == f"{source.listed[2].id}\tpool-s2"
        assert float(facts["encoder of 1 on images of 2"]) == pytest.approx(found.matrix[2, 1])  # type: ignore[index]
        assert float(facts["encoder of 2 on images of 1"]) == pytest.approx(found.matrix[1, 2])  # type: ignore[index]


def test_a_picture_has_values_and_a_colour_bar() -> None:
    values = np.array([[0.25, 0.5], [0.75, 1.0]])
    picture = matrix_picture(MatrixPicture(values, ["one", "two"]), "t")
    cell = picture[50:, 400:528]
    assert len({tuple(colour) for colour in cell.reshape(-1, 3)}) > 4, "numbers are drawn into the cells"
    for colour in STEPS:
        assert (picture[-60:] == np.array(colour)).all(axis=2).any(), "the legend has every colour"
