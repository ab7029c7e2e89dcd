"""Runs with checkpoints of small networks, without having been trained."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
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
from engine.runs.loading import describe
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders
from engine.runs.specification.resolving import resolve, validate
from engine.runs.specification.spec import RunSpec
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


def serve_tiny_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every dataset be tiny images, whatever its name."""
    monkeypatch.setattr(engine.data, "load", lambda name, root=None, progress=None, **options: TinyImages(name))
    monkeypatch.setattr(engine.data, "require_found", lambda name, whose: None)


def add_tiny_run(
    store: Store, name: str, seed: int = 0, steps: tuple[int, ...] = (7,), data: str = "tiny", group: str | None = None
) -> RunRecord:
    """A finished run of 8x8 images, with a checkpoint of freshly initialised networks at each of ``steps``."""
    widths = {"dense": [16], "channels": []}
    method: dict[str, Any] = {"name": "infogan", "codes": 3, "noise": 2, "generator": widths, "discriminator": widths}
    spec = validate(
        {
            "name": name,
            "group": group,
            "seed": seed,
            "method": method,
            "data": {"name": data},
            "training": {"steps": 7},
        }
    )
    # Larger weights than the method's own, so that codes move visibly with the images.
    return _finished(store, spec, steps, (8, 8, 1), scale=10.0)


def add_quick_run(store: Store, method: str) -> RunRecord:
    """A finished run of a method, with the networks of its quick preset."""
    [spec] = resolve(method, preset="quick", flags={"name": method, "training.steps": 7})
    return _finished(store, spec, (7,), (32, 32, 1))


def _finished(
    store: Store, spec: RunSpec, steps: Sequence[int], image_shape: tuple[int, int, int], scale: float = 1.0
) -> RunRecord:
    ((folder, lease),) = create_run_folders(store, [spec])
    os.close(lease)
    for step in steps:
        # Another seed each step.
        setup = Setup(image_shape, 100, spec.seed + 100 * step, 7, torch.device("cpu"))
        model = method_class(spec.method.name)(spec.method, setup)
        weights = {key: tensor * scale for key, tensor in model.networks.state_dict().items()}
        description = describe(model, image_shape, spec.data.name)
        checkpoints.save(folder.checkpoints, step, weights, {}, description, milestone=True)
    last = max(steps, default=0)
    folder.update_state(lambda state: state.model_copy(update={"step": last}).ended_as(Status.FINISHED))
    Registry(store).add_runs([folder])
    return find_run(store, folder.id)
