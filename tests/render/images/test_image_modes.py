"""Which way to show images is chosen, on pseudo-terminals that answer, answer late, or not at all."""

from __future__ import annotations

import os
import pty
import select
import termios
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from cr_tui.render.images.image_modes import Answers, ImageQuestion, Probe, best_mode, requested, without_asking
from engine.errors import InputError

KITTY = b"\x1b_Gi=31;OK\x1b\\"
REFUSED = b"\x1b_Gi=31;ENOTSUPPORTED\x1b\\"
CELL = b"\x1b[6;18;9t"
TMUX_QUESTION_END = b"\x1b8 \x1b8"
# As tmux 3.5a answers, and as Kitty 0.41 answers inside it, with 24 bits of colour and without.
TMUX = b"\x1bP>|tmux 3.5a\x1b\\\x1b[?1;2;4c"
KITTY_OUTSIDE = b"\x1bP1$r38:2:1:2:3m\x1b\\\x1b_Gi=31;OK\x1b\\\x1b[6;18;9t\x1bP>|kitty(0.41.1)\x1b\\\x1b[?62;c"
FEW_COLOURS = KITTY_OUTSIDE.replace(b"38:2:1:2:3m", b"38:5:16m")
PLAIN, SIXEL = b"\x1b[?62;22c", b"\x1b[?62;4;22c"


class Terminal:
    """The other end of a pseudo-terminal: notes what it is asked and answers once it was asked to the end.

    What was asked through tmux is answered by ``passed_on``.
    """

    def __init__(self, answer: bytes, pieces: int = 1, passed_on: bytes = b"") -> None:
        self.master, self.slave = pty.openpty()
        self.asked = b""
        self._answer, self._pieces, self._passed_on = answer, pieces, passed_on
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self._closing.is_set():
            if not select.select([self.master], [], [], 0.01)[0]:
                continue
            self.asked += os.read(self.master, 4096)
            if self.asked.endswith(TMUX_QUESTION_END):
                os.write(self.master, self._passed_on)
            elif self.asked.endswith(b"\x1b[c"):
                size = -(-len(self._answer) // self._pieces) or 1
                for at in range(0, len(self._answer), size):
                    os.write(self.master, self._answer[at : at + size])
                    time.sleep(0.005)

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    made: list[Terminal] = []

    def make(answer: bytes = b"", pieces: int = 1, passed_on: bytes = b"") -> Terminal:
        made.append(Terminal(answer, pieces, passed_on))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TMUX", "STY", "CRTUI_IMAGES", "TERM_PROGRAM", "TEXTUAL_DRIVER", "KITTY_WINDOW_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr("cr_tui.render.images.image_modes.sys.stdout", type("Utf8", (), {"encoding": "utf-8"})())


@pytest.mark.parametrize("pieces", [1, 9])
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (KITTY + CELL + PLAIN, Answers(True, kitty=True, cell=(9, 18))),
        (CELL + SIXEL, Answers(True, sixel=True, cell=(9, 18))),
        (REFUSED + PLAIN, Answers(True)),
        (b"jj" + KITTY + SIXEL, Answers(True, kitty=True, sixel=True)),
        (b"\x1b[?4c", Answers(True)),
        (b"\x1b[6;0;9t" + PLAIN, Answers(True)),
    ],
    ids=["kitty", "sixel", "neither", "both, and typed ahead", "a VT132", "no size"],
)
def test_reads_what_a_terminal_answers(
    terminal: Callable[..., Terminal], answer: bytes, expected: Answers, pieces: int
) -> None:
    there = terminal(answer, pieces)
    with Probe(there.slave, there.slave, seconds=20) as probe:
        assert probe.answers() == expected
    assert there.asked.startswith(b"\x1b_G")


