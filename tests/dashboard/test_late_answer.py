"""Keys that nobody pressed."""

from __future__ import annotations

from textual import events

from cr_tui.dashboard.late_answer import LateAnswer


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def typed(late: LateAnswer, text: str) -> str:
    """What gets through."""
    return "".join(letter for letter in text if not late.holds(events.Key(letter, letter)))


def test_an_answer_is_held_back_to_its_end_and_no_further() -> None:
    late = LateAnswer(awaited=True, clock=Clock())
    assert typed(late, "j^_Gi=31;OK^\\^[6;20;10t^[?62;4;22cqt^x") == "jqt^x"


def test_one_that_breaks_off_holds_nothing_for_long() -> None:
    clock = Clock()
    late = LateAnswer(awaited=True, clock=clock)
    assert typed(late, "^_Gi=3") == ""
    clock.now = 0.3
    assert typed(late, "2q") == "2q"
    assert typed(late, "^[?62c") == ""


def test_nothing_is_held_where_nothing_is_awaited_or_any_more() -> None:
    clock = Clock()
    assert typed(LateAnswer(awaited=False, clock=clock), "^[?62c") == "^[?62c"
    late = LateAnswer(awaited=True, clock=clock)
    clock.now = 60.0
    assert typed(late, "^[?62c") == "^[?62c"


def test_keys_without_a_character_pass() -> None:
    late = LateAnswer(awaited=True, clock=Clock())
    assert not late.holds(events.Key("escape", None))
