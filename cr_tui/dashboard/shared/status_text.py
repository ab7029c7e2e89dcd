"""A run's status, as tables and headlines write it."""

from __future__ import annotations

from rich.text import Text

from cr_tui.dashboard.model.data import LIVE_STATUSES, Run
from cr_tui.dashboard.theme import DARK, Look
from cr_tui.text import clean


def status_text(run: Run, look: Look = DARK) -> Text:
    """Glyph and word of a run's status; ``stalled`` for a live run whose heartbeat is overdue."""
    word = "stalled" if run.stalled and run.status in LIVE_STATUSES else run.status
    glyph, colour = look.statuses.get(word, ("?", look.faint))
    return Text(f"{glyph} {clean(word, 12)}", style=colour)