def test_a_silent_terminal_costs_one_time_out_and_nothing_is_left_changed(terminal: Callable[..., Terminal]) -> None:
    there = terminal()
    before = termios.tcgetattr(there.slave)
    with Probe(there.slave, there.slave, seconds=0.05) as probe:
        during = termios.tcgetattr(there.slave)
        assert not during[3] & (termios.ECHO | termios.ICANON)
        assert probe.answers() == Answers()
    assert termios.tcgetattr(there.slave) == before


def test_an_answer_that_came_in_time_is_taken_by_a_program_that_is_late(terminal: Callable[..., Terminal]) -> None:
    asked = terminal(KITTY + CELL + PLAIN)
    with Probe(asked.slave, asked.slave, seconds=0.05) as probe:
        time.sleep(0.3)
        answers = probe.answers()
    assert answers.complete
    assert answers.kitty
    assert not select.select([asked.slave], [], [], 0.1)[0]


def test_settings_come_back_when_something_fails(terminal: Callable[..., Terminal]) -> None:
    there = terminal()
    before = termios.tcgetattr(there.slave)
    with pytest.raises(KeyboardInterrupt), Probe(there.slave, there.slave):
        raise KeyboardInterrupt
    assert termios.tcgetattr(there.slave) == before


@pytest.mark.parametrize(
    ("answer", "mode", "outstanding"),
    [
        (KITTY + PLAIN, "kitty", False),
        (CELL + SIXEL, "sixel", False),
        (PLAIN, "halfblock", False),
        (b"", "halfblock", True),
        (KITTY, "kitty", True),
    ],
)
def test_the_answer_decides(
    terminal: Callable[..., Terminal],
    monkeypatch: pytest.MonkeyPatch,
    answer: bytes,
    mode: str,
    outstanding: bool,
) -> None:
    monkeypatch.setattr("cr_tui.render.images.image_modes.PROBE_SECONDS", 0.3)
    there = terminal(answer)
    with ImageQuestion(None, there.slave, there.slave) as question:
        found = question.answer()
    assert (found.mode, found.outstanding) == (mode, outstanding)


