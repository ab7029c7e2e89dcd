"""``crtui encode``: codes of photos, read off by a model that was trained on photos."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import engine
from engine.data.own.photo_decoding import decode
from engine.launch import worker
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders
from engine.runs.specification.resolving import resolve
from engine.storage.store import Store


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    draws = np.random.default_rng(0)
    for number in range(8):
        Image.fromarray(draws.integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def trained(photos: Path, store: Store, capsys: pytest.CaptureFixture[str]) -> RunFolder:
    """A run that has learned next to nothing, from the preset for small photographs."""
    overrides = ("batch_size=4", "data.size=16")
    flags = {"training.steps": 2, "name": "mine", "device": "cpu", "threads": 1}
    [(folder, lease)] = create_run_folders(store, resolve("vae", data=str(photos), overrides=overrides, flags=flags))
    os.close(lease)
    never: Any = SimpleNamespace(requested=False)
    outcome = worker.run(folder, never)
    folder.update_state(lambda state: state.completed_from(outcome))
    Registry(store).add_runs([folder])
    capsys.readouterr()
    return folder


def test_codes_are_those_of_the_decoded_photos(crtui, photos: Path, trained: RunFolder) -> None:
    assert trained.spec().preset == "photos-32"
    files = [photos / "3.png", photos / "5.png"]
    rows = crtui("encode", "mine", *map(str, files), "--json").json
    pixels = np.stack([decode(file, 16, 3)[0] for file in files]).transpose(0, 3, 1, 2).astype(np.float32) / 255
    expected = engine.load(trained.path).encode(pixels)
    assert [row["file"] for row in rows] == [str(file) for file in files]
    np.testing.assert_allclose([row["codes"] for row in rows], expected, rtol=1e-5)
    table = list(csv.reader(io.StringIO(crtui("encode", "mine", str(photos), "--csv").out)))
    assert table[0] == ["file", *(f"c{code}" for code in range(10))]
    assert len(table) == 1 + 8
    assert "3.png" in crtui("encode", "mine", str(files[0])).out


def test_what_is_no_photo_is_named_and_left_out(crtui, photos: Path, trained: RunFolder, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"\x89PNG")
    result = crtui("encode", "mine", str(bad), str(photos / "1.png"), "--json")
    assert [row["file"] for row in result.json] == [str(photos / "1.png")]
    assert f"1 of 2 images cannot be read and are left out: '{bad}'" in result.err
    for words, message in (
        ([str(bad)], "none of the 1 images can be read"),
        ([str(tmp_path / "nothing")], "there is no image"),
        ([str(bad), "--csv", "--json"], "exclude each other"),
    ):
        refused = crtui("encode", "mine", *words)
        assert refused.code == 2
        assert message in refused.err
