"""Which part of the x axis charts show, and where their cursor stands."""

from __future__ import annotations

from dataclasses import dataclass, replace

_ZOOM = 0.5
_PAN = 0.25
_CURSOR_STEPS = 100
_CLOSEST = 1e-6
"""The shortest stretch shown, as a share of everything."""


@dataclass(frozen=True)
class Window:
    """A stretch of the x axis and a cursor.

    Args:
        span: first and last position shown; None for everything, as it grows.
        cursor: a position; None for no cursor.
    """

    span: tuple[float, float] | None = None
    cursor: float | None = None

    def shown(self, whole: tuple[float, float]) -> tuple[float, float]:
        """First and last position shown of a whole."""
        return self.span or whole

    def zoomed(self, whole: tuple[float, float], factor: float = _ZOOM, about: float | None = None) -> Window:
        """Show a stretch ``factor`` times as long. The position ``about``, else the cursor, else the end stays put."""
        start, end = self.shown(whole)
        length = max((end - start) * factor, (whole[1] - whole[0]) * _CLOSEST)
        if length >= whole[1] - whole[0]:
            return replace(self, span=None)
        fixed = about if about is not None else self.cursor
        if fixed is None or not start <= fixed <= end:
            # The newest values are looked at most often.
            fixed = end
        share = (fixed - start) / (end - start) if end > start else 1.0
        return replace(self, span=_inside(fixed - share * length, length, whole))

    def panned(self, whole: tuple[float, float], by: float) -> Window:
        """Move the stretch by a quarter of itself times ``by``."""
        if self.span is None:
            return self
        start, end = self.span
        return replace(self, span=_inside(start + by * _PAN * (end - start), end - start, whole))

    def shifted(self, whole: tuple[float, float], distance: float) -> Window:
        """Move the stretch by a distance."""
        if self.span is None:
            return self
        start, end = self.span
        return replace(self, span=_inside(start + distance, end - start, whole))

    def pointed(self, whole: tuple[float, float], by: float) -> Window:
        """Move the cursor by hundredths of what is shown. A new one stands at the start; at the end if ``by`` < 0."""
        start, end = self.shown(whole)
        if self.cursor is None or not start <= self.cursor <= end:
            return replace(self, cursor=end if by < 0 else start)
        moved = self.cursor + by * (end - start) / _CURSOR_STEPS
        return replace(self, cursor=min(max(moved, start), end))


def zoomed_height(shown: tuple[float, float], factor: float) -> tuple[float, float]:
    """Show a part of the height ``factor`` times as high about its middle, as shares from the bottom."""
    low, high = shown
    half = max((high - low) * factor, _CLOSEST) / 2
    middle = (low + high) / 2
    return (0.0, 1.0) if 2 * half >= 1 else _inside(middle - half, 2 * half, (0.0, 1.0))


def moved_height(shown: tuple[float, float], by: float) -> tuple[float, float]:
    """Move the part of the height that is shown by a quarter of itself times ``by``."""
    low, high = shown
    return _inside(low + by * _PAN * (high - low), high - low, (0.0, 1.0))


def _inside(start: float, length: float, whole: tuple[float, float]) -> tuple[float, float]:
    start = min(max(start, whole[0]), max(whole[1] - length, whole[0]))
    return start, start + length