@pytest.mark.parametrize(
    ("option", "environment", "mode"),
    [
        ("kitty", {}, "kitty"),
        ("off", {"TMUX": "x"}, "off"),
        (None, {"STY": "1.pts"}, "halfblock"),
        (None, {"TERM": "dumb"}, "ascii"),
        (None, {"CRTUI_IMAGES": "ascii"}, "ascii"),
        ("halfblock", {"CRTUI_IMAGES": "ascii"}, "halfblock"),
        ("auto", {"TMUX": "x", "STY": "1.pts", "CRTUI_IMAGES": "kitty"}, "halfblock"),
    ],
)
def test_nothing_is_asked_where_the_answer_is_known(
    terminal: Callable[..., Terminal],
    monkeypatch: pytest.MonkeyPatch,
    option: str | None,
    environment: dict[str, str],
    mode: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    there = terminal(KITTY + SIXEL)
    with ImageQuestion(option, there.slave, there.slave) as question:
        assert question.answer().mode == mode
    assert there.asked == b""


def test_sixel_asks_for_the_size_of_a_cell_where_the_kernel_does_not_know(terminal: Callable[..., Terminal]) -> None:
    there = terminal(CELL + PLAIN)
    with ImageQuestion("sixel", there.slave, there.slave) as question:
        found = question.answer()
    assert (found.mode, found.cell) == ("sixel", (9, 18))


def test_without_unicode_there_are_only_characters() -> None:
    assert without_asking("auto", {"TERM": "xterm"}, "iso8859-1") == "ascii"
    assert without_asking("auto", {"TERM": "xterm"}, "UTF-8") is None


@pytest.mark.parametrize(
    ("answers", "environment", "mode"),
    [
        (Answers(True, kitty=True, sixel=True), {}, "sixel"),
        (Answers(True, kitty=True, sixel=True), {"TERM": "xterm-kitty"}, "kitty"),
        (Answers(True, kitty=True, sixel=True), {"TERM_PROGRAM": "Ghostty"}, "kitty"),
        (Answers(True, kitty=True, sixel=True), {"TERM_PROGRAM": "WezTerm"}, "sixel"),
        (Answers(True, kitty=True, name="kitty(0.26.5)"), {"TERM": "xterm-kitty"}, "halfblock"),
        (Answers(True, kitty=True, name="kitty(0.28.0)"), {}, "kitty"),
        (Answers(True, sixel=True, name="tmux 3.5a"), {}, "halfblock"),
    ],
)
def test_placeholders_are_only_trusted_where_they_are_known(
    answers: Answers, environment: dict[str, str], mode: str
) -> None:
    assert best_mode(answers, environment) == mode


def test_a_word_that_is_none_is_refused_with_those_that_are() -> None:
    with pytest.raises(InputError, match="--images is 'png', but takes one of: auto, kitty, sixel, halfblock"):
        requested("png", {})
    with pytest.raises(InputError, match="CRTUI_IMAGES is 'png'"):
        requested(None, {"CRTUI_IMAGES": "png"})


def test_an_answer_that_came_while_something_else_took_long_is_read(terminal: Callable[..., Terminal]) -> None:
    there = terminal(KITTY + PLAIN)
    with Probe(there.slave, there.slave, seconds=0.0) as probe:
        deadline = time.monotonic() + 20
        while not select.select([there.slave], [], [], 0)[0] and time.monotonic() < deadline:
            time.sleep(0.01)
        assert probe.answers() == Answers(True, kitty=True)


@pytest.mark.parametrize(
    "variables", [{"TMUX": "/tmp/tmux-0/default,1,0"}, {"TERM": "tmux-256color"}, {"TERM": "screen"}]
)
@pytest.mark.parametrize(
    ("passed_on", "mode"),
    [
        (KITTY_OUTSIDE, "kitty"),
        (KITTY_OUTSIDE.replace(b"kitty(0.41.1)", b"ghostty 1.1.0"), "kitty"),
        (FEW_COLOURS, "halfblock"),
        (KITTY_OUTSIDE.replace(b"kitty(0.41.1)", b"WezTerm 20240203"), "halfblock"),
        (KITTY_OUTSIDE.replace(b"0.41.1", b"0.26.5"), "halfblock"),
        (b"\x1bP1$r0;38:2::1:2:3m\x1b\\\x1bP>|XTerm(398)\x1b\\" + SIXEL, "halfblock"),
        (b"", "halfblock"),
    ],
    ids=["Kitty", "Ghostty", "256 colours", "WezTerm", "an old Kitty", "XTerm", "nothing is passed on"],
)
def test_inside_tmux_the_terminal_outside_decides(
    terminal: Callable[..., Terminal],
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    passed_on: bytes,
    mode: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if not passed_on:
        monkeypatch.setattr("cr_tui.render.images.image_modes.PROBE_SECONDS", 0.3)
    there = terminal(TMUX, passed_on=passed_on)
    with ImageQuestion(None, there.slave, there.slave) as question:
        found = question.answer()
    assert (found.mode, found.through_tmux, found.outstanding) == (mode, True, not passed_on)
    # tmux takes an APC for a title. It gets none that is not wrapped.
    assert there.asked.replace(b"\x1b\x1b_G", b"").count(b"\x1b_") == 0


def test_what_is_no_tmux_is_told_to_pass_nothing_on(
    terminal: Callable[..., Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "screen-256color")
    there = terminal(PLAIN, passed_on=KITTY_OUTSIDE)
    with ImageQuestion(None, there.slave, there.slave) as question:
        found = question.answer()
    assert (found.mode, found.outstanding) == ("halfblock", False)
    assert b"\x1bP" not in there.asked
    assert b"\x1b_" not in there.asked


def test_the_users_word_inside_tmux_is_handed_to_tmux(
    terminal: Callable[..., Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    there = terminal()
    with ImageQuestion("kitty", there.slave, there.slave) as question:
        assert question.answer().through_tmux
    with ImageQuestion("halfblock", there.slave, there.slave) as question:
        assert not question.answer().through_tmux
