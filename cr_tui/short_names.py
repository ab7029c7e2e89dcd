"""Shortens the names of runs so that they can still be told apart.

Names of a sweep are alike for most of their length and differ near their end, where cutting hurts most. So what all
names share is left out first, and ``…`` stands for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise

from rich.cells import cell_len

from cr_tui.text import ELLIPSIS, clean

_PARTS = re.compile(r"[\W_]*(?:\d+(?:\.\d+)*|[^\W\d_]+)|[\W_]+")
"""A word or a number with the separators before it: ``infogan-cr_lr=0.01`` is ``infogan -cr _lr =0.01``."""
_SEPARATORS = re.compile(r"\A[\W_]+")


def short_names(names: Sequence[str], width: int, groups: Sequence[str] | None = None) -> list[str]:
    """Names as they stand side by side in a column, a legend or a matrix.

    A name that fits stays as it is. Of a longer name, the words and numbers stay in which it differs from another name
    of the list, then all after them, if that fits, then as many of the words before them as fit. So names of one form
    are shortened to one form. If not even the words that differ fit, the middle is cut.

    Args:
        names: of runs, in any order; control characters are made visible.
        width: the most terminal cells of a result.
        groups: of the same runs; where two runs of different groups have the same name, ``group/`` is put before it.

    Returns:
        A short name for each name, each at most ``width`` cells. Names that differ give results that differ, as far as
        the width allows it.

    Raises:
        ValueError: there are not as many groups as names.
    """
    shortener = Shortener(names, groups)
    return [shortener.short(number, width) for number in range(len(names))]


class Shortener:
    """Shortens as :func:`short_names` does, each name when it is asked for: of thousands few are on a screen.

    Args:
        names: of runs, in any order.
        groups: of the same runs, for those whose names clash.

    Raises:
        ValueError: there are not as many groups as names.
    """

    def __init__(self, names: Sequence[str], groups: Sequence[str] | None = None) -> None:
        self._full = _with_groups([clean(name) for name in names], groups)

    @property
    def full(self) -> Sequence[str]:
        """The names at full length, with their groups where they clash."""
        return self._full

    def short(self, number: int, width: int) -> str:
        """A name in at most ``width`` cells, by its place in the list."""
        name = self._full[number]
        return name if cell_len(name) <= width else _shortened(name, self._branches[name], width)

    @cached_property
    def _branches(self) -> dict[str, set[int]]:
        return _branches(sorted(set(self._full)))


def cut_in_the_middle(text: str, width: int) -> str:
    """The text's beginning and end around ``…``, in at most ``width`` cells; the text itself if it fits."""
    if cell_len(text) <= width:
        return text
    if width < 1:
        return ""
    room = width - 1
    head = _head(text, (room + 1) // 2)
    tail = _head(text[::-1], room - cell_len(head))[::-1]
    while tail and not cell_len(tail[0]):
        # A combining mark must not stand on the ellipsis.
        tail = tail[1:]
    return f"{head.rstrip(ELLIPSIS)}{ELLIPSIS}{tail.lstrip(ELLIPSIS)}"


def _with_groups(names: list[str], groups: Sequence[str] | None) -> list[str]:
    if groups is None:
        return names
    owners: dict[str, set[str]] = {}
    for name, group in zip(names, groups, strict=True):
        owners.setdefault(name, set()).add(group)
    return [
        f"{clean(group)}/{name}" if group and len(owners[name]) > 1 else name
        for name, group in zip(names, groups, strict=True)
    ]


def _branches(ordered: Sequence[str]) -> dict[str, set[int]]:
    """At which characters each name parts from another one.

    Names that part from a name late stand next to it in the order, so that one walk in each direction finds all.
    """
    shared = [_shared_length(*pair) for pair in pairwise(ordered)]
    found: dict[str, set[int]] = {name: set() for name in ordered}
    for walk, lengths in ((ordered, shared), (ordered[::-1], shared[::-1])):
        path: list[int] = []
        for name, length in zip(walk[1:], lengths, strict=True):
            while path and path[-1] > length:
                path.pop()
            if not path or path[-1] < length:
                path.append(length)
            found[name].update(path)
    return found


def _shared_length(one: str, other: str) -> int:
    """How many characters two names share at their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (here, there) in pairs if here != there), min(len(one), len(other)))


def _shortened(name: str, branches: Iterable[int], width: int) -> str:
    parts = _PARTS.findall(name)
    starts = [sum(map(len, parts[:number])) for number in range(len(parts))]
    # A name that is the beginning of another parts from it behind its last character.
    kept = {max(number for number, start in enumerate(starts) if start <= at) for at in branches} or {len(parts) - 1}
    if cell_len(_joined(parts, kept)) > width:
        return cut_in_the_middle(_joined(parts, kept), width)
    to_the_end = kept | set(range(max(kept), len(parts)))
    if cell_len(_joined(parts, to_the_end)) <= width:
        kept = to_the_end
    for number in reversed(range(len(parts))):
        if number + 1 in kept and cell_len(_joined(parts, kept | {number})) <= width:
            kept.add(number)
    for number in range(len(parts)):
        if cell_len(_joined(parts, kept | {number})) > width:
            break
        kept.add(number)
    return _joined(parts, kept)


def _joined(parts: Sequence[str], kept: set[int]) -> str:
    """The kept parts, with an ellipsis for each stretch that is left out."""
    text, left_out = "", False
    for number, part in enumerate(parts):
        if number not in kept:
            left_out = True
        elif left_out:
            text, left_out = f"{text}{ELLIPSIS}{_SEPARATORS.sub('', part, count=1) or part}", False
        else:
            text += part
    return text + ELLIPSIS if left_out else text


def _head(text: str, cells: int) -> str:
    taken = 0
    for at, character in enumerate(text):
        taken += cell_len(character)
        if taken > cells:
            return text[:at]
    return text
