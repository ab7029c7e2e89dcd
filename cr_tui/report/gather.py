"""From runs and a selection to what stands on a report."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cr_tui.figures import drawing
from cr_tui.figures.curves import draw_curves
from cr_tui.figures.of_runs import (
    configurations_of,
    curve_panels,
    labels_of,
    matrix_figure,
    mean_and_deviation,
    ranking_figure,
    title_of,
)
from cr_tui.report.facts import Picture, Report, Table
from cr_tui.text import clean
from cr_tui.titles import SCORE_TITLES
from engine import __version__
from engine.errors import CrtuiError, InputError
from engine.runs.computed_by import computed_by
from engine.runs.specification.trees import leaves

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from engine.choosing.result import SelectionResult
    from engine.progress import PhaseProgress
    from engine.runs.catalogue import RunRecord

_TRAVERSALS = 4
_STEPS = 10
_SAMPLES = 3
_PIXELS = 64
_MOST_ROWS = 200
_DASH = "–"
_MOST_VECTOR_BYTES = 500_000
_PIXELS_PER_INCH = 96
"""Of a page; the picture itself has more, for screens that show them and for print."""


def gather(
    records: Sequence[RunRecord],
    result: SelectionResult | None,
    *,
    title: str,
    findings: Sequence[str] = (),
    notes: Sequence[str] = (),
    progress: PhaseProgress | None = None,
) -> Report:
    """Everything that can be said of some runs.

    Args:
        records: at least one.
        result: their ranking; None where there is none.
        title: of the page.
        findings: sentences about the ranking.
        notes: what is missing, and why.
        progress: told how many models were drawn.
    """
    report = Report(title, _facts(records), list(findings), notes=list(notes))
    best = _best(records, result)
    picks = {found.pick for found in result.methods.values()} if result else set()
    scores = _score_names(records)
    report.configurations, report.differences = _configurations(records, scores)
    report.runs = _runs(records, scores, picks)
    if len(records) > _MOST_ROWS:
        report.notes.append(f"the table of runs has the first {_MOST_ROWS} of {len(records)}")
    report.curves = _curves(records, report.notes)
    if result is not None:
        report.ranking = _drawn("Ranking", ranking_figure(result), _RANKING_CAPTION)
        report.notes += [
            f"{clean(run_id)} was not ranked: {clean(reason)}" for run_id, reason in result.excluded.items()
        ]
        if result.matrix is not None:
            report.matrix = _drawn("Cross-scores", matrix_figure(result), _MATRIX_CAPTION)
    for number, record in enumerate(best):
        if progress is not None:
            progress("drawing traversals", number, len(best))
        try:
            report.traversals.append(_traversal(record))
        except CrtuiError as error:
            report.notes.append(f"{title_of(record)} could not be drawn: {clean(str(error))}")
    if best:
        report.specification, report.specification_of = _specification(best[0]), title_of(best[0])
    return report


_RANKING_CAPTION = (
    "Scores by which the models are ranked without labels, best first. A line is the interval that holds 95 % of the "
    "score's replicates; where intervals overlap, the votes cannot tell models apart."
)
_MATRIX_CAPTION = (
    "Each encoder (row) scored on each generator's images (column), best model first. A model whose row is bright is "
    "one that others agree with."
)


def _facts(records: Sequence[RunRecord]) -> list[str]:
    def listed(values: set[str | None]) -> str:
        return ", ".join(sorted(clean(value, 60) for value in values if value))

    runs = "1 run" if len(records) == 1 else f"{len(records)} runs"
    of = [runs, listed({record.method for record in records}), listed({record.data for record in records})]
    return [*(text for text in of if text), f"crtui {__version__}", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())]


def _best(records: Sequence[RunRecord], result: SelectionResult | None) -> list[RunRecord]:
    """The runs to show: the picks of all methods, then the best by the first one; without a ranking the first runs."""
    if result is None:
        return list(records[:_TRAVERSALS])
    by_id = {record.id: record for record in records}
    ranked = [found.pick for _, found in result.in_order] + list(result.in_order[0][1].ranking)
    return [by_id[run_id] for run_id in dict.fromkeys(ranked) if run_id in by_id][:_TRAVERSALS]


def _score_names(records: Sequence[RunRecord]) -> list[str]:
    present = {name for record in records for name, score in record.scores.items() if score is not None}
    return [*(name for name in SCORE_TITLES if name in present), *sorted(present - SCORE_TITLES.keys())]


def _configurations(records: Sequence[RunRecord], scores: Sequence[str]) -> tuple[Table | None, Table | None]:
    found = configurations_of(records)
    if len(records) < 2:
        return None, None
    head = ("configuration", "seeds", *(SCORE_TITLES.get(name, clean(name, 24)) for name in scores))
    rows = []
    for configuration in found:
        members = [records[place] for place in configuration.members]
        cells = [_spread([record.scores.get(name) for record in members]) for name in scores]
        rows.append((clean(configuration.label), str(len(members)), *cells))
    caption = "Scores against the dataset's factors: mean ± standard deviation over seeds." if scores else ""
    keys = list(found[0].values)
    differences = None
    if keys:
        differences = Table(
            ("key", *(clean(configuration.label) for configuration in found)),
            tuple((clean(key), *(_value(configuration.values.get(key)) for configuration in found)) for key in keys),
        )
    return Table(head, tuple(rows), caption=caption), differences


def _spread(values: Sequence[float | None]) -> str:
    mean, deviation, count = mean_and_deviation(values)
    if not count:
        return _DASH
    part = f" ({count} of {len(values)})" if count < len(values) else ""
    return (f"{mean:.3f}" if math.isnan(deviation) else f"{mean:.3f} ± {deviation:.3f}") + part


def _runs(records: Sequence[RunRecord], scores: Sequence[str], picks: set[str]) -> Table:
    head = ("run", "seed", "status", "step", *(SCORE_TITLES.get(name, clean(name, 24)) for name in scores), "id")
    shown = records[:_MOST_ROWS]
    rows = tuple(
        (
            title_of(record),
            _DASH if record.seed is None else str(record.seed),
            "exported" if record.exported else str(record.status),
            f"{record.step:,}",
            *(_spread([record.scores.get(name)]) for name in scores),
            record.id,
        )
        for record in shown
    )
    marked = frozenset(place for place, record in enumerate(shown) if record.id in picks)
    said = ["The picks are in bold."] if marked else []
    if machines := sorted({clean(name, 120) for record in shown for name in computed_by(record.folder)}):
        said.append(f"Computed by {'; '.join(machines)}. The same seed gives other numbers on another processor.")
    return Table(head, rows, marked, " ".join(said))


def _curves(records: Sequence[RunRecord], notes: list[str]) -> Picture | None:
    try:
        panels, without = curve_panels(records, labels_of(records, "configuration"))
    except InputError:
        notes.append("there are no training curves, because none of these runs has any")
        return None
    notes += [f"{title_of(record)} has no training curves" for record in without]
    return _drawn("Training", draw_curves(panels), "Losses and scores while training, a line a configuration.")


def _traversal(record: RunRecord) -> Picture:
    from cr_tui.render.files import gif_bytes, png_bytes
    from cr_tui.render.images.traversal import code_labels, traversal_animation, traversal_grid, traverse
    from engine.runs.loading import load_model

    model = load_model(record.folder.path, name=record.name or record.id)
    frames = traverse(model, _STEPS, _SAMPLES)
    labels = code_labels(model.codes.count)
    moving = traversal_animation(frames)
    # Enlarged by the browser: pixels that only repeat would make the page heavy.
    width = moving[0].shape[1] * max(1, -(-_PIXELS // frames.shape[3]))
    span = f"{labels[0]} to {labels[-1]}"
    return Picture(
        title_of(record),
        f"Each column moves one code over its range ({span}, from left to right); each of the {_SAMPLES} rows holds "
        "everything else at a random draw.",
        "gif",
        gif_bytes(moving),
        png_bytes(traversal_grid(frames[:1])),
        f"Each row moves one code over its range ({span}, from top to bottom), while everything else stays.",
        width,
    )


def _specification(record: RunRecord) -> str:
    try:
        tree = record.folder.spec().model_dump(mode="json")
    except InputError as error:
        return clean(str(error))
    return "\n".join(f"{key} = {clean(json.dumps(value, ensure_ascii=False))}" for key, value in leaves(tree))


def _value(value: object) -> str:
    return _DASH if value is None else clean(value if isinstance(value, str) else json.dumps(value), 60)


def _drawn(title: str, figure: Figure, caption: str) -> Picture:
    """A figure as SVG; as PNG where so much is drawn that the page would become heavy."""
    vector = drawing.content(figure, "svg")
    if len(vector) <= _MOST_VECTOR_BYTES:
        return Picture(title, caption, "svg+xml", vector)
    pixels = round(figure.get_figwidth() * _PIXELS_PER_INCH)
    return Picture(title, caption, "png", drawing.content(figure, "png"), width=pixels)
