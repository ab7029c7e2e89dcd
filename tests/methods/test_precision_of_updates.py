"""Every method with convolutions, trained in bfloat16: what is kept is float32, and the losses are float32's but for
rounding."""

from typing import Any

import pytest
import torch

from engine.methods import METHODS, method_class
from engine.methods.base import Method, Setup
from engine.models.precision import computing_in

UPDATES = 5
BOUND = 0.02
"""Largest relative difference of a loss after few updates: bfloat16 keeps 8 bits, so one rounding is 2**-9."""

VAE: dict[str, Any] = {
    "encoder": {"dense": [16], "channels": [8, 8]},
    "decoder": {"dense": [16], "channels": [8]},
}
GAN: dict[str, Any] = {
    "generator": {"dense": [16], "channels": [8, 4]},
    "discriminator": {"dense": [16], "channels": [4, 8]},
}
SMALL: dict[str, dict[str, Any]] = {
    "infogan": GAN,
    "infogan-cr": GAN | {"contrastive": {"dense": [16], "channels": [4, 8]}, "lambda_cr": 1.0},
    "ib-gan": {
        "generator": {"dense": [16], "channels": [8], "same_channels": [8]},
        "reconstructor": {"dense": [16], "channels": [8, 8], "same_channels": [8]},
        "discriminator": {"dense": [16], "channels": [8, 8], "same_channels": [8]},
    },
}


def train(name: str, precision: Any) -> tuple[Method, list[dict[str, float]]]:
    cls = method_class(name)
    settings = cls.settings_type(name=name, **SMALL.get(name, VAE))
    method = cls(settings, Setup((16, 16, 1), 1_000, seed=3, total_steps=100, device=torch.device("cpu")))
    rows = []
    for iteration in range(UPDATES):
        draws = torch.Generator().manual_seed(iteration)
        count = 16 * method.batches_per_update
        images = (torch.rand(count, 1, 16, 16, generator=draws) > 0.7).float()
        with computing_in(precision):
            rows.append({key: float(value) for key, value in method.update(images, iteration).items()})
    return method, rows


@pytest.mark.parametrize("name", METHODS)
def test_bfloat16_rounds_and_changes_nothing_else(name: str) -> None:
    method, rows = train(name, "bfloat16")
    kept = [*method.networks.state_dict().values()]
    for optimizer in method.optimizers.values():
        kept += [value for state in optimizer.state.values() for value in state.values() if value.dim() > 0]
    assert {tensor.dtype for tensor in kept if tensor.is_floating_point()} == {torch.float32}

    _, exact = train(name, "float32")
    losses = [key for key in exact[0] if key.startswith("loss")]
    assert losses
    for row, expected in zip(rows, exact, strict=True):
        for key in losses:
            assert row[key] == pytest.approx(expected[key], rel=BOUND, abs=BOUND), key
    # It is another arithmetic: were the setting ignored, every digit would agree.
    assert rows != exact
