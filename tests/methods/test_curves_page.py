"""docs/curves.md says what every number means that a method writes while it trains."""

from __future__ import annotations

import math
import re
from functools import cache
from pathlib import Path

import pytest
import torch

from engine.methods import METHODS, method_class
from engine.methods.base import AnyMethod, Setup
from engine.methods.infogan import InfoGAN
from engine.runs.specification.resolving import resolve

PAGE = Path(__file__).parents[2] / "docs" / "curves.md"


@cache
def explained() -> set[str]:
    """The names in the first columns of the page's tables."""
    cells = [line.split(" | ")[0] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`([\w.]+)`", cell)}


def new(name: str) -> AnyMethod:
    [spec] = resolve(name, preset="quick")
    return method_class(name)(spec.method, Setup((32, 32, 1), 100, seed=0, total_steps=10, device=torch.device("cpu")))


@pytest.mark.parametrize("name", METHODS)
def test_every_number_of_a_method_is_explained(name: str) -> None:
    method = new(name)
    images = torch.rand(8 * method.batches_per_update, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    # The last update is one with every part of the objective.
    assert {key for step in (0, 9) for key in method.update(images, step)} <= explained()


def test_what_the_engine_adds_is_explained() -> None:
    assert {"iterations_per_second", "system.resident_mib", "system.gpu_peak_mib"} <= explained()


def test_bounds_of_the_information_loss() -> None:
    """Codes that are read without error, and codes of which only the prior's mean is known."""
    method = new("infogan")
    assert isinstance(method, InfoGAN)
    latent = method.draw_latent(200_000)
    k = method.codes.count
    read, unknown = (
        float(method.information_loss(answer, latent)) / k for answer in (latent[:, :k], 0 * latent[:, :k])
    )
    assert read == pytest.approx(0.5 * math.log(2 * math.pi))
    assert unknown == pytest.approx(read + 1 / 6, abs=0.002)
    page = PAGE.read_text(encoding="utf-8")
    assert f"| {read + 1 / 6:.3f} a uniform code" in page
    assert f"| {read:.3f} a uniform code" in page
    assert f"between {5 * read:.3f} (read without error) and {5 * read + 5 / 6:.3f}" in page
