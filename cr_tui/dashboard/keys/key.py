"""One key of the dashboard and what it does."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Key:
    """One key and what it does.

    Args:
        keys: Textual's names of the keys, comma-separated; the first is the one shown.
        action: the action it dispatches; with the place it makes the key's id.
        label: one word for the footer.
        help: what it does, for help and palette.
        place: where it works: a screen, or one of the places in :mod:`cr_tui.dashboard.keys.keymap`.
        shown: how the key is written for readers; Textual's name when empty.
        footer: whether the footer lists it.
        changes: whether it changes anything on disk, so that read-only mode withholds it.
        palette: whether the command palette offers it.
    """

    keys: str
    action: str
    label: str
    help: str
    place: str
    shown: str = ""
    footer: bool = True
    changes: bool = False
    palette: bool = True

    @property
    def id(self) -> str:
        """Place and action in one word: the name by which a user's configuration can give it another key."""
        action = "_".join(re.findall(r"\w+", self.action))
        return f"{self.place}.{action}"

    @property
    def display(self) -> str:
        """The first key as readers know it."""
        return self.shown or self.keys.partition(",")[0]
