"""``crtui far-side``: answers a crtui of another machine, which started it by SSH. Not for people."""

from __future__ import annotations

import typer

from cr_tui.cli.invocation import invocation_of
from engine.errors import InputError


def far_side(context: typer.Context) -> None:
    """Answer the crtui that started this by SSH."""
    from engine.remote.answering import FarSide, own_streams
    from engine.remote.room import Room

    invocation = invocation_of(context)
    if invocation.far is not None:
        raise InputError("this machine's store must be a folder of its own, not one of another machine")
    if invocation.store_path is not None and not invocation.store_path.expanduser().is_dir():
        raise InputError(f"there is no store '{invocation.store_path}'; 'crtui train' makes one")
    store = invocation.open_store()
    far_side = FarSide(*own_streams())
    far_side.greet()
    # After the greeting, so that both machines import at the same time.
    from cr_tui.dashboard.far.answers import DashboardAnswers

    room = Room(far_side.pace)
    try:
        far_side.serve({**room.questions, **DashboardAnswers(store, far_side).questions})
    finally:
        room.close()
