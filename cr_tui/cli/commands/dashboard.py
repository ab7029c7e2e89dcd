"""``crtui dashboard``: the full-screen view of a store."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cr_tui.cli.completion import complete_group
from cr_tui.cli.far_calls import far_store
from cr_tui.cli.invocation import ImagesOption, invocation_of
from engine.errors import InputError

SHORTEST_REFRESH = 0.1
LONGEST_REFRESH = 3600.0
LEAST_RATE = 1000
_UNITS = {"": 1, "k": 1000, "m": 1_000_000}


def dashboard(
    context: typer.Context,
    store: Annotated[
        str | None,
        typer.Argument(
            metavar="[STORE]",
            help="The store, in place of --store: a folder, or ssh://[user@]host[:port]/path.",
            show_default=False,
        ),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Withhold every action that changes anything.")
    ] = False,
    refresh: Annotated[float, typer.Option(metavar="SECONDS", help="Between two looks at the runs.")] = 1.0,
    group: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Show only the runs of a group at first.", autocompletion=complete_group),
    ] = None,
    limit_rate: Annotated[
        str | None,
        typer.Option(metavar="BYTES", help="Most bytes a second from another machine, such as 500k; default: 4M."),
    ] = None,
    images: ImagesOption = None,
) -> None:
    """Watch, start and compare runs in the terminal.

    Closing it stops nothing. A store on another machine is reached by SSH, which needs nothing there but crtui.
    """
    from cr_tui.dashboard import run

    if not SHORTEST_REFRESH <= refresh <= LONGEST_REFRESH:
        raise InputError(f"--refresh takes {SHORTEST_REFRESH} to {LONGEST_REFRESH:.0f} seconds, not {refresh}")
    given = invocation_of(context)
    far = given.far if store is None else far_store(store)
    rate = _rate(limit_rate)
    if far is not None:
        from engine.remote.connection import Connection

        run(Connection(far, rate), read_only, refresh, group, images)
    elif limit_rate is not None:
        raise InputError("--limit-rate is for stores on other machines; leave it out")
    else:
        here = given if store is None else replace(given, store_path=Path(store))
        run(here.open_store(writing=not read_only), read_only, refresh, group, images)


def _rate(text: str | None) -> float:
    """Bytes a second.

    Raises:
        InputError: it is no number, or so low that nothing could be seen.
    """
    from engine.remote.connection import DEFAULT_RATE

    if text is None:
        return DEFAULT_RATE
    found = re.fullmatch(r"([0-9]{1,9})([kKmM]?)", text)
    rate = int(found[1]) * _UNITS[found[2].lower()] if found else 0
    if rate < LEAST_RATE:
        raise InputError(f"--limit-rate takes bytes a second from {LEAST_RATE}, such as 500k or 4M, not {text[:40]!r}")
    return rate
