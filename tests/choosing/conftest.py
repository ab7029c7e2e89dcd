"""Runs with checkpoints of tiny models, without having been trained."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import engine.data
from engine.data.dataset import Dataset, Factor
from engine.methods import method_class
from engine.methods.base import Setup
from engine.runs.catalogue import RunRecord, find_run
from engine.runs.folder import create_run_folders
from engine.runs.loading import describe
from engine.runs.registry import Registry
from engine.runs.specification.resolving import validate
from engine.runs.state import Status
from engine.storage.store import Store
from engine.training import checkpoints


class TinyImages(Dataset):
    """A bright dot whose row, column and brightness vary, 8x8 pixels."""

    image_shape = (8, 8, 1)

    def __init__(self, name: str) -> None:
        self.name = name
        values = (tuple(range(8)), tuple(range(8)), (85, 170, 255))
        if name != "unlabelled":
            self.in_grid_order = True
            self.factors = tuple(
                Factor(factor, tuple(map(float, ids)), continuous=True)
                for factor, ids in zip(("row", "column", "brightness"), values, strict=True)
            )
        cells = list(itertools.product(*values))
        self._images = np.zeros((len(cells), 8, 8, 1), dtype=np.uint8)
        for index, (row, column, brightness) in enumerate(cells):
            self._images[index, row, column] = brightness

    def __len__(self) -> int:
        return len(self._images)

    def images(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        return self._images[np.asarray(indices)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


@pytest.fixture
def make_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RunRecord]:
    """Makes a finished run with a checkpoint of freshly initialised networks at each of ``steps``."""
    monkeypatch.setattr(engine.data, "load", lambda name, root=None, progress=None, **options: TinyImages(name))

    def make(name: str, seed: int = 0, steps: tuple[int, ...] = (7,), data: str = "tiny") -> RunRecord:
        widths = {"dense": [16], "channels": []}
        method: dict[str, Any] = {
            "name": "infogan",
            "codes": 3,
            "noise": 2,
            "generator": widths,
            "discriminator": widths,
        }
        spec = validate(
            {"name": name, "seed": seed, "method": method, "data": {"name": data}, "training": {"steps": 7}}
        )
        ((folder, lease),) = create_run_folders(store, [spec])
        os.close(lease)
        for step in steps:
            # Larger weights than the method's own, so that codes move visibly with the images; another seed each step.
            setup = Setup((8, 8, 1), 100, seed + 100 * step, 7, torch.device("cpu"))
            model = method_class("infogan")(spec.method, setup)
            weights = {key: tensor * 10 for key, tensor in model.networks.state_dict().items()}
            description = describe(model, (8, 8, 1), data)
            checkpoints.save(folder.checkpoints, step, weights, {}, description, milestone=True)
        folder.update_state(lambda state: state.ended_as(Status.FINISHED))
        Registry(store).add_runs([folder])
        return find_run(store, folder.id)

    return make
