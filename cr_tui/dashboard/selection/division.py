"""How the lines of the selection screen are divided between the ranking above and the traversals of a pair below."""

from __future__ import annotations

_AROUND = 6
"""Title, group, three lines on the pair, footer."""
_BESIDE_ROWS = 4
"""Lines of the matrix beside those of its rows."""
_LEAST_ABOVE, _LEAST_BELOW = 6, 9
_MOST_BELOW, _SHARE_BELOW, _WANTED_BELOW = 0.7, 0.5, 0.6
"""The largest part of the room that the traversals take by themselves, the part that larger values leave them, and
what they take when somebody asks for them."""
_MOST_LINES = 4
"""Lines of a value at its largest."""
_TALL, _VERDICT, _TALL_VERDICT, _MOST_VERDICT = 30, 4, 6, 8


def verdict_lines(height: int, rows: int) -> int:
    """The most lines of the verdict on a screen of so many lines, with so many runs in the ranking."""
    left = height - _AROUND - max(rows + _BESIDE_ROWS, _LEAST_ABOVE)
    return max(_TALL_VERDICT if height >= _TALL else _VERDICT, min(left, _MOST_VERDICT))


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
        return max(min(max(int(room * _WANTED_BELOW), _LEAST_BELOW), room - _LEAST_ABOVE), 0)
    above = max(rows + _BESIDE_ROWS, _LEAST_ABOVE)
    if room - above < _LEAST_BELOW:
        return 0
    # Larger values, as long as the traversals keep their share.
    lines = max((room - int(room * _SHARE_BELOW) - _BESIDE_ROWS) // max(rows, 1), 1)
    above = max(above, min(lines, _MOST_LINES) * rows + _BESIDE_ROWS)
    below = min(max(room - above, _LEAST_BELOW), int(room * _MOST_BELOW))
    return below if below >= _LEAST_BELOW else 0
