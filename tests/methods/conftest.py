"""Small VAEs of every kind, and posteriors to calculate on."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from engine.methods import method_class
from engine.methods.base import Setup
from engine.methods.vae import VAE
from engine.models.posterior import Gaussian

SMALL: dict[str, Any] = {
    "codes": 4,
    "encoder": {"dense": [12], "channels": []},
    "decoder": {"dense": [12], "channels": []},
}

BuildVAE = Callable[..., Any]


@pytest.fixture
def build_vae() -> BuildVAE:
    """Builds a method by name on 8x8 images, with settings of its own."""

    def build(name: str, images: int = 1_000, **settings: Any) -> VAE:
        setup = Setup((8, 8, 1), images=images, seed=3, total_steps=100, device=torch.device("cpu"))
        cls = method_class(name)
        method = cls(cls.settings_type(name=name, **(SMALL | settings)), setup)
        assert isinstance(method, VAE)
        return method

    return build


@pytest.fixture
def posterior() -> Gaussian:
    """Six posteriors of four codes, in double precision."""
    draws = torch.Generator().manual_seed(0)
    mean = torch.randn(6, 4, generator=draws, dtype=torch.float64)
    return Gaussian(mean, torch.randn(6, 4, generator=draws, dtype=torch.float64) - 1)


@pytest.fixture
def z(posterior: Gaussian) -> torch.Tensor:
    """A draw from each of the posteriors."""
    noise = torch.randn(posterior.mean.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return posterior.mean + posterior.log_variance.exp().sqrt() * noise


@pytest.fixture
def double_precision() -> Iterator[None]:
    """Adam divides tiny gradients by tiny moments: only double precision tells a wrong formula from a rounding."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
