"""Every key of the dashboard in one table; bindings, footer, help and command palette are made from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding, BindingType

Place = Literal["everywhere", "runs", "selection", "inspect", "table", "form", "dialog", "help"]
"""Where a key works: on every screen, on one of them, in tables, in the form for new runs, in questions, in help."""

PLACE_TITLES: dict[Place, str] = {
    "runs": "Runs",
    "selection": "Selection",
    "inspect": "Inspect",
    "table": "In every table",
    "form": "In the form for new runs",
    "dialog": "In a question",
    "help": "In this help",
    "everywhere": "Everywhere",
}


@dataclass(frozen=True)
class Key:
    """One key and what it does.

    Args:
        keys: Textual's names of the keys, comma-separated; the first is the one shown.
        action: the action it dispatches; with the place it makes the key's id.
        label: one word for the footer.
        help: what it does, for help and palette.
        place: where it works.
        shown: how the key is written for readers; Textual's name when empty.
        footer: whether the footer lists it.
        changes: whether it changes anything on disk, so that read-only mode withholds it.
        palette: whether the command palette offers it.
    """

    keys: str
    action: str
    label: str
    help: str
    place: Place
    shown: str = ""
    footer: bool = True
    changes: bool = False
    palette: bool = True

    @property
    def id(self) -> str:
        """The name by which a user's configuration can give it another key."""
        return f"{self.place}.{self.action}"

    @property
    def display(self) -> str:
        """The first key as readers know it."""
        return self.shown or self.keys.partition(",")[0]


KEYS: tuple[Key, ...] = (
    Key("n", "new_run", "New", "start new runs", "runs", changes=True),
    Key("s", "stop_run", "Stop", "stop the run after a checkpoint", "runs", changes=True),
    Key("r", "resume_run", "Resume", "go on from the newest checkpoint", "runs", changes=True),
    Key("d", "delete_run", "Delete", "delete the run and its folder", "runs", footer=False, changes=True),
    Key("m", "open_selection", "Matrix", "rank the run's group without labels", "runs"),
    Key("t,enter", "open_inspect", "Traverse", "see what each latent code does", "runs"),
    Key("slash", "filter", "Filter", "show only some: text, status:f, score.mig>0.2", "runs", "/"),
    Key("o", "sort_next", "Sort", "sort by the next column", "runs", footer=False),
    Key("O", "sort_reverse", "Reverse", "turn the order round", "runs", footer=False),
    Key("v", "next_view", "View", "charts, more charts, log of the run", "runs"),
    Key("escape", "clear_filter", "Clear filter", "show all runs again", "runs", "esc", palette=False),
    Key("c", "compute", "Compute", "rank the group in a background process", "selection", changes=True),
    Key("right_square_bracket,l", "next_group", "Next", "show the next group", "selection", "]"),
    Key("left_square_bracket,h", "previous_group", "Previous", "show the previous group", "selection", "["),
    Key("t,enter", "open_inspect", "Traverse", "see what each latent code does", "selection"),
    Key("escape", "back", "Back", "go back", "selection", "esc", palette=False),
    Key("space,n", "resample", "Resample", "hold another random draw", "inspect"),
    Key("plus,equals_sign", "more_steps", "More", "take more steps along each code", "inspect", "+"),
    Key("minus", "fewer_steps", "Fewer", "take fewer steps along each code", "inspect", "-"),
    Key("R", "reload", "Reload", "read the newest checkpoint again", "inspect"),
    Key("escape", "back", "Back", "go back", "inspect", "esc", palette=False),
    Key("j", "cursor_down", "Down", "go down (or arrow)", "table", footer=False, palette=False),
    Key("k", "cursor_up", "Up", "go up (or arrow)", "table", footer=False, palette=False),
    Key("g", "scroll_top", "Top", "go to the top", "table", footer=False, palette=False),
    Key("G", "scroll_bottom", "Bottom", "go to the bottom", "table", footer=False, palette=False),
    Key("ctrl+s", "submit", "Start", "start what the form says", "form", "^s", palette=False),
    Key("escape", "cancel", "Cancel", "leave the form", "form", "esc", palette=False),
    Key("y", "confirm", "Yes", "do it", "dialog", palette=False),
    Key("n,escape", "cancel", "No", "leave everything as it is", "dialog", palette=False),
    Key("escape,q,question_mark,f1", "dismiss", "Close", "close the help", "help", "esc", palette=False),
    Key("question_mark,f1", "help", "Help", "show all keys", "everywhere", "?"),
    Key("q", "quit", "Quit", "leave; runs go on", "everywhere"),
)

CHANGING_ACTIONS = frozenset(key.action for key in KEYS if key.changes)


def bindings(place: Place) -> list[BindingType]:
    """The bindings of a place, each with an id, in the order of the table."""
    return [
        Binding(key.keys, key.action, key.label, show=key.footer, key_display=key.display, id=key.id, tooltip=key.help)
        for key in KEYS
        if key.place == place
    ]


def keys_of(places: Iterable[Place], read_only: bool) -> Iterator[Key]:
    """The keys that work in some places; without those that change anything if ``read_only``."""
    wanted = set(places)
    return (key for key in KEYS if key.place in wanted and not (read_only and key.changes))
