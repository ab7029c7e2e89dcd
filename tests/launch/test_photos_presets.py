"""The presets for images of one's own train on a folder of photos, with every method and both sizes."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.launch import worker
from engine.methods import METHODS
from engine.runs.events import Row, read_events
from engine.runs.run_folders import create_run_folders
from engine.runs.specification.resolving import resolve
from engine.runs.state import Status
from engine.storage.store import Store


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    draws = np.random.default_rng(0)
    for number in range(9):
        Image.fromarray(draws.integers(0, 256, (70, 90, 3), dtype=np.uint8)).save(folder / f"{number}.jpg")
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store.open(tmp_path_factory.mktemp("store"))


def trained(store: Store, method: str, photos: Path, size: int, steps: int) -> list[Row]:
    """The rows of losses of a run that was trained with the preset that is the default of its photos."""
    overrides = ["batch_size=4", "log_every=1", "threads=1", "device=cpu", f"data.size={size}"]
    (spec,) = resolve(method, data=str(photos), overrides=overrides, flags={"training.steps": steps})
    assert spec.preset == f"photos-{size}"
    [(folder, lease)] = create_run_folders(store, [spec])
    os.close(lease)
    never: Any = SimpleNamespace(requested=False)
    assert worker.run(folder, never).status is Status.FINISHED
    return read_events(folder.events_path, kinds=["train"]).rows


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [32, 64])
def test_a_folder_of_photos_trains(method: str, size: int, photos: Path, store: Store) -> None:
    rows = trained(store, method, photos, size, steps=2)
    assert [row["step"] for row in rows] == [1, 2]
    losses = [value for row in rows for name, value in row.items() if name.startswith("loss_")]
    assert losses
    assert np.isfinite(losses).all()


def test_the_regulariser_comes_on_in_a_short_run_of_photos(photos: Path, store: Store) -> None:
    rows = trained(store, "infogan-cr", photos, 32, steps=9)
    assert [row["lambda_cr"] for row in rows] == [0.0] * 8 + [1.0]
