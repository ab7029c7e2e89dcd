"""Configurations that would take minutes, or hold what no specification has, are one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import InputError
from engine.runs.specification.keys import parse
from engine.runs.specification.resolving import resolve
from engine.runs.specification.toml_text import MOST_PARTS, read_toml

LONG = ".".join(["a"] * 50_000)
DIGITS = "9" * 5_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{LONG} = 1", "a key has more than 32 parts"),
        (f"x = {{ {LONG} = 1 }}", "a key has more than 32 parts"),
        (f"[{LONG}]", "a key has more than 32 parts"),
        ("'a' . " * 40 + "b = 1", "a key has more than 32 parts"),
        (f"seed = {DIGITS}", "an integer of thousands of digits"),
        ("seed = 1979-05-27", "1979-05-27 is a date or time"),
        ("x = [[1, 07:32:00]]", "07:32:00 is a date or time"),
        ("x = " + "[" * 40 + "]" * 40, "nested more than 32 deep"),
        ("x = " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("preset = [1]", r"has no preset '\[1\]'"),
        ("preset = 1", "has no preset '1'"),
    ],
)
def test_a_file_is_refused_at_once(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(InputError, match=message):
        resolve(config=tmp_path / "own.toml")


@pytest.mark.parametrize("content", [f'{{"seed": {DIGITS}}}', '{"seed": ' + "[" * 100 + "]" * 100 + "}"])
def test_a_specification_is_refused_at_once(tmp_path: Path, content: str) -> None:
    (tmp_path / "spec.json").write_text(content)
    with pytest.raises(InputError, match="cannot be read"):
        resolve(config=tmp_path / "spec.json")


@pytest.mark.parametrize("override", [f"seed={DIGITS}", f"{LONG}=1", "preset=[1]", "method=[1]"])
def test_a_single_value_is_refused_at_once(override: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve(overrides=[override])
    assert len(str(caught.value)) < 400


def test_what_people_write_is_read() -> None:
    numbers = ", ".join(str(number / 7) for number in range(200))
    tree = read_toml(f"[method]\nschedule = [\n{numbers}\n]\n[data]\nname = 'a.b.c/d.e'\n")
    assert len(tree["method"]["schedule"]) == 200
    assert read_toml(".".join("a" * MOST_PARTS) + " = 1")
    assert parse("[[0, 0], ['90%', 2]]") == [[0, 0], ["90%", 2]]
    assert parse("1979-05-27") == "1979-05-27"
