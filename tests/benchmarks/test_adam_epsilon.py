"""TensorFlow's rule of Adam, by which the benchmark trains, is the one of its formula."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

import adam_epsilon

RATE, BETAS, EPSILON = 1e-2, (0.5, 0.999), 1e-3
"""An epsilon so large that it shows."""
GRADIENTS = torch.tensor([[1e-3, -0.2, 3.0], [-2e-3, 0.1, 1.0], [5e-4, 0.4, -2.0]], dtype=torch.float64)


def by_adam(prepare: Any) -> tuple[torch.Tensor, torch.optim.Adam]:
    parameter = torch.nn.Parameter(torch.zeros(3, dtype=torch.float64))
    optimizer = torch.optim.Adam([parameter], lr=RATE, betas=BETAS, eps=EPSILON)
    prepare(cast(Any, SimpleNamespace(optimizers={"only": optimizer})))
    for gradient in GRADIENTS:
        parameter.grad = gradient.clone()
        optimizer.step()
    return parameter.detach(), optimizer


def by_tensorflows_formula() -> torch.Tensor:
    place, mean, square = torch.zeros((3, 3), dtype=torch.float64)
    for t, gradient in enumerate(GRADIENTS, start=1):
        mean = BETAS[0] * mean + (1 - BETAS[0]) * gradient
        square = BETAS[1] * square + (1 - BETAS[1]) * gradient**2
        rate = RATE * math.sqrt(1 - BETAS[1] ** t) / (1 - BETAS[0] ** t)
        place = place - rate * mean / (square.sqrt() + EPSILON)
    return place


def test_the_benchmark_steps_as_tensorflow_does() -> None:
    stepped, _ = by_adam(adam_epsilon.follow_tensorflow)
    torch.testing.assert_close(stepped, by_tensorflows_formula(), rtol=1e-12, atol=0)
    ours, _ = by_adam(lambda method: None)
    assert (ours - stepped).abs().max() > 1e-4


def test_the_difference_of_a_step_is_that_of_both_rules() -> None:
    _, optimizer = by_adam(lambda method: None)
    state = next(iter(optimizer.state.values()))
    root = math.sqrt(1 - BETAS[1] ** len(GRADIENTS))
    scale = state["exp_avg_sq"].sqrt()
    ours, theirs = state["exp_avg"] / (scale / root + EPSILON), root * state["exp_avg"] / (scale + EPSILON)
    expected = float((theirs - ours).norm() / ours.norm())
    assert adam_epsilon.difference_of_step(optimizer) == pytest.approx(expected)
    assert expected > 0.05
