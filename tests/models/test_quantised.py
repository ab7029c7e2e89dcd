"""Quantised codes: the nearest of a code's own values, by their definition."""

from __future__ import annotations

import torch

from engine.models.layers import Widths
from engine.models.quantised import DecoderOfValues, EncoderToValues, QuantisedEncoder, Quantiser


def test_each_code_takes_the_nearest_of_its_own_values() -> None:
    quantiser = Quantiser(2, 3)
    with torch.no_grad():
        quantiser.values.copy_(torch.tensor([[-1.0, 0.0, 1.0], [-5.0, 2.0, 2.5]]))
    found = quantiser(torch.tensor([[0.6, 0.6], [-0.4, 2.3], [9.0, -9.0]]))
    assert found.tolist() == [[1.0, 2.0], [0.0, 2.5], [1.0, -5.0]]


def test_gradients_go_to_the_values_or_straight_through_to_the_codes() -> None:
    quantiser = Quantiser(1, 3)
    codes = torch.tensor([[0.9], [0.1], [0.2]], requires_grad=True)
    quantiser(codes).sum().backward()
    assert codes.grad is None
    assert quantiser.values.grad is not None
    assert quantiser.values.grad.tolist() == [[0.0, 2.0, 1.0]]
    quantiser.values.grad = None
    passed = quantiser.passed_through(codes)
    assert passed.tolist() == [[1.0], [0.0], [0.0]]
    (passed * torch.tensor([[1.0], [2.0], [3.0]])).sum().backward()
    assert codes.grad is not None
    assert codes.grad.tolist() == [[1.0], [2.0], [3.0]]
    assert quantiser.values.grad is None


def test_draws_are_values_and_all_equally_likely() -> None:
    quantiser = Quantiser(2, 4, learnt=False)
    assert list(quantiser.parameters()) == []
    draws = quantiser.sample(8000, torch.Generator().manual_seed(0))
    for code in draws.T:
        values, counts = code.unique(return_counts=True)
        torch.testing.assert_close(values, torch.linspace(-1, 1, 4))
        assert counts.min() > 1850


def test_encoders_and_decoders_see_values() -> None:
    quantiser = Quantiser(2, 3, learnt=False)
    z = torch.tensor([[0.9, -0.2, 0.7]])
    assert DecoderOfValues(torch.nn.Identity(), quantiser)(z).tolist() == [[1.0, 0.0, z[0, 2].item()]]
    assert EncoderToValues(torch.nn.Identity(), quantiser).encode(z).tolist() == [[1.0, 0.0, z[0, 2].item()]]
    encoder = QuantisedEncoder((8, 8, 1), 3, Widths(dense=(6,), channels=()), False, 5, True)
    images = torch.rand(20, 1, 8, 8)
    codes = encoder.encode(images)
    assert set(codes.flatten().tolist()) <= set(torch.linspace(-1, 1, 5).tolist())
    torch.testing.assert_close(codes, encoder.quantiser(encoder.continuous(images)))
    assert not any("log_variance" in name for name in encoder.state_dict())
