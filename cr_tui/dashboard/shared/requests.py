"""What screens ask of the application, as messages.

They bubble up to :mod:`cr_tui.dashboard.app`, which answers them. So no screen has to import it, or another screen.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from cr_tui.dashboard.model.data import Run
from cr_tui.dashboard.model.new_runs import NewRuns


class LookRequested(Message):
    """The runs may have changed; they are to be read now, and not only at the next interval."""


class ChartsRequested(Message):
    """The curves of the marked runs, or of the one under the cursor, are to be shown."""


@dataclass
class InspectRequested(Message):
    """The codes of a run are to be shown."""

    run: Run


@dataclass
class SelectionRequested(Message):
    """The ranking of a group is to be shown: "" for runs without a group, None for the first group there is."""

    group: str | None


@dataclass
class FormRequested(Message):
    """The form for new runs is to be shown: as it was left, or with another request in it."""

    request: NewRuns | None = None
