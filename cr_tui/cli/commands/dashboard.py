"""``crtui dashboard``: the full-screen view of a store."""

from __future__ import annotations

from typing import Annotated

import typer

from cr_tui.cli.completion import complete_group
from cr_tui.cli.invocation import ImagesOption, invocation_of
from engine.errors import InputError

SHORTEST_REFRESH = 0.1
LONGEST_REFRESH = 3600.0


def dashboard(
    context: typer.Context,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Withhold every action that changes anything.")
    ] = False,
    refresh: Annotated[float, typer.Option(metavar="SECONDS", help="Between two looks at the runs.")] = 1.0,
    group: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Show only the runs of a group at first.", autocompletion=complete_group),
    ] = None,
    images: ImagesOption = None,
) -> None:
    """Watch, start and compare runs in the terminal.

    Closing it stops nothing.
    """
    from cr_tui.dashboard import run

    if not SHORTEST_REFRESH <= refresh <= LONGEST_REFRESH:
        raise InputError(f"--refresh takes {SHORTEST_REFRESH} to {LONGEST_REFRESH:.0f} seconds, not {refresh}")
    run(invocation_of(context).open_store(writing=not read_only), read_only, refresh, group, images)
