"""The dashboard's colours: members of the 256-colour cube or its greys, so that both colour depths look alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from textual.app import App
from textual.theme import Theme

from cr_tui.render.cells import Rgb
from cr_tui.render.curves.chart import Ink
from cr_tui.render.palette import CATEGORIES


@dataclass(frozen=True)
class Look:
    """A theme: the colours of what is drawn by hand, and Textual's theme for the rest.

    Args:
        theme: for what Textual draws.
        faint: secondary text.
        heading: titles.
        key: keys in help, and the first of a ranking.
        alert: warnings.
        statuses: glyph and colour of each status. The word always stands beside them, so that nobody needs to see
            colours or to know the glyphs.
        runs: colours of runs, distinct in 256 colours and on this background.
    """

    theme: Theme
    faint: str
    heading: str
    key: str
    alert: str
    statuses: Mapping[str, tuple[str, str]]
    runs: tuple[Rgb, ...]

    @property
    def error(self) -> str:
        """Colour of errors."""
        return self.statuses["failed"][1]

    @property
    def strong(self) -> str:
        """Colour of emphasised text."""
        return self.theme.foreground or "#ffffff"

    @property
    def background(self) -> str:
        """Colour of the background."""
        return self.theme.background or "#000000"

    @property
    def ink(self) -> Ink:
        """The colours of charts."""
        return Ink(rgb(self.faint), rgb(self.background), rgb(self.heading), rgb(self.strong))


def rgb(colour: str) -> Rgb:
    """The channels of ``#rrggbb``."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _theme(name: str, dark: bool, greys: Mapping[str, str], hues: Mapping[str, str]) -> Theme:
    return Theme(
        name=name,
        primary=hues["heading"],
        secondary=hues["border"],
        accent=hues["key"],
        success=hues["finished"],
        warning=hues["alert"],
        error=hues["failed"],
        foreground=greys["text"],
        background=greys["background"],
        surface=greys["surface"],
        panel=greys["panel"],
        dark=dark,
        variables={
            "footer-key-foreground": hues["heading"],
            "footer-description-foreground": greys["faint"],
            "footer-background": greys["surface"],
            "block-cursor-background": greys["cursor"],
            "block-cursor-foreground": greys["strong"],
            "block-cursor-blurred-background": greys["panel"],
            "block-cursor-blurred-foreground": greys["text"],
            "block-cursor-text-style": "none",
            "border": hues["border"],
            "border-blurred": greys["cursor"],
            "scrollbar": greys["cursor"],
            "scrollbar-hover": greys["faint"],
            "scrollbar-active": hues["border"],
            "scrollbar-background": greys["surface"],
            "scrollbar-background-hover": greys["surface"],
            "scrollbar-background-active": greys["surface"],
            "scrollbar-corner-color": greys["surface"],
        },
    )


_GLYPHS = {
    "queued": "○",
    "running": "●",
    "finished": "✓",
    "stopped": "■",
    "failed": "✗",
    "crashed": "†",
    "stalled": "◌",
}


def _look(
    name: str, greys: Mapping[str, str], hues: Mapping[str, str], runs: tuple[Rgb, ...], *, dark: bool = True
) -> Look:
    colours = {
        "queued": greys["faint"],
        "running": hues["running"],
        "finished": hues["finished"],
        "stopped": greys["faint"],
        "failed": hues["failed"],
        "crashed": hues["failed"],
        "stalled": hues["alert"],
    }
    statuses = {status: (glyph, colours[status]) for status, glyph in _GLYPHS.items()}
    theme = _theme(name, dark, greys, hues)
    return Look(theme, greys["faint"], hues["heading"], hues["key"], hues["alert"], statuses, runs)


_DARK_GREYS = {
    "background": "#121212",
    "surface": "#1c1c1c",
    "panel": "#262626",
    "cursor": "#3a3a3a",
    "faint": "#8a8a8a",
    "text": "#d0d0d0",
    "strong": "#eeeeee",
}

