"""How the lines of the selection screen are divided between the ranking above and the traversals of a pair below."""

from __future__ import annotations

_AROUND = 6
"""Title, group, three lines on the pair, footer."""
_BESIDE_ROWS = 4
"""Lines of the matrix beside those of its rows."""
_LEAST_ABOVE, _LEAST_BELOW = 6, 9
_MOST_BELOW = 0.6
"""The largest part of the room that the traversals take by themselves."""
_TALL, _VERDICT, _TALL_VERDICT = 30, 4, 6


def verdict_lines(height: int) -> int:
    """The most lines of the verdict on a screen of so many lines."""
    return _TALL_VERDICT if height >= _TALL else _VERDICT


def lines_below(height: int, words: int, rows: int, wanted: bool | None) -> int:
    """Lines of the traversals; 0 if they are not shown.

    Args:
        height: lines of the screen.
        words: lines that verdict and progress take.
        rows: runs in the ranking.
        wanted: whether somebody asked for them, or asked to hide them; None shows them in the room that is left.
    """
    room = height - _AROUND - words
    if wanted is False:
        return 0
    if wanted:
        return max(min(max(int(room * _MOST_BELOW), _LEAST_BELOW), room - _LEAST_ABOVE), 0)
    below = min(room - max(rows + _BESIDE_ROWS, _LEAST_ABOVE), int(room * _MOST_BELOW))
    return below if below >= _LEAST_BELOW else 0
