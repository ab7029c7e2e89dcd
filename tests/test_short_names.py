"""Names that are cut can still be told apart."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from cr_tui.short_names import cut_in_the_middle, short_names

SWEEP = [f"infogan-cr-dsprites-lambda{weight}-seed{seed}" for weight in (0.5, 1, 2) for seed in (1, 2, 13)]


def test_names_that_fit_stay_as_they_are() -> None:
    assert short_names(["baseline", "run-2"], 8) == ["baseline", "run-2"]


@pytest.mark.parametrize("width", [8, 10, 12, 16, 24, 30])
def test_the_names_of_a_sweep_stay_different(width: int) -> None:
    short = short_names(SWEEP, width)
    assert len(set(short)) == len(SWEEP)
    assert all(cell_len(name) <= width for name in short)


def test_what_all_share_is_left_out_first() -> None:
    assert short_names(["factor-vae-shapes3d-s1", "factor-vae-shapes3d-s12"], 4) == ["…s1", "…s12"]
    assert short_names(SWEEP, 16)[:2] == ["…lambda0.5-seed1", "…lambda0.5-seed2"]


def test_names_of_one_form_are_shortened_to_one_form() -> None:
    names = ["infogan-lambda=0.01-s00", "infogan-lambda=0.05-s01", "infogan-lambda=0.2-s02", "infogan-lambda=0.01-s03"]
    assert short_names(names, 10) == ["…0.01-s00", "…0.05-s01", "…0.2-s02", "…0.01-s03"]


def test_a_name_unlike_the_others_does_not_hide_what_they_share() -> None:
    short = short_names(["baseline", "factor-vae-shapes3d-7", "factor-vae-shapes3d-8"], 10)
    assert short[0] == "baseline"
    assert [name[-1] for name in short[1:]] == ["7", "8"]


def test_one_long_word_is_cut_in_the_middle() -> None:
    assert short_names(["a" * 30, "b" * 30, "a" * 29 + "b"], 10) == ["aaaaa…aaaa", "bbbbb…bbbb", "aaaaa…aaab"]
    assert cut_in_the_middle("abcdefghij", 5) == "ab…ij"
    assert cut_in_the_middle("abcdefghij", 0) == ""


def test_a_name_that_begins_another_one() -> None:
    short = short_names(["sweep-of-lambda", "sweep-of-lambda-again"], 10)
    assert len(set(short)) == 2


def test_the_group_is_added_where_names_clash() -> None:
    assert short_names(["s1", "s2", "s1"], 20, ["low", "low", "high"]) == ["low/s1", "s2", "high/s1"]
    long = short_names(["seed-1-of-the-sweep"] * 2, 12, ["lambda-low", "lambda-high"])
    assert len(set(long)) == 2


def test_other_scripts_are_measured_in_cells() -> None:
    short = short_names([f"{'実験' * 10}{number}" for number in range(3)], 9)
    assert len(set(short)) == 3
    assert all(cell_len(name) <= 9 for name in short)


def test_groups_for_other_names_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        short_names(["a", "b"], 5, ["g"])


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(max_size=30), max_size=6), st.integers(0, 20))
def test_never_wider_than_asked(names: list[str], width: int) -> None:
    assert all(cell_len(name) <= width for name in short_names(names, width))