DARK = _look(
    "crtui",
    _DARK_GREYS,
    {
        "heading": "#87afd7",
        "border": "#5f87af",
        "key": "#ffaf5f",
        "alert": "#d7af5f",
        "running": "#5fafd7",
        "finished": "#87af87",
        "failed": "#d75f5f",
    },
    (
        *CATEGORIES[:-1],
        (135, 215, 95),
        (255, 95, 135),
        (175, 95, 255),
        (175, 255, 255),
        (175, 135, 95),
    ),
)

LIGHT = _look(
    "crtui-light",
    {
        "background": "#ffffff",
        "surface": "#eeeeee",
        "panel": "#e4e4e4",
        "cursor": "#d0d0d0",
        "faint": "#626262",
        "text": "#303030",
        "strong": "#121212",
    },
    {
        "heading": "#005f87",
        "border": "#5f87af",
        "key": "#875f00",
        "alert": "#875f00",
        "running": "#005faf",
        "finished": "#005f5f",
        "failed": "#af0000",
    },
    (
        (0, 95, 175),
        (215, 95, 0),
        (0, 135, 95),
        (175, 0, 135),
        (0, 0, 0),
        (135, 95, 0),
        (95, 0, 215),
        (215, 0, 0),
        (0, 135, 175),
        (255, 0, 135),
        (95, 135, 0),
        (95, 95, 135),
    ),
    dark=False,
)

HIGH_CONTRAST = _look(
    "crtui-high-contrast",
    {
        "background": "#000000",
        "surface": "#000000",
        "panel": "#1c1c1c",
        "cursor": "#444444",
        "faint": "#d0d0d0",
        "text": "#ffffff",
        "strong": "#ffffff",
    },
    {
        "heading": "#5fd7ff",
        "border": "#ffffff",
        "key": "#ffd700",
        "alert": "#ffd700",
        "running": "#5fd7ff",
        "finished": "#5fff5f",
        "failed": "#ff8787",
    },
    (
        (95, 215, 255),
        (255, 215, 0),
        (255, 0, 215),
        (0, 175, 0),
        (255, 95, 0),
        (0, 255, 0),
        (135, 135, 175),
        (255, 255, 255),
        (255, 175, 255),
        (175, 175, 95),
        (135, 255, 175),
        (0, 215, 135),
    ),
)

COLOUR_BLIND = _look(
    "crtui-colour-blind",
    _DARK_GREYS,
    {
        "heading": "#87afd7",
        "border": "#5f87af",
        "key": "#ffaf00",
        "alert": "#ffd75f",
        "running": "#5fafff",
        "finished": "#d0d0d0",
        "failed": "#ff8700",
    },
    (
        (95, 175, 215),
        (255, 175, 0),
        (255, 255, 255),
        (175, 95, 0),
        (95, 95, 215),
        (175, 215, 175),
        (255, 95, 135),
        (135, 95, 135),
    ),
)
"""Statuses in blue, grey and orange, and colours of runs that all three kinds of dichromats can tell apart."""


def _without_colours(look: Look) -> Look:
    """The same theme in greys. The grey of a red is too dark to read, so what has a colour is strong instead.

    Runs are told apart by letters and dashes.
    """
    hues = {look.heading, look.key, look.alert} | {colour for _, colour in look.statuses.values()} - {look.faint}
    statuses = {
        status: (glyph, look.strong if colour in hues else colour) for status, (glyph, colour) in look.statuses.items()
    }
    runs = (rgb(look.theme.foreground or look.strong),) * len(look.runs)
    return replace(look, heading=look.strong, key=look.strong, alert=look.strong, statuses=statuses, runs=runs)


LOOKS: dict[str, Look] = {look.theme.name: look for look in (DARK, LIGHT, HIGH_CONTRAST, COLOUR_BLIND)}
GREY_LOOKS: dict[str, Look] = {name: _without_colours(look) for name, look in LOOKS.items()}
"""The same without colours."""


def ink_of(app: App[Any]) -> Ink:
    """The colours of charts in an application's present theme; without colours, lines are told apart by patterns."""
    return replace(look_of(app).ink, patterns=app.no_color)


def look_of(app: App[Any]) -> Look:
    """How to draw by hand in an application's present theme."""
    looks = GREY_LOOKS if app.no_color else LOOKS
    return looks.get(app.theme, looks[(DARK if app.current_theme.dark else LIGHT).theme.name])
