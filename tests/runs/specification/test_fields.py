"""The keys of a specification, described for forms and help."""

from __future__ import annotations

import pytest

from engine.errors import InputError
from engine.methods import METHODS
from engine.runs.specification.fields import spec_fields
from engine.runs.specification.keys import known_keys, shortest_key
from engine.runs.specification.resolving import resolve


@pytest.mark.parametrize("method", METHODS)
def test_every_key_is_described_once(method: str) -> None:
    fields = spec_fields(method)
    assert [field.key for field in fields] == [
        key for key in known_keys(method) if key not in ("preset", "method.name")
    ]
    assert [field.key for field in fields if not field.help or not field.accepts] == []


def test_kinds_bounds_and_choices_are_said_in_words() -> None:
    fields = {field.key: field for field in spec_fields("infogan-cr")}
    assert fields["training.steps"].accepts == "whole number ≥ 1"
    assert fields["method.adam_beta1"].accepts == "number ≥ 0 and < 1"
    assert fields["method.lambda_cr"].accepts == 'number or steps such as [[0, 0], ["90%", 2]]'
    assert fields["method.generator.dense"].accepts == "list of whole numbers"
    assert fields["data.size"].accepts == "whole number ≥ 8 and ≤ 1,024"
    assert fields["seed"].accepts == "whole number ≥ 0"
    assert fields["method.contrastive_warm_up"].choices == ("true", "false")
    assert fields["method.generator.kernel"].choices == ("4", "5")
    assert fields["data.name"].open_choices
    assert not fields["launcher"].open_choices


def test_what_a_method_adds_or_its_presets_set_is_its_own() -> None:
    own = {field.key for field in spec_fields("beta-vae") if field.own}
    assert {"method.beta", "method.codes", "method.learning_rate"} <= own
    assert not own & {"method.adam_eps", "method.encoder.dense", "training.steps", "seed"}


@pytest.mark.parametrize("method", METHODS)
def test_the_shortest_ending_of_a_key_means_this_key(method: str) -> None:
    known = known_keys(method)
    for key in known:
        short = shortest_key(key, known)
        assert key.endswith(short)
        assert sum(other == short or other.endswith(f".{short}") for other in known) == 1 or short == key


def test_a_part_of_a_network_can_be_set_by_itself() -> None:
    (spec,) = resolve("vae", preset="paper", overrides=["encoder.dense=[64]"])
    encoder = {"dense": (64,), "channels": (32, 32, 64, 64), "kernels": ()}
    assert spec.model_dump()["method"]["encoder"] == encoder


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(InputError, match="nope"):
        spec_fields("nope")
