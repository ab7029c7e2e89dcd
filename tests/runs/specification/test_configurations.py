"""Runs that differ in their seed alone are one configuration."""

from __future__ import annotations

from typing import Any

from engine.runs.specification.configurations import configurations
from engine.runs.specification.resolving import resolve


def specs(method: str, seeds: list[int], *overrides: str, **flags: Any) -> list[dict[str, Any]]:
    found = resolve(method, preset="quick", seeds=seeds, overrides=list(overrides), flags=flags)
    return [spec.model_dump(mode="json") for spec in found]


def test_seeds_names_and_places_do_not_count() -> None:
    pool = specs("infogan-cr", [0, 1], name="a", threads=1) + specs(
        "infogan-cr", [2], name="b", device="cpu", group="g"
    )
    [only] = configurations(pool)
    assert only.members == (0, 1, 2)
    assert only.label == "infogan-cr"
    assert only.values == {}


def test_a_setting_sets_configurations_apart_and_names_them() -> None:
    pool = specs("infogan-cr", [0, 1], "lambda_info=0.05") + specs("infogan-cr", [0], "lambda_info=0.2")
    first, second = configurations(pool)
    assert (first.label, second.label) == ("lambda_info=0.05", "lambda_info=0.2")
    assert (first.members, second.members) == ((0, 1), (2,))
    assert first.values == {"method.lambda_info": 0.05}


def test_methods_are_named_and_their_own_settings_only_where_they_differ() -> None:
    pool = specs("beta-vae", [0], "beta=2") + specs("beta-vae", [0], "beta=4") + specs("infogan", [0])
    labels = [found.label for found in configurations(pool)]
    assert labels == ["beta-vae, beta=2.0", "beta-vae, beta=4.0", "infogan"]


def test_labels_of_long_values_stay_apart() -> None:
    pool = [{"method": {"name": "m", "lambda_cr": [[0, 0.0], [100, 1.0], [200, end]]}} for end in (1.0, 2.0)]
    labels = [found.label for found in configurations(pool)]
    assert len(set(labels)) == 2
    assert all(len(label) < 50 for label in labels)


def test_keys_of_one_name_in_two_tables_are_told_apart() -> None:
    pool = [{"method": {"name": "m", "a": {"size": n}, "b": {"size": -n}}} for n in (1, 2)]
    assert [found.label for found in configurations(pool)] == [
        "method.a.size=1, method.b.size=-1",
        "method.a.size=2, method.b.size=-2",
    ]
