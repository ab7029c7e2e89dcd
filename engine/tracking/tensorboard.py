"""TensorBoard: a folder with event files for each run, ``STORE/tensorboard/NAME-ID``.

Event files only grow. A file that begins with a session start at a step makes readers forget what earlier files say of
that step and later ones; so a resumed run has no step twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.runs.events import Row
from engine.storage.descriptors import make_folder, names_in
from engine.tracking.tracker import OpenRun, TrackedRun, numbers_of

PACKAGE = "tensorboard"
REWINDS = True


def place(run: TrackedRun) -> Path:
    """The folder of a run. The one above it is what ``tensorboard --logdir`` takes."""
    return run.store / "tensorboard" / run.title


def open_run(run: TrackedRun, place: Path | None) -> OpenRun:
    """Begin a new event file."""
    assert place is not None
    return _EventFile(run, place)


class _EventFile:
    def __init__(self, run: TrackedRun, folder: Path) -> None:
        from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, types_pb2
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._event, self._summary = event_pb2, summary_pb2
        for each in (folder.parent, folder):
            make_folder(each, exist_ok=True)
        new = not any("tfevents" in name for name in names_in(folder))
        self._writer: Any = EventFileWriter(str(folder))
        if new:
            text = f"```json\n{json.dumps(run.settings, indent=2)}\n```"
            value = summary_pb2.Summary.Value(
                tag="specification",
                metadata=summary_pb2.SummaryMetadata(plugin_data={"plugin_name": "text"}),
                tensor=tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=[text.encode()]),
            )
            self._add(0, time.time(), summary=summary_pb2.Summary(value=[value]))

    def rewind(self, step: int) -> None:
        started = self._event.SessionLog(status=self._event.SessionLog.START)
        self._add(step, time.time(), session_log=started)

    def write(self, rows: Sequence[Row]) -> None:
        for row in rows:
            values = [
                self._summary.Summary.Value(tag=name, simple_value=number) for name, number in numbers_of(row).items()
            ]
            self._add(row["step"], row["time"], summary=self._summary.Summary(value=values))
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()

    def _add(self, step: int, seconds: float, **content: Any) -> None:
        self._writer.add_event(self._event.Event(wall_time=seconds, step=step, **content))
