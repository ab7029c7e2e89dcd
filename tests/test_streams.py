"""No two random streams of a run, or of runs whose seeds are near, repeat each other's draws."""

from __future__ import annotations

import pytest
import torch

from engine.methods import METHODS, method_class
from engine.methods.base import Setup
from engine.streams import stream_seed

WEIGHTS = ("weights", "contrastive", "encoder weights", "decoder weights", "discriminator weights")
SCORING = ("sample quality", "posterior draws", "samples")


def test_a_stream_depends_on_seed_and_name_alone() -> None:
    # Stored runs are repeated by it: another value would change every result.
    assert stream_seed(3, "latent") == 500561238994483139
    assert 0 <= stream_seed(2**63, "latent") < 2**63


@pytest.mark.parametrize("name", METHODS)
def test_no_stream_of_a_method_is_that_of_another_name_or_seed(name: str) -> None:
    cls = method_class(name)
    settings = cls.settings_type.model_validate({"name": name} | cls.presets["quick"].method)
    seen: set[bytes] = set()
    expected = 0
    for seed in range(4):
        method = cls(settings, Setup((32, 32, 1), 1_000, seed, 100, torch.device("cpu")))
        first = [torch.rand(8, generator=stream) for stream in method.draws.values()]
        seeds = [seed, *(stream_seed(seed, other) for other in (*WEIGHTS, *SCORING))]
        others = [torch.rand(8, generator=torch.Generator().manual_seed(other)) for other in seeds]
        expected += len(first) + len(others)
        seen |= {draws.numpy().tobytes() for draws in first + others}
    assert len(seen) == expected
