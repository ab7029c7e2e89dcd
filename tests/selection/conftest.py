"""Linear worlds: models whose relation to each other is known exactly."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from engine.models.codes import Codes
from engine.models.posterior import Gaussian

CODES = 4
NOISE = 2
SIDE = 4


def _embedding() -> Tensor:
    """Orthonormal directions of image space: the first are the world's factors, the others show the noise."""
    draws = torch.randn(SIDE * SIDE, CODES + NOISE, generator=torch.Generator().manual_seed(0))
    directions: Tensor = torch.linalg.qr(draws).Q
    return directions


@dataclass
class LinearModel:
    """A model whose codes are a known change of basis away from the world's factors.

    Args:
        name: its name and the base of its fingerprint.
        basis: float ``[factors, codes]``: factors = basis @ warp(codes).
        warp: the exponent of an odd power that bends each code before it enters the decoder.
        dead: codes that the encoder returns as a constant.
        unused: codes that the decoder ignores.
    """

    name: str
    basis: Tensor
    warp: int = 1
    dead: tuple[int, ...] = ()
    unused: tuple[int, ...] = ()
    image_shape: tuple[int, int, int] = (SIDE, SIDE, 1)
    decoded: list[Tensor] = field(default_factory=list)
    encoded: int = 0

    @property
    def fingerprint(self) -> str:
        return f"weights of {self.name}"

    @property
    def codes(self) -> Codes:
        return Codes(self.basis.shape[1], NOISE)

    def decode(self, z: Tensor) -> Tensor:
        self.decoded.append(z.clone())
        codes = z[:, : self.codes.continuous].clone()
        codes[:, list(self.unused)] = 0
        factors = (codes**self.warp) @ self.basis.T
        pixels = torch.cat([factors, z[:, self.codes.continuous :]], dim=1) @ _embedding().T
        return pixels.reshape(-1, 1, SIDE, SIDE)

    def encode(self, x: Tensor) -> Tensor:
        self.encoded += len(x)
        codes = x.flatten(1) @ _embedding()[:, :CODES] @ self.basis
        codes[:, list(self.dead)] = 0.25
        return codes

    def sample_codes(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return self.encode(x)

    def posterior(self, x: Tensor) -> Gaussian | None:
        return None


def _rotation(seed: int) -> Tensor:
    """A random orthogonal matrix."""
    basis: Tensor = torch.linalg.qr(torch.randn(CODES, CODES, generator=torch.Generator().manual_seed(seed))).Q
    return basis


def _shuffle(seed: int) -> Tensor:
    """A random permutation with random signs."""
    draws = torch.Generator().manual_seed(seed)
    signs = torch.randint(2, (CODES,), generator=draws) * 2.0 - 1.0
    return torch.eye(CODES)[torch.randperm(CODES, generator=draws)] * signs


def clean_model(index: int) -> LinearModel:
    """A model that has found the world's factors up to order, sign and a monotone warp."""
    return LinearModel(f"clean-{index}", _shuffle(index), warp=(1, 3, 1, 3, 5)[index % 5])


def mixed_model(index: int) -> LinearModel:
    """A model whose every code moves several factors."""
    return LinearModel(f"mixed-{index}", _rotation(index))


def turned_model(index: int, degrees: float) -> LinearModel:
    """A model whose codes are turned pairwise by an angle; three of them in a row have no plane in common."""
    basis = torch.eye(CODES)
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    for a, b in (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2)))[index % 3]:
        basis[a, a] = basis[b, b] = cosine
        basis[a, b], basis[b, a] = -sine, sine
    return LinearModel(f"turned-{index}-by-{degrees:g}", basis)


@dataclass
class HazyModel(LinearModel):
    """A model whose encoder answers with normal distributions around the codes, as that of a VAE.

    Args:
        haze: their standard deviation.
    """

    haze: float = 0.1

    def sample_codes(self, x: Tensor, generator: torch.Generator) -> Tensor:
        codes = self.encode(x)
        return codes + self.haze * torch.randn(codes.shape, generator=generator)

    def posterior(self, x: Tensor) -> Gaussian | None:
        codes = self.encode(x)
        return Gaussian(codes, torch.full_like(codes, 2 * math.log(self.haze)))


@pytest.fixture
def clean() -> Callable[[int], LinearModel]:
    """Makes clean models."""
    return clean_model


@pytest.fixture
def mixed() -> Callable[[int], LinearModel]:
    """Makes mixed models."""
    return mixed_model


@pytest.fixture
def turned() -> Callable[[int, float], LinearModel]:
    """Makes models turned by an angle."""
    return turned_model


@pytest.fixture
def hazy() -> Callable[[int, float], HazyModel]:
    """Makes clean models whose codes are drawn with a standard deviation."""
    return lambda index, haze: HazyModel(f"hazy-{index}-{haze}", _shuffle(index), haze=haze)
