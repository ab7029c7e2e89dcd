"""The full screens: a line each. The first is home; the others lie on top of it.

A line says all that the rest of the dashboard needs: keymap, help, command palette, title bar and application are made
from it. To add a screen, make a folder with

- ``screen.py``: a :class:`cr_tui.dashboard.shared.screen.DashboardScreen`, with its style in ``screen.tcss`` beside it;
- ``keys.py``: ``KEYS``, a tuple of :class:`cr_tui.dashboard.keys.key.Key`;

and add a line here.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ScreenEntry:
    """One full screen.

    Args:
        place: its name where keys are bound; ``go('<place>')`` is the action that leads there.
        key: the key that leads there from everywhere.
        title: its title in help.
        help: what is seen there, for help and command palette.
        target: ``module:class`` of the screen. The module of the first is imported when the application
            starts, those of the others when the table is there.
        tab: its name in the title bar; the title in small letters when empty.
    """

    place: str
    key: str
    title: str
    help: str
    target: str
    tab: str = ""

    @property
    def tab_title(self) -> str:
        """Its name in the title bar."""
        return self.tab or self.title.lower()

    def load(self) -> Any:
        """The class of the screen."""
        module, _, name = self.target.partition(":")
        return getattr(importlib.import_module(module), name)

    def load_keys(self) -> Any:
        """The module with its keys, which stands beside the module of the screen."""
        return importlib.import_module(f"{self.target.partition(':')[0].rpartition('.')[0]}.keys")


SCREENS = (
    ScreenEntry("runs", "1", "Runs", "all runs", "cr_tui.dashboard.runs.screen:RunsScreen"),
    ScreenEntry(
        "charts",
        "2",
        "Charts",
        "curves of the marked runs, or of this one",
        "cr_tui.dashboard.charts.screen:ChartsScreen",
    ),
    ScreenEntry(
        "selection",
        "3",
        "Selection",
        "which model to take, without labels",
        "cr_tui.dashboard.selection.screen:SelectionScreen",
        tab="select",
    ),
    ScreenEntry(
        "inspect", "4", "Inspect", "what the codes of this run do", "cr_tui.dashboard.inspect.screen:InspectScreen"
    ),
    ScreenEntry("logs", "5", "Logs", "the log of this run", "cr_tui.dashboard.logs.screen:LogsScreen"),
    ScreenEntry("system", "6", "System", "how busy this machine is", "cr_tui.dashboard.system.screen:SystemScreen"),
)
