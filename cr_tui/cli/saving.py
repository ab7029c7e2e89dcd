"""``--save``: writes results to files, whole or not at all."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cr_tui.text import csv_rows
from engine.errors import InputError

if TYPE_CHECKING:
    from engine.choosing.result import SelectionResult


def require_writable(path: Path, suffixes: Sequence[str], option: str = "--save") -> None:
    """Refuse a file that could not be written, before anything is computed for it.

    Raises:
        InputError: the kind of file is unknown, or the folder does not exist or cannot be written.
    """
    if path.suffix.lower() not in suffixes:
        raise InputError(f"{option} writes {', '.join(suffixes)}, not '{path.name}'")
    if not path.parent.is_dir():
        raise InputError(f"{option} cannot write '{path}': there is no folder '{path.parent}'")
    if path.is_dir() or not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError(f"{option} cannot write '{path}'; give a file in a folder that can be written")


def save_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a document that holds no NaN.

    Raises:
        WorkError: the disk refused.
    """
    _replace(path, json.dumps(document, indent=2, allow_nan=False).encode() + b"\n")


def save_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a table; ``None`` is an empty cell.

    Raises:
        WorkError: the disk refused.
    """
    text = io.StringIO(newline="")
    write = csv_rows(text)
    for row in (header, *rows):
        write(row)
    _replace(path, text.getvalue().encode())


def save_npz(path: Path, numbers: Mapping[str, Any], runs: Sequence[str]) -> None:
    """Write arrays of numbers, and the ids that their rows stand for.

    Raises:
        WorkError: the disk refused.
    """
    import numpy as np

    content = io.BytesIO()
    arrays: dict[str, Any] = {name: np.array(values, dtype=np.float64) for name, values in numbers.items()}
    np.savez(content, runs=np.array(runs), **arrays)
    _replace(path, content.getvalue())


def save_matrix_picture(path: Path, result: SelectionResult) -> None:
    """Write a selection's matrix as a PNG file without matplotlib: in pixels, with names and a legend.

    Raises:
        WorkError: the disk refused.
    """
    import numpy as np

    from cr_tui.render.files import save_png
    from cr_tui.render.matrices.matrix import MatrixPicture
    from cr_tui.render.matrices.matrix_picture import CAPTION, matrix_picture

    assert result.matrix is not None, "only a matrix can be drawn"
    place = {run_id: index for index, run_id in enumerate(result.runs)}
    order = [place[run_id] for run_id in result.in_order[0][1].ranking]
    order += [index for index in range(len(result.runs)) if index not in set(order)]
    picture = MatrixPicture(result.matrix[np.ix_(order, order)], [result.titles[index] for index in order])
    save_png(path, matrix_picture(picture, CAPTION))


def _replace(path: Path, content: bytes) -> None:
    from engine.storage.files import save_file

    save_file(path, content)
