"""QLAE: its loss and its step, against the formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from engine.methods import method_class
from engine.methods.base import Setup
from engine.methods.qlae import QLAE, QLAESettings
from engine.runs.specification.resolving import resolve
from tests.methods.conftest import SMALL

IMAGES = torch.rand((6, 1, 8, 8), generator=torch.Generator().manual_seed(4))


def _built(**settings: Any) -> QLAE:
    setup = Setup((8, 8, 1), images=100, seed=3, total_steps=100, device=torch.device("cpu"))
    built = method_class("qlae")(QLAESettings(**(SMALL | {"initialisation": "glorot", "levels": 5} | settings)), setup)
    assert isinstance(built, QLAE)
    return built


def _by_hand(model: QLAE) -> tuple[float, float, float]:
    """Cross-entropy a pixel, and the mean squared distance of codes from values, entry by entry."""
    with torch.no_grad():
        codes = model.encoder.continuous(IMAGES).numpy()
        grid = model.encoder.quantiser.values.detach().numpy()
        values = np.array(
            [[min(own, key=lambda v, c=c: abs(v - c)) for c, own in zip(row, grid, strict=True)] for row in codes]
        )
        means = model.decoder(torch.from_numpy(values).float()).double().numpy()
    pixels = IMAGES.double().numpy()
    entropy = -np.mean(pixels * np.log(means) + (1 - pixels) * np.log(1 - means))
    return entropy, float(np.mean((codes - values) ** 2)), float(np.mean((codes - values) ** 2))


def test_the_loss_is_the_sum_of_its_parts() -> None:
    model = _built(lambda_quantisation=0.3, lambda_commitment=0.7)
    entropy, quantisation, commitment = _by_hand(model)
    loss, scalars = model.loss(IMAGES)
    assert loss.item() == pytest.approx(entropy + 0.3 * quantisation + 0.7 * commitment, rel=1e-5)
    assert float(scalars["loss_reconstruction"]) == pytest.approx(entropy, rel=1e-5)


def test_distances_move_values_and_codes_apart_from_each_other() -> None:
    """The first distance moves the values only, the second the codes only."""
    for weights, moved in (((1.0, 0.0), "values"), ((0.0, 1.0), "codes")):
        model = _built(lambda_quantisation=weights[0], lambda_commitment=weights[1])
        plain = _built(lambda_quantisation=0.0, lambda_commitment=0.0)
        model.loss(IMAGES)[0].backward()
        plain.loss(IMAGES)[0].backward()
        first, second = (each.encoder.quantiser.values.grad for each in (model, plain))
        of_codes = [each.encoder.layers.mean.weight.grad for each in (model, plain)]
        values_differ = first is not None and (second is None or not torch.allclose(first, second))
        assert values_differ == (moved == "values")
        assert torch.allclose(*of_codes) == (moved == "values")


def test_weights_decay_and_biases_and_values_do_not() -> None:
    model = _built(weight_decay=0.5, learning_rate=1e-12, adam_eps=1.0)
    # With a vanishing gradient step only the decay is left: lr x decay of each weight.
    for group in model.optimizers["autoencoder"].param_groups:
        group["lr"] = 0.1
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    before = {name: value.clone() for name, value in model.networks.named_parameters()}
    model.optimizers["autoencoder"].step()
    for name, value in model.networks.named_parameters():
        share = 0.95 if name.endswith(".weight") else 1.0
        torch.testing.assert_close(value, share * before[name])


def test_a_step_lowers_the_loss_and_codes_stay_values() -> None:
    model = _built(weight_decay=0.0)
    first = model.loss(IMAGES)[0].item()
    for iteration in range(100):
        model.update(IMAGES, iteration)
    assert model.loss(IMAGES)[0].item() < first - 0.02
    decoder, encoder = model.latent_networks()
    codes = encoder.encode(IMAGES)
    torch.testing.assert_close(decoder(codes), model.decoder(codes))
    torch.testing.assert_close(decoder(codes + 1e-4), model.decoder(codes))


def test_the_published_settings() -> None:
    settings = resolve("qlae", preset="paper")[0].method
    assert isinstance(settings, QLAESettings)
    assert (settings.codes, settings.levels, settings.weight_decay) == (12, 10, 0.1)
    assert (settings.lambda_quantisation, settings.lambda_commitment, settings.learning_rate) == (0.01, 0.01, 1e-3)
