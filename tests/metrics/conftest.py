"""Small worlds of known factors and codes of known quality."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

SIZES = (4, 5, 3)
NINE = [
    "factor_vae",
    "beta_vae",
    "dci_disentanglement",
    "dci_completeness",
    "dci_informativeness",
    "sap",
    "mig",
    "modularity",
    "explicitness",
]
"""The scores of the interface, in its order."""

Array = NDArray[np.float64]


@pytest.fixture(scope="session")
def factors() -> NDArray[np.int64]:
    """Every combination of three factors of 4, 5 and 3 values, ten times: exactly independent and balanced."""
    grid = np.stack(np.unravel_index(np.arange(60), SIZES), axis=1)
    return np.tile(grid, (10, 1)).astype(np.int64)


@pytest.fixture(scope="session")
def perfect(factors: NDArray[np.int64]) -> Array:
    """Each code is one factor, stretched to [-1, 1]."""
    return 2.0 * factors / (np.array(SIZES) - 1) - 1.0


@pytest.fixture(scope="session")
def mixed(perfect: Array) -> Array:
    """A code of no particular virtue: correlated, noisy, one dimension more than factors."""
    random = np.random.default_rng(3)
    return np.tanh(perfect @ random.standard_normal((3, 4))) + 0.2 * random.standard_normal((len(perfect), 4))


@pytest.fixture(scope="session")
def rotate() -> Callable[[Array], Array]:
    """Turn the plane of the first two codes by 45 degrees, both brought to unit variance before."""

    def rotated(codes: Array) -> Array:
        unit = codes / codes.std(axis=0)
        turned = unit.copy()
        turned[:, 0] = (unit[:, 0] - unit[:, 1]) / np.sqrt(2)
        turned[:, 1] = (unit[:, 0] + unit[:, 1]) / np.sqrt(2)
        return turned

    return rotated


@pytest.fixture(scope="session")
def groups_of() -> Callable[..., tuple[Array, NDArray[np.int64], Array]]:
    """Draw FactorVAE's groups of a coder: ``(groups [m, l, d], labels [m], scale [d])``."""

    def draw(
        coder: Callable[[NDArray[np.int64]], Array], amount: int = 60, size: int = 20, seed: int = 0
    ) -> tuple[Array, NDArray[np.int64], Array]:
        random = np.random.default_rng(seed)
        labels = np.arange(amount) % len(SIZES)
        rows = random.integers(SIZES, size=(amount, size, len(SIZES)))
        for group, label in zip(rows, labels, strict=True):
            group[:, label] = group[0, label]
        everything = random.integers(SIZES, size=(2000, len(SIZES)))
        return np.stack([coder(group) for group in rows]), labels, coder(everything).std(axis=0)

    return draw
