"""The numbers that charts show, written to a file."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence

import numpy as np
import orjson
from PIL import Image

from cr_tui.dashboard.charts.scene import Scene
from cr_tui.dashboard.model.curves import Axis, ScalarKey, ShownRun
from cr_tui.dashboard.shared.series import title_of
from cr_tui.render.curves.chart_picture import chart_picture
from cr_tui.text import csv_rows

_HEADER = ("run", "name", "scalar", "step", "seconds", "value", "smoothed")
_Row = tuple[str, str, str, int, float, float, float | None]
Rows = Iterator[_Row]


def shown_rows(
    runs: Sequence[ShownRun],
    keys: Sequence[ScalarKey],
    axis: Axis = "step",
    span: tuple[float, float] | None = None,
) -> Rows:
    """Every value of some scalars: run, name, scalar, step, seconds, value, moving average.

    Args:
        runs: whose values.
        keys: the scalars.
        axis: what ``span`` is measured on.
        span: first and last position; None for all.
    """
    for key in keys:
        for run in runs:
            curve, smoothed = run.curves.measured.get(key), run.curves.smoothed.get(key)
            if curve is None:
                continue
            x, values = curve.along(axis), curve.values
            averages = None if smoothed is None else smoothed.values
            first, last = (0, len(x)) if span is None else np.searchsorted(x, [span[0], np.nextafter(span[1], np.inf)])
            for at in range(int(first), int(last)):
                average = None if averages is None else float(averages[at])
                step, second = int(curve.steps[at]), float(curve.seconds[at])
                yield run.id, run.name, title_of(key), step, second, float(values[at]), average


def as_csv(rows: Rows) -> bytes:
    """Rows below a header. Values that are not finite are written ``NaN``, ``Infinity`` or ``-Infinity``."""
    text = io.StringIO(newline="")
    write = csv_rows(text)
    write(_HEADER)
    for row in rows:
        write([*row[:3], *map(_written, row[3:])])
    return text.getvalue().encode()


def as_json(rows: Rows) -> bytes:
    """A list of objects. Values that are not finite are the strings ``NaN``, ``Infinity`` or ``-Infinity``."""
    listed = [_object(row) for row in rows]
    return orjson.dumps(listed, option=orjson.OPT_INDENT_2)


def as_png(scene: Scene, key: ScalarKey) -> bytes:
    """One chart as a picture, with the names of the runs in its legend."""
    picture = chart_picture(
        scene.curves(key, named=True),
        title_of(key),
        log_y=scene.style.log_y,
        window=scene.shown_of(key),
        x_kind="number" if scene.style.axis == "step" else "duration",
    )
    content = io.BytesIO()
    Image.fromarray(picture).save(content, format="PNG", optimize=True)
    return content.getvalue()


def _object(row: _Row) -> dict[str, object]:
    texts = (text.encode("utf-8", "backslashreplace").decode() for text in row[:3])
    return dict(zip(_HEADER, (*texts, *map(_written, row[3:])), strict=True))


def _written(value: float | None) -> float | str | None:
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
