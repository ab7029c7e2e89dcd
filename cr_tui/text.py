"""Makes text from outside safe to show, durations short, and numbers no finer than their noise.

Run names, log lines, error messages and paths reach a terminal that obeys what it is sent: an escape sequence in a run
name could set the clipboard, clear the screen or turn the text around. Whatever did not originate in this program goes
through :func:`clean` before it is shown. Markup is no concern here: brackets stay, and what draws must not interpret
them.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable
from pathlib import PurePath
from typing import TextIO

from rich.cells import cell_len, set_cell_size

REPLACEMENT = "\ufffd"
ELLIPSIS = "…"
_JOINERS = "\u200c\u200d"
"""Zero-width (non-)joiners shape emoji and several scripts and cannot hurt a terminal."""
_ARABIC_SIGNS = frozenset(map(chr, (*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD)))
"""Number signs and the like. Unicode calls them format characters, but they are seen."""
_CONTROL_PICTURES = 0x2400
_DELETE, _DELETE_PICTURE = "\x7f", "\u2421"
_LINE_BREAKING_SPACES = "\x85\u2028\u2029"
_NUMBERS = ("-Infinity",)
"""Words for numbers that look like formulas and compute nothing."""
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def clean(text: str, limit: int | None = None) -> str:
    """Make text from outside safe to send to a terminal, on one line.

    C0 controls (ESC, newline, NUL …) appear as their pictures (``␛``, ``␊``, ``␀``), tabs and exotic spaces as a space,
    C1 controls, bidirectional overrides, other invisible formatting, lone surrogates and unassigned code points
    as ``�``.

    Args:
        text: anything.
        limit: the most terminal cells the result may take; a longer text ends in ``…``. None for no limit.

    Returns:
        Text that occupies one line and contains nothing a terminal would act on.
    """
    # A character may take no cell (combining marks), so this cut is generous; it keeps a 100 MB line cheap.
    shown = text if limit is None else text[: 4 * limit + 4]
    if not shown.isprintable():
        shown = "".join(map(_visible, shown))
    if shown.isascii() and len(shown) == len(text) and (limit is None or len(shown) <= limit):
        return shown
    if limit is None or (len(shown) >= len(text) and cell_len(shown) <= limit):
        return shown
    return set_cell_size(shown, limit - 1).rstrip() + ELLIPSIS if limit > 0 else ""


def csv_rows(file: TextIO) -> Callable[[Iterable[object]], object]:
    """What writes rows of CSV into a file or on a terminal: numbers as they are, text neither obeyed nor computed.

    Names and paths came from outside. A spreadsheet would run ``=…`` as a formula, a terminal obey what is in it. So
    this is the only place where CSV is written; a test holds all others to it.
    """
    write = csv.writer(file, lineterminator="\n").writerow
    return lambda row: write(map(_csv_cell, row))


def _csv_cell(value: object) -> object:
    if not isinstance(value, str | bytes | PurePath):
        return value
    text = clean(str(value))
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) and text not in _NUMBERS else text


def _visible(character: str) -> str:
    if character.isprintable() or character in _JOINERS or character in _ARABIC_SIGNS:
        return character
    if character == "\t":
        return " "
    if character < " ":
        return chr(_CONTROL_PICTURES + ord(character))
    if character == _DELETE:
        return _DELETE_PICTURE
    if character.isspace() and character not in _LINE_BREAKING_SPACES:
        return " "
    return REPLACEMENT


def short_duration(seconds: float) -> str:
    """A duration in at most five characters: ``42s``, ``4m10``, ``2h05``, ``3d04``, ``120d``."""
    whole = max(round(seconds), 0)
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m{whole % _MINUTE:02}"
    if whole < _DAY:
        return f"{whole // _HOUR}h{whole % _HOUR // _MINUTE:02}"
    days = whole // _DAY
    return f"{days}d{whole % _DAY // _HOUR:02}" if days < 10 else f"{min(days, 9999)}d"


def with_noise(value: float, noise: float, most_decimals: int = 3) -> str:
    """A number and its noise, both to the first digit of the noise and no finer: ``0.96±0.01``."""
    decimals = most_decimals
    if noise > 0 and math.isfinite(noise):
        # Rounded first: 0.0096 is shown as 0.01, whose first digit is one place further left.
        first_digit = math.floor(math.log10(float(f"{noise:.0e}")))
        decimals = min(max(-first_digit, 0), most_decimals)
    return f"{value:.{decimals}f}±{noise:.{decimals}f}"
