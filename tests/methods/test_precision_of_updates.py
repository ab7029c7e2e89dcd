"""Every method with convolutions, trained in bfloat16: what is kept is float32, and the losses are float32's but for
rounding."""

from copy import deepcopy
from typing import Any

import pytest
import torch

from engine.methods import METHODS, method_class
from engine.methods.base import AnyMethod, Setup
from engine.models.precision import Precision, computing_in

UPDATES = 5
BOUND = 0.01
"""Largest relative difference of a loss from one state: bfloat16 keeps 8 bits, so one rounding is 2**-9.

Each update begins from float32's state. Left alone, two GANs drift apart from any difference, also from a rounding.
"""

VAE: dict[str, Any] = {
    "encoder": {"dense": [16], "channels": [8, 8]},
    "decoder": {"dense": [16], "channels": [8]},
}
GAN: dict[str, Any] = {
    "generator": {"dense": [16], "channels": [8, 4]},
    "discriminator": {"dense": [16], "channels": [4, 8]},
}
# Methods that need more than these.
SMALL: dict[str, dict[str, Any]] = {
    "infogan-cr": GAN | {"contrastive": {"dense": [16], "channels": [4, 8]}, "lambda_cr": 1.0},
    # The loss that is compared is that of G's second step. With its own 60 dimensions of noise, what the first step
    # rounds moves it by 2 %.
    "osr-gan": GAN | {"noise": 5},
    "ib-gan": {
        "generator": {"dense": [16], "channels": [8], "same_channels": [8]},
        "reconstructor": {"dense": [16], "channels": [8, 8], "same_channels": [8]},
        "discriminator": {"dense": [16], "channels": [8, 8], "same_channels": [8]},
    },
}


def new(name: str) -> AnyMethod:
    cls = method_class(name)
    usual = VAE if "encoder" in cls.settings_type.model_fields else GAN
    settings = cls.settings_type.model_validate({"name": name} | SMALL.get(name, usual))
    return cls(settings, Setup((16, 16, 1), 1_000, seed=3, total_steps=100, device=torch.device("cpu")))


def updated(method: AnyMethod, iteration: int, precision: Precision) -> dict[str, float]:
    draws = torch.Generator().manual_seed(iteration)
    images = (torch.rand(16 * method.batches_per_update, 1, 16, 16, generator=draws) > 0.7).float()
    with computing_in(precision):
        return {key: float(value) for key, value in method.update(images, iteration).items()}


@pytest.mark.parametrize("name", METHODS)
def test_bfloat16_rounds_and_changes_nothing_else(name: str) -> None:
    rounded, exact = new(name), new(name)
    for iteration in range(UPDATES):
        rounded.networks.load_state_dict(exact.networks.state_dict())
        rounded.load_trainer_state(deepcopy(exact.trainer_state()))
        row, expected = updated(rounded, iteration, "bfloat16"), updated(exact, iteration, "float32")
        losses = {key: value for key, value in expected.items() if key.startswith("loss")}
        assert losses
        assert {key: row[key] for key in losses} == pytest.approx(losses, rel=BOUND, abs=BOUND)
        # It is another arithmetic: were the setting ignored, every digit would agree.
        assert row != expected

    kept = [*rounded.networks.state_dict().values()]
    for optimizer in rounded.optimizers.values():
        kept += [value for state in optimizer.state.values() for value in state.values() if value.dim() > 0]
    assert {tensor.dtype for tensor in kept if tensor.is_floating_point()} == {torch.float32}
