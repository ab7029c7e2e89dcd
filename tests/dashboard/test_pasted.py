"""Pasted text is text, however it comes and whatever it holds."""

from __future__ import annotations

import pytest
from textual import events

from cr_tui.dashboard.keys.pasted import PastedText, _Parser
from cr_tui.text import REPLACEMENT

TEXT = "\x1b[31mred\x1b[0m d y \x1b]0;title\x07 \x9b\t日本\n\x1b\x1b[20 q\x1b"


def seen(sent: str, length: int) -> list[tuple[str, str]]:
    parser = _Parser()
    found: list[tuple[str, str]] = []
    for start in range(0, len(sent), length):
        for event in parser.feed(sent[start : start + length]):
            if isinstance(event, events.Paste):
                found.append(("paste", event.text))
            elif isinstance(event, events.Key):
                found.append(("key", event.key))
    return found


@pytest.mark.parametrize("length", [1, 3, 7, 1000])
def test_escape_sequences_in_it_press_no_key(length: int) -> None:
    shown = TEXT.replace("\x1b", "␛").replace("\x07", "␇").replace("\x9b", REPLACEMENT)
    sent = f"a\x1b[200~{TEXT}\x1b[201~b\x1b[A"
    assert seen(sent, length) == [("key", "a"), ("paste", shown), ("key", "b"), ("key", "up")]


@pytest.mark.parametrize("length", [1, 2, 1000])
def test_what_is_typed_stays_as_it_is(length: int) -> None:
    sent = "j\x1b[20~\x1b\x1b[200\x1b[A" + TEXT
    text = PastedText()
    assert "".join(text.sift(sent[start : start + length]) for start in range(0, len(sent), length)) == sent
