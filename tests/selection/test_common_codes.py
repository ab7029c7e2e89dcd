"""The codes that models give to the same images, and the running scale of codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.data.dataset import Dataset
from engine.selection import common_codes as module
from engine.selection.common_codes import common_codes
from engine.selection.generated_set import BrokenModelError, RunningScale

Maker = Callable[[int], Any]


class Shades(Dataset):
    """Image i is filled with grey level i."""

    name = "shades"
    image_shape = (4, 4, 1)

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __len__(self) -> int:
        return 200

    def images(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint8]:
        self.asked += list(indices)
        return np.broadcast_to(np.asarray(indices, np.uint8)[:, None, None, None], (len(indices), 4, 4, 1))


@pytest.fixture(autouse=True)
def _few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMMON_IMAGES", 50)
    monkeypatch.setattr(module, "BATCH", 20)


def test_every_model_encodes_the_same_distinct_images_scaled_to_one(clean: Maker) -> None:
    dataset, pool = Shades(), [clean(0), clean(1)]
    codes = common_codes(pool, dataset, seed=3)
    assert len(set(dataset.asked)) == len(dataset.asked) == 50
    greys = torch.tensor(dataset.asked, dtype=torch.float32)[:, None, None, None].expand(-1, 1, 4, 4) / 255
    for model, found in zip(pool, codes, strict=True):
        assert isinstance(found, np.ndarray)
        np.testing.assert_allclose(found, model.encode(greys).numpy(), atol=1e-6)


def test_the_seed_decides_which_images(clean: Maker) -> None:
    drawn = []
    for seed in (0, 0, 1):
        dataset = Shades()
        common_codes([clean(0)], dataset, seed=seed)
        drawn.append(dataset.asked)
    assert drawn[0] == drawn[1] != drawn[2]


def test_models_that_cannot_encode_them_say_why(clean: Maker) -> None:
    class Diverged(type(clean(0))):  # type: ignore[misc]
        def encode(self, x: torch.Tensor) -> torch.Tensor:
            codes: torch.Tensor = super().encode(x)
            return codes / 0

    pool = [clean(0), Diverged("diverged", clean(0).basis), replace(clean(1), image_shape=(8, 8, 3))]
    fine, diverged, other = common_codes(pool, Shades(), seed=0)
    assert isinstance(fine, np.ndarray)
    assert isinstance(diverged, BrokenModelError)
    assert "not finite" in str(diverged)
    assert isinstance(other, BrokenModelError)
    assert "(8, 8, 3)" in str(other)


def test_progress_counts_images(clean: Maker) -> None:
    seen: list[tuple[int, int]] = []
    common_codes([clean(0)], Shades(), seed=0, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(20, 50), (40, 50), (50, 50)]


def test_the_running_scale_is_the_standard_deviation_of_the_whole() -> None:
    codes = np.random.default_rng(0).normal(size=(100, 3)) + np.linspace(0, 9, 100)[:, None]
    scale = RunningScale()
    for part in np.split(codes, [1, 30, 60]):
        scale.add(part)
    np.testing.assert_allclose(scale.live(), codes.std(axis=0), rtol=1e-12)


def test_a_code_that_is_nothing_but_rounding_has_no_scale() -> None:
    scale = RunningScale()
    scale.add(np.array([[0.3, 0.3], [0.3 + 1e-8, 0.31]]))
    scale.add(np.array([[0.3, 0.3]]))
    assert scale.live()[0] == 0
    assert scale.live()[1] > 0
