"""The codes that models give to the same images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.data.dataset import Dataset
from engine.models.posterior import Gaussian
from engine.selection import common_codes as module
from engine.selection.common_codes import CommonCodes, common_codes
from engine.selection.generated_set import BrokenModelError

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
        assert isinstance(found, CommonCodes)
        np.testing.assert_allclose(found.codes, model.encode(greys).numpy(), atol=1e-6)


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
    assert isinstance(fine, CommonCodes)
    assert isinstance(diverged, BrokenModelError)
    assert "not finite" in str(diverged)
    assert isinstance(other, BrokenModelError)
    assert "(8, 8, 3)" in str(other)


def test_progress_counts_images(clean: Maker) -> None:
    seen: list[tuple[int, int]] = []
    common_codes([clean(0)], Shades(), seed=0, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(20, 50), (40, 50), (50, 50)]


class Hazy:
    """Wraps a model whose encoder answers with normal distributions."""

    def __init__(self, model: Any, log_variance: Sequence[float]) -> None:
        self._model = model
        self._log_variance = torch.tensor(log_variance)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def posterior(self, x: torch.Tensor) -> Gaussian:
        codes = self._model.encode(x)
        return Gaussian(codes, self._log_variance.expand_as(codes))


def test_a_posterior_gives_means_and_the_kl_of_each_code(clean: Maker) -> None:
    log_variance = [0.0, -2.0, 1.0, -5.0]
    hazy, plain = common_codes([Hazy(clean(0), log_variance), clean(0)], Shades(), seed=0)
    assert isinstance(hazy, CommonCodes)
    assert isinstance(plain, CommonCodes)
    np.testing.assert_array_equal(hazy.codes, plain.codes)
    prior = torch.distributions.Normal(0.0, 1.0)
    spread = torch.tensor(log_variance).double().mul(0.5).exp()
    own = torch.distributions.Normal(torch.from_numpy(plain.codes), spread)
    np.testing.assert_allclose(hazy.kl, torch.distributions.kl_divergence(own, prior).mean(dim=0), rtol=1e-5)
    assert np.isposinf(plain.kl).all()


def test_a_posterior_that_is_not_finite_says_so(clean: Maker) -> None:
    (broken,) = common_codes([Hazy(clean(0), [float("nan"), 0, 0, 0])], Shades(), seed=0)
    assert "not finite" in str(broken)
