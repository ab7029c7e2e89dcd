"""On what a run was computed: a note in its event log. The same seed gives other numbers on another processor."""

from __future__ import annotations

from engine.runs.events import read_events
from engine.runs.folder import RunFolder

_BEGINNING = "computed by "


def computed_by_note(processor: str, torch_version: str) -> str:
    """The text of the note."""
    return f"{_BEGINNING}{processor} with PyTorch {torch_version}"


def computed_by(folder: RunFolder) -> list[str]:
    """Processor and PyTorch of the attempts of a run, each once, the earliest first; none for runs of version 0.1."""
    rows = read_events(folder.events_path, kinds=("note",)).rows
    texts = [str(row.get("text", "")) for row in rows]
    return list(dict.fromkeys(text.removeprefix(_BEGINNING) for text in texts if text.startswith(_BEGINNING)))
