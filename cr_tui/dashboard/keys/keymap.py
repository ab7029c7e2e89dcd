"""Every key of the dashboard in one table; bindings, footer, help and command palette are made from it.

A screen brings its own keys, in ``keys.py`` of its folder. What works in several places, and the keys that lead to
screens, stand here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from textual.binding import Binding, BindingType

from cr_tui.dashboard.keys.key import Key
from cr_tui.dashboard.screens import SCREENS

_SHARED_PLACES = {
    "table": "In every table",
    "form": "In the form for new runs",
    "field": "While a value is typed there",
    "ranking": "In the form for a ranking",
    "dialog": "In a question",
    "list": "In a list to choose from",
    "labels": "While tags and a note are written",
    "help": "In this help",
    "everywhere": "Everywhere",
}

_SHARED_KEYS = (
    Key("j,down", "cursor_down", "Down", "go down", "table", footer=False, palette=False),
    Key("k,up", "cursor_up", "Up", "go up", "table", footer=False, palette=False),
    Key("ctrl+d,pagedown", "page_down", "Page down", "go down by a page", "table", "^d", False, palette=False),
    Key("ctrl+u,pageup", "page_up", "Page up", "go up by a page", "table", "^u", False, palette=False),
    Key("g,home", "scroll_top", "Top", "go to the top", "table", footer=False, palette=False),
    Key("G,end", "scroll_bottom", "Bottom", "go to the bottom", "table", footer=False, palette=False),
    Key("ctrl+s", "submit", "Start", "start what the form says, in the background", "form", "^s", changes=True),
    Key("enter", "edit", "Edit", "type a value; several, by commas: a run each", "form", "⏎", palette=False),
    Key("space,l,right", "next_choice", "Next", "take the next value, where they can be listed", "form", "␣"),
    Key("h,left", "previous_choice", "Previous", "take the previous value", "form", footer=False, palette=False),
    Key("x,backspace,delete", "reset", "Default", "leave this setting to the preset again", "form"),
    Key("a", "advanced", "All", "show every setting, or only the common ones", "form"),
    Key("slash", "filter", "Filter", "show settings whose name or meaning has this", "form", "/"),
    Key("c", "copy", "Copy", "copy the command line that does the same", "form"),
    Key("escape", "back", "Back", "leave the form", "form", "esc", palette=False),
    Key("enter", "keep", "Keep", "keep the value", "field", "⏎", palette=False),
    Key("tab,down", "next", "Next", "keep it and type the next one", "field", "⇥", palette=False),
    Key("shift+tab,up", "previous", "Previous", "keep it, type the one before", "field", footer=False, palette=False),
    Key("right", "right_or_default", "Take", "in an empty box: take over what the preset says", "field", "→", False),
    Key("escape", "undo", "Undo", "leave the value as it was", "field", "esc", palette=False),
    Key("ctrl+s", "submit", "Start", "rank in the background", "ranking", "^s", changes=True),
    Key("escape", "cancel", "Leave", "leave the form", "ranking", "esc", palette=False),
    Key("h,l,left,right", "other_answer", "Other", "go to the other answer", "dialog", palette=False),
    Key("enter", "answer", "Answer", "take the answer that stands out", "dialog", "⏎", palette=False),
    Key("y", "confirm", "Yes", "do it", "dialog", palette=False),
    Key("n,escape", "cancel", "No", "leave everything as it is", "dialog", palette=False),
    Key("down", "cursor_down", "Down", "go down", "list", "↓", palette=False),
    Key("up", "cursor_up", "Up", "go up", "list", "↑", palette=False),
    Key("pagedown", "page_down", "Page down", "go down by a page", "list", palette=False),
    Key("pageup", "page_up", "Page up", "go up by a page", "list", palette=False),
    Key("enter", "take", "Take", "take this line", "list", "⏎", palette=False),
    Key("escape", "leave", "Leave", "leave the list", "list", "esc", palette=False),
    Key("enter", "keep", "Keep", "keep tags and note", "labels", "⏎", palette=False),
    Key("tab", "app.focus_next", "Other", "go to the other line", "labels", "⇥", palette=False),
    Key("escape", "leave", "Leave", "leave them as they were", "labels", "esc", palette=False),
    Key("escape,q,question_mark,f1", "dismiss", "Close", "close the help", "help", "esc", palette=False),
)

_EVERYWHERE = (
    Key(
        "T",
        "next_look",
        "Theme",
        "dark, light, high contrast, colour-blind-safe",
        "everywhere",
        "",
        False,
        palette=False,
    ),
    Key("ctrl+z", "suspend_process", "Suspend", "back to the shell; fg brings crtui back", "everywhere", "^z", False),
    Key("question_mark,f1", "help", "Help", "show all keys", "everywhere", "?"),
    Key("q", "quit", "Quit", "leave; runs go on", "everywhere"),
)


def _places() -> dict[str, str]:
    places: dict[str, str] = {}
    for entry in SCREENS:
        places |= {entry.place: entry.title, **getattr(entry.load_keys(), "INNER_PLACES", {})}
    return places | _SHARED_PLACES


def _keys() -> tuple[Key, ...]:
    own = [key for entry in SCREENS for key in entry.load_keys().KEYS]
    ways = [
        Key(entry.key, f"go('{entry.place}')", entry.title, entry.help, "everywhere", footer=False) for entry in SCREENS
    ]
    return (*own, *_SHARED_KEYS, *ways, *_EVERYWHERE)


PLACE_TITLES: dict[str, str] = _places()
"""Where keys work, with a title for readers: the screens and places inside them, then what several of them have."""

KEYS: tuple[Key, ...] = _keys()
"""Every key. Those of a place stand in the order in which help and footer list them."""

CHANGING_ACTIONS = frozenset(key.action for key in KEYS if key.changes)
"""Actions that read-only mode withholds."""


def bindings(place: str) -> list[BindingType]:
    """The bindings of a place, each with an id, in the order of the table."""
    return [
        Binding(key.keys, key.action, key.label, show=key.footer, key_display=key.display, id=key.id, tooltip=key.help)
        for key in KEYS
        if key.place == place
    ]


def keys_of(places: Iterable[str], read_only: bool) -> Iterator[Key]:
    """The keys that work in some places; without those that change anything if ``read_only``."""
    wanted = set(places)
    return (key for key in KEYS if key.place in wanted and not (read_only and key.changes))
