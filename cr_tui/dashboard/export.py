"""The numbers that charts show, written to a file."""

from __future__ import annotations

import csv
import io
import math
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
from PIL import Image

from cr_tui.dashboard.groups import ShownRun, title_of
from cr_tui.dashboard.history import Axis, ScalarKey
from cr_tui.dashboard.scene import Scene
from cr_tui.render.chart_picture import chart_picture
from engine.errors import InputError, WorkError
from engine.runs.store import replace_file

_HEADER = ("run", "name", "scalar", "step", "seconds", "value", "smoothed")
_Row = tuple[str, str, str, int, float, float, float | None]
Rows = Iterator[_Row]
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
_MOST_TRIES = 100


def shown_rows(
    runs: Sequence[ShownRun],
    keys: Sequence[ScalarKey],
    axis: Axis = "step",
    span: tuple[float, float] | None = None,
) -> Rows:
    """Every point inside a stretch of the x axis: run, name, scalar, step, seconds, value, moving average."""
    for key in keys:
        for run in runs:
            track = run.feed.tracks.get(key)
            if track is None:
                continue
            x = track.along(axis)
            first, last = (0, len(x)) if span is None else np.searchsorted(x, [span[0], np.nextafter(span[1], np.inf)])
            smoothed = run.feed.smoothed.get(key)
            for at in range(int(first), int(last)):
                average = None if smoothed is None or at >= len(smoothed.values) else float(smoothed.values[at])
                value = float(track.levels.values[at])
                yield run.id, run.name, title_of(key), int(track.steps[at]), float(track.seconds[at]), value, average


def as_csv(rows: Rows) -> bytes:
    """Rows below a header; what is not finite is ``NaN``, ``Infinity`` or ``-Infinity``."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    for row in rows:
        writer.writerow([*map(guarded, row[:3]), *(_written(value) for value in row[3:])])
    return text.getvalue().encode("utf-8", "backslashreplace")


def as_json(rows: Rows) -> bytes:
    """A list of objects; what is not finite is one of the strings ``NaN``, ``Infinity`` and ``-Infinity``."""
    listed = [_object(row) for row in rows]
    return orjson.dumps(listed, option=orjson.OPT_INDENT_2)


def as_png(scene: Scene, key: ScalarKey) -> bytes:
    """One chart as a picture, its legend with the names of the runs."""
    names = {run.colour: run.name for run in scene.runs}
    picture = chart_picture(
        [replace(line, name=names.get(line.colour, "")) if line.colour else line for line in scene.lines(key)],
        title_of(key),
        log_y=scene.style.log_y,
        window=scene.shown,
        x_kind="number" if scene.style.axis == "step" else "duration",
    )
    content = io.BytesIO()
    Image.fromarray(picture).save(content, format="PNG", optimize=True)
    return content.getvalue()


def new_file(folder: Path, subject: str, suffix: str) -> Path:
    """A file name that is not taken: ``crtui-<subject>-<date>-<time>.<suffix>``.

    Raises:
        InputError: the folder cannot be written.
    """
    stem = f"crtui-{_UNFIT.sub('-', subject).strip('-')[:60] or 'charts'}-{time.strftime('%Y%m%d-%H%M%S')}"
    for number in range(1, _MOST_TRIES):
        path = folder / (f"{stem}.{suffix}" if number == 1 else f"{stem}-{number}.{suffix}")
        if not path.exists():
            return path
    raise InputError(f"{folder} has too many exports of this second; try again")


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        InputError: the folder cannot be written.
        WorkError: the disk refused.
    """
    try:
        replace_file(path, content)
    except WorkError as error:
        if isinstance(error.__cause__, PermissionError | FileNotFoundError):
            raise InputError(f"cannot write '{path}'; start crtui in a folder that can be written") from error
        raise


def _object(row: _Row) -> dict[str, object]:
    texts = (text.encode("utf-8", "backslashreplace").decode() for text in row[:3])
    return dict(zip(_HEADER, (*texts, *map(_written, row[3:])), strict=True))


def _written(value: float | None) -> float | str | None:
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def guarded(text: str) -> str:
    """Text of which a spreadsheet does not make a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
