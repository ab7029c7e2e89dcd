"""The dashboard's colours, all of them members of the 256-colour cube, so that both colour depths look alike."""

from __future__ import annotations

from textual.theme import Theme

THEME = Theme(
    name="crtui",
    primary="#87afd7",
    secondary="#5f87af",
    accent="#ffaf5f",
    success="#87af87",
    warning="#d7af5f",
    error="#d75f5f",
    foreground="#d0d0d0",
    background="#121212",
    surface="#1c1c1c",
    panel="#262626",
    dark=True,
    variables={
        "footer-key-foreground": "#87afd7",
        "footer-description-foreground": "#a8a8a8",
        "footer-background": "#1c1c1c",
        "block-cursor-background": "#3a3a3a",
        "block-cursor-foreground": "#eeeeee",
        "block-cursor-blurred-background": "#303030",
        "block-cursor-blurred-foreground": "#d0d0d0",
        "block-cursor-text-style": "none",
        "border": "#5f87af",
        "border-blurred": "#303030",
        "scrollbar": "#3a3a3a",
        "scrollbar-hover": "#585858",
        "scrollbar-active": "#5f87af",
        "scrollbar-background": "#1c1c1c",
        "scrollbar-background-hover": "#1c1c1c",
        "scrollbar-background-active": "#1c1c1c",
        "scrollbar-corner-color": "#1c1c1c",
    },
)

FAINT = "#8a8a8a"
"""Secondary text; readable on dark and light."""

STATUS_LOOKS: dict[str, tuple[str, str]] = {
    "queued": ("○", "#8a8a8a"),
    "running": ("●", "#5fafd7"),
    "finished": ("✓", "#87af87"),
    "stopped": ("■", "#a8a8a8"),
    "failed": ("✗", "#d75f5f"),
    "crashed": ("†", "#d75f5f"),
    "stalled": ("◌", "#d7af5f"),
}
"""Glyph and colour of each status; the word always stands beside them, so that neither is needed to understand it."""
