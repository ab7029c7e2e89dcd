"""``crtui methods``, ``presets``, ``datasets`` and ``keys``."""

from __future__ import annotations

from engine.methods import METHODS
from engine.runs.specification.keys import known_keys


def test_every_method_and_preset_is_listed_with_what_it_is(crtui) -> None:
    methods = crtui("methods", "--json").json
    assert [row["name"] for row in methods] == list(METHODS)
    assert all(row["summary"] for row in methods)
    presets = crtui("presets", "--json").json
    assert {row["method"] for row in presets} == set(METHODS)
    assert all(row["description"] and isinstance(row["steps"], int) for row in presets)
    own = {row["name"]: row for row in crtui("presets", "infogan-cr", "--json").json}
    assert (own["photos-32"]["data"], own["photos-32"]["size"]) == (None, 32)
    assert "your own, 32x32" in crtui("presets", "infogan-cr").out
    assert all(name in crtui("methods").out for name in METHODS)


def test_datasets_are_those_of_data_list(crtui) -> None:
    assert crtui("datasets", "--json").json == crtui("data", "list", "--json").json


def test_every_key_has_a_default_a_range_and_a_meaning(crtui) -> None:
    rows = {row["key"]: row for row in crtui("keys", "infogan-cr", "--json").json}
    assert rows.keys() == set(known_keys("infogan-cr")) - {"preset", "method.name"}
    assert all(row["help"] and row["accepts"] for row in rows.values())
    assert rows["training.steps"]["default"] == 322_560
    assert rows["training.steps"]["accepts"] == "whole number ≥ 1"
    assert rows["method.lambda_cr"]["default"] == [[0, 0.0], ["89.2857%", 2.0]]
    quick = {row["key"]: row for row in crtui("keys", "infogan-cr", "--preset", "quick", "--json").json}
    assert quick["training.steps"]["default"] == 4_000
    photos = {row["key"]: row for row in crtui("keys", "vae", "--preset", "photos-32", "--json").json}
    assert (photos["data.name"]["default"], photos["data.size"]["default"]) == (None, 32)
    assert crtui("keys", "vae", "--find", "adam_eps").out.startswith("method.adam_eps = 1e-08\n")
    assert "no key of vae mentions 'zzz'" in crtui("keys", "vae", "--find", "zzz").out


def test_what_does_not_exist_is_named(crtui) -> None:
    assert "did you mean 'infogan'" in crtui("keys", "infogn").err
    assert "no preset 'fast'" in crtui("keys", "vae", "--preset", "fast").err
    assert crtui("presets", "nope").code == 2
