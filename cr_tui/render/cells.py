"""Terminal cells, ready to print: what every drawing function of this package returns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from rich.color import Color
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style

CellMode = Literal["blocks", "ascii"]
"""``"blocks"`` draws with half-blocks and braille dots in colour, ``"ascii"`` with plain characters."""

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Cells:
    """Lines of styled cells.

    ``rich`` prints it (``console.print(cells)``); a Textual widget wraps ``lines[y]`` in a ``Strip``.

    Args:
        lines: one tuple of segments a line, top first, without line ends.
    """

    lines: tuple[tuple[Segment, ...], ...]

    @property
    def width(self) -> int:
        """Cells in the longest line."""
        return max((sum(segment.cell_length for segment in line) for line in self.lines), default=0)

    @property
    def height(self) -> int:
        """Number of lines."""
        return len(self.lines)

    @property
    def plain(self) -> str:
        """The characters alone."""
        return "\n".join("".join(segment.text for segment in line) for line in self.lines)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self.lines:
            yield from line
            yield Segment.line()

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(self.width, self.width)


@lru_cache(maxsize=65_536)
def style_of(foreground: Rgb | None, background: Rgb | None = None) -> Style:
    """The style of a pair of colours. It is cached, because a heat map asks for the same pairs thousands of times."""
    return Style(
        color=None if foreground is None else Color.from_rgb(*foreground),
        bgcolor=None if background is None else Color.from_rgb(*background),
    )


def merge_runs(characters: Iterable[tuple[str, Style | None]]) -> tuple[Segment, ...]:
    """Join neighbours of the same style into one segment, so that a style change is sent only where there is one."""
    merged: list[Segment] = []
    text, style = "", None
    for character, its_style in characters:
        if text and its_style != style:
            merged.append(Segment(text, style))
            text = ""
        text, style = text + character, its_style
    if text:
        merged.append(Segment(text, style))
    return tuple(merged)


def laid_out(width: int, height: int, blocks: Iterable[tuple[int, int, Cells]]) -> Cells:
    """Put blocks at their places on an empty area.

    Args:
        width: cells across.
        height: lines.
        blocks: left edge, top edge and drawing of each. They must neither overlap nor reach beyond the right edge.
    """
    lines: list[list[tuple[int, tuple[Segment, ...]]]] = [[] for _ in range(height)]
    for left, top, cells in blocks:
        for y, segments in enumerate(cells.lines[: max(height - top, 0)], top):
            lines[y].append((left, segments))
    return Cells(tuple(_padded(sorted(line, key=lambda part: part[0]), width) for line in lines))


def _padded(parts: Sequence[tuple[int, tuple[Segment, ...]]], width: int) -> tuple[Segment, ...]:
    line: list[Segment] = []
    at = 0
    for left, segments in parts:
        line += [Segment(" " * (left - at))] if left > at else []
        line += segments
        at = max(left, at) + sum(segment.cell_length for segment in segments)
    return (*line, Segment(" " * (width - at))) if at < width else tuple(line)


def beside(
    left: Sequence[tuple[Segment, ...]], right: Sequence[tuple[Segment, ...]]
) -> tuple[tuple[Segment, ...], ...]:
    """Put two blocks of the same height next to each other."""
    return tuple(first + second for first, second in zip(left, right, strict=True))
