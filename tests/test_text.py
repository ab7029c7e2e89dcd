from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.cells import cell_len

from cr_tui.text import clean, csv_rows, short_duration, with_noise


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[/nope] [lr=0.1] [@click=app.quit]x[/]", "[/nope] [lr=0.1] [@click=app.quit]x[/]"),
        ("a\x1b]52;c;aGk=\x07b", "a␛]52;c;aGk=␇b"),
        ("\x1b[2J", "␛[2J"),
        ("red\x9b31m", "red\ufffd31m"),
        ("a\u202eb\u2066c\u200f", "a\ufffdb\ufffdc\ufffd"),
        ("\ud800x\udfff", "\ufffdx\ufffd"),
        ("one\ntwo\r\nthree", "one␊two␍␊three"),
        ("a\x00b\x7fc", "a␀b␡c"),
        ("tab\there\u00a0there\u3000", "tab here there "),
        ("a\x85b\u2028c\u2029d", "a\ufffdb\ufffdc\ufffdd"),
        ("naïve 模型 👩\u200d🔬", "naïve 模型 👩\u200d🔬"),
    ],
)
def test_shows_text_literally_and_harmlessly(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_letters_of_any_script_stay() -> None:
    for text in ("実験", "опыт", "ניסוי", "تجربة \u0601", "ทดลอง", "प्रयोग", "👩‍🔬", "نمونه\u200cها"):
        assert clean(text) == text


def test_nothing_that_a_terminal_acts_on_survives() -> None:
    everything = "".join(map(chr, range(0x3000)))
    cleaned = clean(everything)
    acted_on = {
        chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    }
    assert not acted_on & set(cleaned)
    assert cleaned.splitlines() == [cleaned]


@pytest.mark.parametrize("limit", [0, 1, 2, 5, 12])
@pytest.mark.parametrize("text", ["abcdefghijklmnop", "模型模型模型模型", "\x1b" * 40, "e\u0301" * 30])
def test_a_limit_is_kept_in_cells(text: str, limit: int) -> None:
    shown = clean(text, limit)
    assert cell_len(shown) <= limit
    assert shown == "" or shown.endswith("…")


def test_text_within_the_limit_is_whole() -> None:
    assert clean("模型", 4) == "模型"
    assert clean("abc", 3) == "abc"


def test_an_endless_line_is_cut_before_it_is_read() -> None:
    class Counting(str):
        looked_at = 0

        def __getitem__(self, key: object) -> str:
            part = str.__getitem__(self, key)  # type: ignore[index]
            Counting.looked_at += len(part)
            return part

    assert clean(Counting("x" * 10_000_000), 20) == "x" * 19 + "…"
    assert Counting.looked_at < 1000


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-3, "0s"), (42.4, "42s"), (250, "4m10"), (7500, "2h05"), (3 * 86400 + 4 * 3600, "3d04"), (120 * 86400, "120d")],
)
def test_durations_are_short(seconds: float, shown: str) -> None:
    assert short_duration(seconds) == shown


@pytest.mark.parametrize(
    ("value", "noise", "shown"),
    [
        (0.9573, 0.0083, "0.957±0.008"),
        (0.9573, 0.0096, "0.96±0.01"),
        (0.9573, 0.013, "0.96±0.01"),
        (0.3618, 0.24, "0.4±0.2"),
        (0.3618, 0.096, "0.4±0.1"),
        (12.34, 3.2, "12±3"),
        (1234.0, 56.0, "1234±56"),
        (0.9573, 0.0, "0.957±0.000"),
        (0.9573, 0.00001, "0.957±0.000"),
        (0.9573, float("nan"), "0.957±nan"),
    ],
)
def test_a_number_is_shown_no_finer_than_its_noise(value: float, noise: float, shown: str) -> None:
    assert with_noise(value, noise) == shown


def test_rows_of_csv_are_neither_obeyed_nor_computed() -> None:
    file = io.StringIO(newline="")
    write = csv_rows(file)
    write(["id", Path("=cmd()"), 1, 0.5, float("nan"), None, "NaN", "-Infinity", "+1", "@a", "-b", "a,b"])
    write(["\x1b]52;c;aGk=\x07", "\ud800", "=1\nx"])
    assert file.getvalue().encode().decode().splitlines() == [
        "id,'=cmd(),1,0.5,nan,,NaN,-Infinity,'+1,'@a,'-b,\"a,b\"",
        "␛]52;c;aGk=␇,�,'=1␊x",
    ]
