"""What people type: queries, seeds, assignments. Any text is understood, or refused in one clean sentence."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager

import hypothesis.strategies as st
from hypothesis import given

from cr_tui.cli.run_query import parse_where
from cr_tui.dashboard.runs.query import parse
from cr_tui.text import clean
from engine.errors import CrtuiError
from engine.runs.specification.resolving import resolve
from engine.runs.specification.seeds import parse_seeds

Watch = Callable[[], AbstractContextManager[None]]
WORDS = (
    "score.factor_vae seed lr name status method.codes training.steps sweep 0.5 nan inf 1e999 0-9 0- .. ../x true null"
)
SIGNS = "> <= = != : -1 - , [ ] { } ( ' [/nope] 0-999999999999"
RARE = (" ", '"', "\n", "\x1b[2J", "\u202e", "\ud800", "9" * 400, "*" * 50)
PIECES = st.sampled_from([*WORDS.split(), *SIGNS.split(), *RARE])
TEXTS = st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=6).map("".join))


def _tolerated(reader: Callable[[], object]) -> None:
    """It may refuse, cleanly; any error but the project's own passes through."""
    with contextlib.suppress(CrtuiError):
        reader()


@given(text=TEXTS)
def test_any_text_is_a_query_or_refused(text: str, watched: Watch) -> None:
    with watched():
        parse(text)
        _tolerated(lambda: parse_where(text))
        _tolerated(lambda: parse_seeds(text))


@given(text=TEXTS)
def test_any_assignment_gives_a_specification_or_a_refusal(text: str, watched: Watch) -> None:
    with watched():
        _tolerated(lambda: resolve("infogan", overrides=[text]))
        _tolerated(lambda: resolve("vae", sweep=[text]))
        _tolerated(lambda: resolve(text, data=text, preset=text))
        _tolerated(lambda: resolve("infogan", flags={"name": text, "device": text, "group": text}))


@given(text=st.text(st.characters(codec=None), max_size=60))
def test_no_control_character_passes_the_cleaning(text: str) -> None:
    shown = clean(text)
    assert not [letter for letter in shown if letter != "\n" and not letter.isprintable() and letter != "\t"]
