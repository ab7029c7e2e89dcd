"""``--save``: writes results to files, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_HEATMAP_CELL = 16


def require_writable(path: Path, suffixes: Sequence[str]) -> None:
    """Refuse a file that could not be written, before anything is computed for it.

    Raises:
        InputError: the kind of file is unknown, or the folder does not exist or cannot be written.
    """
    if path.suffix.lower() not in suffixes:
        raise InputError(f"--save writes {', '.join(suffixes)}, not '{path.name}'")
    if not path.parent.is_dir():
        raise InputError(f"--save cannot write '{path}': there is no folder '{path.parent}'")
    if path.is_dir() or not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError(f"--save cannot write '{path}'; give a file in a folder that can be written")


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
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
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


def save_heatmap(path: Path, matrix: NDArray[np.float64]) -> None:
    """Write a matrix as the picture of a heat map.

    Raises:
        WorkError: the disk refused.
    """
    from cr_tui.render.files import save_png
    from cr_tui.render.matrices.heatmap import matrix_image

    save_png(path, matrix_image(matrix, _HEATMAP_CELL))


def _replace(path: Path, content: bytes) -> None:
    from engine.storage.files import replace_file

    replace_file(path, content)
