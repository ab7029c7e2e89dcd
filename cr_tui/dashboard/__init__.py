"""The full-screen view of a store: watch runs, start and stop them, choose a model, look at its codes."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from cr_tui.dashboard import garbage_collection
from engine.errors import InputError

if TYPE_CHECKING:
    from cr_tui.dashboard.model.data import Source
    from engine.remote.connection import Connection
    from engine.storage.store import Store

_SWITCH_SECONDS = 0.001


def run(
    store: Store | Connection, read_only: bool, refresh: float, group: str | None = None, images: str | None = None
) -> None:
    """Show the dashboard until it is closed. Runs go on without it.

    Args:
        store: what to show; a store on another machine by the connection to it, which is opened here.
        read_only: withhold every action that changes anything.
        refresh: seconds between two looks at the runs.
        group: show only the runs of this group at first.
        images: how to show images, one of :data:`cr_tui.render.images.image_modes.CHOICES`; None for ``$CRTUI_IMAGES``.

    Raises:
        InputError: ``images`` or ``$CRTUI_IMAGES`` names no way to show images, or one of the standard streams is not
            a terminal. Nothing has been written to the terminal then.
    """
    # Textual reads from standard input and writes to standard error.
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise InputError("the dashboard needs a terminal; use 'crtui runs list' in scripts and pipes")
    from cr_tui.render.images.image_modes import ImageQuestion
    from engine.storage.store import Store

    if not isinstance(store, Store):
        # First, because SSH may ask for a password.
        print(f"connecting to {store.store.host} …", file=sys.stderr, flush=True)
        store.open()
    # The terminal prepares its answer while everything is imported.
    with ImageQuestion(images, sys.stdin.fileno(), sys.stdout.fileno()) as question:
        from cr_tui.dashboard.app import Dashboard
        from cr_tui.dashboard.keys import pasted
        from cr_tui.dashboard.model.view_state import default_path
        from cr_tui.render.images import graphics

        found = question.answer()
    graphics.prepare(found.mode, found.cell)
    if found.mode == "kitty":
        # Kitty pictures are named by 24-bit colours, which every terminal with Kitty pictures can show.
        os.environ["COLORTERM"] = "truecolor"

    # How long a thread that parses may keep the interpreter: drawing waits no longer than this.
    sys.setswitchinterval(_SWITCH_SECONDS)
    garbage_collection.take_over()
    pasted.guard()
    dashboard = Dashboard(
        _source(store, refresh),
        read_only=read_only,
        refresh_seconds=refresh,
        group=group,
        images=found,
        state_path=default_path(),
    )
    dashboard.run()
    if dashboard.return_code:
        # Textual has shown what went wrong, and put the terminal right.
        raise SystemExit(dashboard.return_code)


def _source(store: Store | Connection, refresh: float) -> Source:
    from cr_tui.dashboard.far.source import FarSource
    from cr_tui.dashboard.store.source import StoreSource
    from engine.storage.store import Store

    return StoreSource(store) if isinstance(store, Store) else FarSource(store, refresh)
