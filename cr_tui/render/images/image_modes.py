"""How this terminal shows images: as the user says, or else as the terminal answers when it is asked once."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import sys
import termios
import time
import tty
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self, cast, get_args

from cr_tui.render.images import tmux
from engine.errors import InputError

ImageMode = Literal["kitty", "sixel", "halfblock", "ascii", "off"]
"""Kitty's graphics protocol, Sixel, half-blocks in colour, plain characters, or numbers alone."""
IMAGES_VARIABLE = "CRTUI_IMAGES"
CHOICES = ("auto", *get_args(ImageMode))
PROBE_SECONDS = 0.4

_KNOWN_FOR_PLACEHOLDERS = ("kitty", "ghostty")

CellSize = tuple[int, int]
"""Width and height of a cell in pixels."""
USUAL_CELL: CellSize = (10, 20)
"""The size of a cell if the terminal does not tell."""

_LAST_QUESTION = b"\x1b[c"
"""Every terminal answers this."""
_NAME_QUESTION = b"\x1b[>q"
# Asks to check (not show) a picture of one pixel, then for the size of a cell and for the terminal's name.
_QUESTION = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[16t" + _NAME_QUESTION + _LAST_QUESTION
_KITTY_ANSWER = re.compile(rb"\x1b_Gi=31;OK")
_CELL_ANSWER = re.compile(rb"\x1b\[6;(\d{1,4});(\d{1,4})t")
_LAST_ANSWER = re.compile(rb"\x1b\[\?([0-9;]*)c")
_SIXEL_ATTRIBUTE = b"4"
_NAME_ANSWER = re.compile(rb"\x1bP>\|([ -~]{1,80})\x1b\\")
_KITTY_VERSION = re.compile(r"kitty\((\d{1,4})\.(\d{1,4})")
_FIRST_WITH_PLACEHOLDERS = (0, 28)


@dataclass(frozen=True)
class TerminalImages:
    """How a terminal shows images.

    Args:
        mode: how images are shown.
        cell: size of a cell in pixels.
        outstanding: whether the terminal was asked and had not answered in time, so that its answer may still come.
        through_tmux: whether tmux is between, so that pictures by Kitty's protocol must be handed to it to pass on.
    """

    mode: ImageMode
    cell: CellSize = USUAL_CELL
    outstanding: bool = False
    through_tmux: bool = False


@dataclass(frozen=True)
class Answers:
    """What a terminal said about itself. Everything that it did not say is False or None.

    Args:
        complete: whether it answered to the end.
        kitty: it speaks Kitty's graphics protocol.
        sixel: it shows Sixel.
        cell: size of a cell in pixels.
        name: its name and version.
        through_tmux: tmux is between, and passes on what is said.
        colours: tmux gives it colours of 24 bits.
    """

    complete: bool = False
    kitty: bool = False
    sixel: bool = False
    cell: CellSize | None = None
    name: str = ""
    through_tmux: bool = False
    colours: bool = False


def requested(option: str | None, environment: Mapping[str, str]) -> str:
    """What the user asks for, one of :data:`CHOICES`: the option, else ``$CRTUI_IMAGES``, else ``auto``.

    Raises:
        InputError: it is none of them.
    """
    name, word = ("--images", option) if option else (IMAGES_VARIABLE, environment.get(IMAGES_VARIABLE) or "auto")
    if word not in CHOICES:
        raise InputError(f"{name} is '{word[:40]}', but takes one of: {', '.join(CHOICES)}")
    return word


def without_asking(choice: str, environment: Mapping[str, str], encoding: str) -> ImageMode | None:
    """The mode, if the user or the environment decides it; None if the terminal must be asked."""
    if choice != "auto":
        return cast(ImageMode, choice)
    if environment.get("TERM", "") in ("", "dumb") or not encoding.lower().replace("-", "").startswith("utf"):
        return "ascii"
    # GNU screen hands what it does not know to the terminal as it is, where it would be printed.
    if "STY" in environment or "TEXTUAL_DRIVER" in environment:
        return "halfblock"
    return None


def perhaps_tmux(environment: Mapping[str, str]) -> bool:
    """Whether this may be inside tmux, on this machine or on the one from which this one was reached by SSH."""
    return "TMUX" in environment or environment.get("TERM", "").startswith(("tmux", "screen"))


def best_mode(answers: Answers, environment: Mapping[str, str]) -> ImageMode:
    """The best that a terminal offers.

    Images are placed among text by Kitty's Unicode placeholders, which Kitty and Ghostty know. WezTerm and Konsole
    answer to the protocol without knowing these, but show Sixel, which the former two do not.
    """
    names = answers.name.lower()
    if names.startswith("tmux"):
        # A tmux that was not expected, or the outer of two. It would not pass images on.
        return "halfblock"
    if answers.through_tmux:
        # $TERM is tmux's own.
        certain = answers.colours and any(name in names for name in _KNOWN_FOR_PLACEHOLDERS)
        # tmux 3.5a draws Sixel itself: it paints a bar under each picture, and loses those that follow spaces.
        sixel = False
    else:
        names += environment.get("TERM", "") + environment.get("TERM_PROGRAM", "").lower()
        sixel = answers.sixel
        certain = not sixel or any(name in names for name in _KNOWN_FOR_PLACEHOLDERS)
    version = _KITTY_VERSION.match(answers.name)
    too_old = version is not None and (int(version[1]), int(version[2])) < _FIRST_WITH_PLACEHOLDERS
    if answers.kitty and certain and not too_old:
        return "kitty"
    return "sixel" if sixel else "halfblock"


class Probe:
    """Asks the terminal on entry and reads the answer when it is asked for. Work done in between costs no waiting.

    Where tmux may be between, it is asked for its name first, and waited for: it answers within milliseconds. Only a
    tmux is then told to pass the question on.

    Keys are not echoed meanwhile. What is typed before :meth:`answers` returns is lost.

    Args:
        source: descriptor that the answers come from.
        target: descriptor that the question goes to.
        seconds: how long an answer is waited for, from the question on; default: :data:`PROBE_SECONDS`.
        perhaps_tmux: whether tmux may be between.
    """

    def __init__(self, source: int, target: int, seconds: float | None = None, *, perhaps_tmux: bool = False) -> None:
        self._source, self._target = source, target
        self._seconds = PROBE_SECONDS if seconds is None else seconds
        self._perhaps_tmux = perhaps_tmux
        self._between = b""

    def __enter__(self) -> Self:
        self._settings = termios.tcgetattr(self._source)
        tty.setcbreak(self._source, termios.TCSANOW)
        try:
            if not self._perhaps_tmux:
                self._ask(_QUESTION)
                return self
            self._ask(_NAME_QUESTION + _LAST_QUESTION)
            self._between = self._said()
            if _is_tmux(self._between):
                self._ask(tmux.question(_QUESTION))
        except BaseException:
            self._restore()
            raise
        return self

    def answers(self) -> Answers:
        """What the terminal has said until it came to the end, or until the time was over."""
        through_tmux = _is_tmux(self._between)
        if self._perhaps_tmux and not through_tmux:
            return Answers(complete=_LAST_ANSWER.search(self._between) is not None)
        said = self._said()
        cell = _CELL_ANSWER.search(said)
        return Answers(
            complete=_LAST_ANSWER.search(said) is not None,
            kitty=_KITTY_ANSWER.search(said) is not None,
            sixel=_says_sixel(said),
            cell=_cell(int(cell[2]), int(cell[1])) if cell else None,
            name=_name(said),
            through_tmux=through_tmux,
            colours=tmux.keeps_colours(said),
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._restore()

    def _ask(self, question: bytes) -> None:
        self._deadline = time.monotonic() + self._seconds
        os.write(self._target, question)

    def _said(self) -> bytes:
        """What has come until the last answer, or until the time was over."""
        said = b""
        # What has arrived is read even if time is up, because the work in between may have taken long.
        while not _LAST_ANSWER.search(said):
            if not select.select([self._source], [], [], max(self._deadline - time.monotonic(), 0))[0]:
                break
            chunk = os.read(self._source, 1024)
            if not chunk:
                break
            said += chunk
        return said

    def _restore(self) -> None:
        termios.tcsetattr(self._source, termios.TCSANOW, self._settings)


def _name(said: bytes) -> str:
    found = _NAME_ANSWER.search(said)
    return found[1].decode() if found else ""


def _is_tmux(said: bytes) -> bool:
    return _name(said).startswith("tmux")


def _says_sixel(said: bytes) -> bool:
    last = _LAST_ANSWER.search(said)
    return last is not None and _SIXEL_ATTRIBUTE in last[1].split(b";")[1:]


class ImageQuestion:
    """Finds out how images are shown. It asks the terminal on entry, if it must, and :meth:`answer` waits for the
    answer.

    Args:
        option: what the user asked for, None for ``$CRTUI_IMAGES``.
        source: descriptor of the terminal's input.
        target: descriptor of the terminal's output.

    Raises:
        InputError: what the user asked for is no mode.
    """

    def __init__(self, option: str | None, source: int, target: int) -> None:
        encoding = sys.stdout.encoding if sys.stdout else ""
        self._mode = without_asking(requested(option, os.environ), os.environ, encoding)
        self._cell = _told_cell(target)
        between = perhaps_tmux(os.environ)
        self._told_tmux = between and self._mode == "kitty"
        # Only Sixel is measured in pixels.
        must_ask = self._mode is None or (self._mode == "sixel" and self._cell is None)
        self._probe = Probe(source, target, perhaps_tmux=between) if must_ask else None

    def __enter__(self) -> Self:
        if self._probe is not None:
            self._probe.__enter__()
        return self

    def answer(self) -> TerminalImages:
        """How images are shown."""
        answers = Answers(complete=True) if self._probe is None else self._probe.answers()
        mode = self._mode or best_mode(answers, os.environ)
        return TerminalImages(
            mode,
            self._cell or answers.cell or USUAL_CELL,
            outstanding=not answers.complete,
            through_tmux=self._told_tmux or answers.through_tmux,
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._probe is not None:
            self._probe.__exit__(kind, error, traceback)


def _told_cell(descriptor: int) -> CellSize | None:
    """The size of a cell as the kernel knows it, because many terminals tell it."""
    try:
        window = fcntl.ioctl(descriptor, termios.TIOCGWINSZ, bytes(8))
    except OSError:
        return None
    rows, columns, width, height = struct.unpack("HHHH", window)
    return _cell(width // columns, height // rows) if rows and columns else None


def _cell(width: int, height: int) -> CellSize | None:
    return (width, height) if 0 < width <= 200 and 0 < height <= 400 else None
