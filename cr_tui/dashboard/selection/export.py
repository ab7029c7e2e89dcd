"""A selection and its matrix as the content of a file, in the order in which they are shown."""

from __future__ import annotations

import io
import math

import orjson
from PIL import Image

from cr_tui.dashboard.selection.shown_selection import ShownSelection
from cr_tui.render.matrices.matrix import MatrixPicture
from cr_tui.render.matrices.matrix_picture import CAPTION, NAME_LENGTH, matrix_picture
from cr_tui.text import csv_rows


def as_csv(shown: ShownSelection) -> bytes:
    """A row a run, best first: id, name, score and rank by each method, intervals, and its row of the matrix.

    The columns of the matrix are named ``B``, id and name of the generator. What is not there is an empty cell.
    """
    methods = shown.result.methods
    header = ["run", "name"]
    for method in shown.methods:
        found = methods.get(method)
        header += [method] + ([f"{method} rank"] if found else [])
        header += [f"{method} low", f"{method} high"] if found and found.intervals else []
        header += [f"{method} medoid probability"] if found and found.medoid_probability else []
    matrix, compared = shown.matrix, shown.compared
    header += [f"B {run_id} {shown.names[run_id]}" for run_id in compared] if matrix is not None else []
    text = io.StringIO(newline="")
    write = csv_rows(text)
    write(header)
    for run_id in shown.order:
        row: list[object] = [run_id, shown.names[run_id]]
        for method in shown.methods:
            row += _columns(shown, method, run_id)
        if matrix is not None:
            scores = matrix[compared.index(run_id)].tolist() if run_id in compared else [math.nan] * len(compared)
            row += [_finite(score) for score in scores]
        write(row)
    return text.getvalue().encode()


def _columns(shown: ShownSelection, method: str, run_id: str) -> list[object]:
    """What one method says of a run."""
    found = shown.result.methods.get(method)
    columns: list[object] = [_finite(shown.scores[method].get(run_id, math.nan))]
    if found is not None:
        columns.append(found.ranking.index(run_id) + 1 if run_id in found.ranking else None)
        if found.intervals:
            interval = shown.of(found.intervals, run_id)
            columns += [_finite(end) for end in interval] if isinstance(interval, tuple) else [None, None]
        if found.medoid_probability:
            share = shown.of(found.medoid_probability, run_id)
            columns.append(_finite(share) if isinstance(share, float) else None)
    return columns


def as_json(shown: ShownSelection) -> bytes:
    """An object with the fields of ``crtui select --json`` that the dashboard shows, runs in its order."""
    order, matrix, compared = shown.order, shown.matrix, shown.compared
    document: dict[str, object] = {
        "runs": list(order),
        "names": [_written(shown.names[run_id]) for run_id in order],
        "partial": shown.result.partial,
        "methods": {method: _method(shown, method) for method in shown.methods},
    }
    if matrix is not None:
        document["matrix_runs"] = list(compared)
        document["matrix_names"] = [_written(shown.names[run_id]) for run_id in compared]
        document["matrix"] = [[_finite(score) for score in row] for row in matrix.tolist()]
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)


def _method(shown: ShownSelection, method: str) -> dict[str, object]:
    found = shown.result.methods.get(method)
    scores = {"scores": [_finite(shown.scores[method].get(run_id, math.nan)) for run_id in shown.order]}
    if found is None:
        return {**scores}
    facts: dict[str, object] = {
        **scores,
        "ranking": list(found.ranking),
        "excluded": {run_id: _written(reason) for run_id, reason in found.excluded.items()},
    }
    if found.verdict:
        facts |= {"verdict": found.verdict, "warnings": [_written(warning) for warning in found.warnings]}
        facts["intervals"] = [shown.of(found.intervals, run_id) for run_id in shown.order]
        shares = [shown.of(found.medoid_probability, run_id) for run_id in shown.order]
        facts["medoid_probability"] = [_finite(share) if isinstance(share, float) else None for share in shares]
    return facts


def as_png(shown: ShownSelection, *, even: bool = False) -> bytes:
    """The matrix as a picture, rows and columns in the order of the screen.

    Args:
        shown: what to draw.
        even: as of :class:`cr_tui.render.matrices.matrix.MatrixPicture`.
    """
    matrix = shown.matrix
    assert matrix is not None, "only a matrix can be drawn"
    names = shown.short(NAME_LENGTH)
    picture = MatrixPicture(matrix, [names[run_id] for run_id in shown.compared], even=even)
    content = io.BytesIO()
    Image.fromarray(matrix_picture(picture, CAPTION)).save(content, format="PNG", optimize=True)
    return content.getvalue()


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _written(text: str) -> str:
    """Text that JSON can hold."""
    return text.encode("utf-8", "backslashreplace").decode()
