"""Keys that nobody pressed."""

from __future__ import annotations

from textual import events

from cr_tui.dashboard.keys.late_answer import LateAnswer


def key(name: str, character: str | None, later: float = 0.0) -> events.Key:
    """A key that is read so many seconds later than now."""
    event = events.Key(name, character)
    object.__setattr__(event, "time", event.time + later)
    return event


def typed(late: LateAnswer, text: str, later: float = 0.0) -> str:
    """What gets through."""
    return "".join(through.key for letter in text for through in late.sift(key(letter, letter, later)))


def test_an_answer_is_held_back_to_its_end_and_no_further() -> None:
    late = LateAnswer(awaited=True)
    assert typed(late, "j^_Gi=31;OK^\\^[6;20;10t^[?62;4;22cqt^x") == "jqt^x"
    # Through tmux the terminal tells its colour and its name as well.
    late = LateAnswer(awaited=True)
    assert typed(late, "^P1$r38:2:1:2:3m^\\^_Gi=31;OK^\\^[6;18;9t^P>|kitty(0.41.1)^\\[?62;cqt^x") == "qt^x"


def test_an_escape_that_was_swallowed_is_not_missed() -> None:
    late = LateAnswer(awaited=True)
    assert typed(late, "^_Gi=31;OK^\\") == ""
    assert typed(late, "[6;20;10t[?62;22c[", later=0.1) == "["
    assert typed(LateAnswer(awaited=True), "[?") == "[?"


def test_one_that_breaks_off_holds_nothing_for_long() -> None:
    late = LateAnswer(awaited=True)
    assert typed(late, "^_Gi=3") == ""
    assert typed(late, "2q", later=0.3) == "2q"
    assert typed(late, "^[?62c", later=0.4) == ""


def test_nothing_is_held_where_nothing_is_awaited_or_any_more() -> None:
    assert typed(LateAnswer(awaited=False), "^[?62c") == "^[?62c"
    assert typed(LateAnswer(awaited=True), "^[?62c", later=60.0) == "^[?62c"


def test_keys_without_a_character_pass() -> None:
    late = LateAnswer(awaited=True)
    up, caret = key("up", None), key("circumflex_accent", "^")
    assert list(late.sift(up)) == [up]
    assert list(late.sift(caret)) == []
    assert list(late.sift(up)) == [caret, up]


def test_what_only_begins_like_an_answer_is_not_lost() -> None:
    """Escape and a letter right behind it come as one sequence that Textual does not know."""
    late = LateAnswer(awaited=True)
    assert typed(late, "^/learning^2^[1;2x") == "^/learning^2^[1;2x"
    assert typed(late, "^") == ""
    assert typed(late, "x", later=1.0) == "^x"
    assert typed(late, "^[?62c", later=1.1) == ""
