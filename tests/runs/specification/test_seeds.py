from __future__ import annotations

import pytest

from engine.errors import InputError
from engine.runs.specification.seeds import parse_seeds


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("0-4", [0, 1, 2, 3, 4]),
        ("0,2,5", [0, 2, 5]),
        ("7", [7]),
        ("3-3", [3]),
        (" 0 - 2 , 7 ", [0, 1, 2, 7]),
        ("5,0-1", [5, 0, 1]),
    ],
)
def test_seeds_are_numbers_and_ranges(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "-1", "1-", "a-b", "1.5", "0-4-8", "1;2", "４", "1,1", "0-3,2", "9" * 30, "2-1"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="seeds"):
        parse_seeds(text)
