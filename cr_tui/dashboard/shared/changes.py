"""Finds what differs between two drawings of a line, so that only that is sent to the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style

Span = tuple[int, int]


def changed_span(before: Sequence[Segment], after: Sequence[Segment], width: int) -> Span | None:
    """First cell and number of cells in which two drawings of a line differ; None where they are the same.

    Lines with characters that are not one cell wide are taken whole.
    """
    old, new = _cells(before), _cells(after)
    if old is None or new is None:
        return None if list(before) == list(after) else (0, width)
    if old == new:
        return None
    shorter = min(len(old), len(new))
    first = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    if len(old) != len(new):
        return first, max(width - first, 1)
    last = next(at for at in range(shorter - 1, -1, -1) if old[at] != new[at])
    return first, last - first + 1


def _cells(segments: Sequence[Segment]) -> list[tuple[str, Style | None]] | None:
    cells: list[tuple[str, Style | None]] = []
    for text, style, _ in segments:
        cells += [(character, style) for character in text]
    return cells if len(cells) == sum(segment.cell_length for segment in segments) else None
