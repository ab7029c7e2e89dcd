"""Labels of photos: a table with a row for each photo, or the folders that they lie in."""

from __future__ import annotations

import csv
import io
import posixpath
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.data.options import FOLDER_LABELS, NO_LABELS, advice
from engine.data.own.labels import Column, check_columns, column_of
from engine.data.own.photo_listing import LABEL_FILE, Photo
from engine.errors import InputError
from engine.storage.descriptors import cause
from engine.storage.files import read_named

_MOST_BYTES = 1 << 30
_MOST_FACTORS = 1000
_MOST_FOLDERS = 100
_FOLDER_FACTOR = "folder"


@dataclass(frozen=True)
class LabelTable:
    """A file of labels, read.

    Args:
        path: where it lies.
        names: of the factors.
        rows: the cells of each photo, by the photo's path as it is written there.
    """

    path: Path
    names: tuple[str, ...]
    rows: dict[str, list[str]]


def find_table(folder: Path, photos: Sequence[Photo], asked: str | None) -> LabelTable | None:
    """The table of labels that is meant for a folder of photos.

    Args:
        folder: where the photos lie.
        photos: the photos.
        asked: what the user says about labels.

    Returns:
        The table that the user names, or ``labels.csv`` in the folder, or the one beside it if that names its photos;
        ``None`` if there is none or it is not wanted.

    Raises:
        InputError: it cannot be read, or is no table.
    """
    if asked in (NO_LABELS, FOLDER_LABELS):
        return None
    if asked is not None:
        return read_table(Path(asked).expanduser())
    inside, beside = folder / LABEL_FILE, folder.absolute().parent / LABEL_FILE
    if inside.is_file():
        return read_table(inside)
    if not beside.is_file():
        return None
    table = read_table(beside)
    known = _by_any_name(folder, photos)
    if any(_normal(name) in known for name in table.rows):
        return table
    warnings.warn(f"'{beside}' names no photo of '{folder}' and is not used", stacklevel=4)
    return None


def read_table(path: Path) -> LabelTable:
    """Read a table: a line of names, then a line for each photo, whose first cell is its path.

    Raises:
        InputError: it cannot be read, or is no such table.
    """
    try:
        text = read_named(path, _MOST_BYTES).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(
            f"there is no file '{path}'; labels are a CSV file, '{NO_LABELS}' or '{FOLDER_LABELS}'"
        ) from error
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {cause(error)}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"'{path}' is no text in UTF-8; save the labels as a CSV file in UTF-8") from error
    rows: dict[str, list[str]] = {}
    try:
        lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        header = next(lines, [])
        if not 2 <= len(header) <= _MOST_FACTORS + 1:
            raise InputError(
                f"'{path}' begins with {len(header)} columns; labels have one for the file and one for each factor, "
                "with commas between"
            )
        for number, row in enumerate(lines, start=2):
            if not row:
                continue
            if len(row) != len(header):
                raise InputError(f"row {number} of '{path}' has {len(row)} cells instead of {len(header)}")
            if row[0] in rows:
                raise InputError(f"row {number} of '{path}' names '{row[0][:80]}' again; every photo has one row")
            rows[row[0]] = row[1:]
    except csv.Error as error:
        raise InputError(f"'{path}' is no CSV file ({error}); labels have one row for each photo") from error
    return LabelTable(path, tuple(header[1:]), rows)


def table_columns(folder: Path, photos: Sequence[Photo], table: LabelTable) -> Sequence[Column]:
    """The factors of photos by a table.

    Args:
        folder: where the photos lie.
        photos: those that could be read, in the order of the images.
        table: the labels.

    Raises:
        InputError: a photo has no row, or the cells are no labels.
    """
    known = _by_any_name(folder, photos)
    cells = {known[name]: row for written, row in table.rows.items() if (name := _normal(written)) in known}
    missing = [photo.path for photo in photos if photo.path not in cells]
    if missing:
        example = f" (it names '{next(iter(table.rows))[:80]}', for instance)" if table.rows else ""
        raise InputError(
            f"'{table.path}' has no row for {len(missing)} of {len(photos)} photos, the first being '{missing[0]}'"
            f"{example}; add them, or {advice('labels', NO_LABELS)}"
        )
    if len(cells) < len(table.rows):
        warnings.warn(
            f"{len(table.rows) - len(cells)} rows of '{table.path}' name no photo that was read", stacklevel=4
        )
    rows = [cells[photo.path] for photo in photos]
    where = f"'{table.path}'"
    columns = [column_of(name, [row[place] for row in rows], where) for place, name in enumerate(table.names)]
    return check_columns(columns, where)


def folder_columns(name: str, photos: Sequence[Photo]) -> Sequence[Column]:
    """One factor: the folder that each photo lies in, the first one on the way to it.

    Raises:
        InputError: a photo lies in none.
    """
    loose = next((photo.path for photo in photos if "/" not in photo.path), None)
    if loose is not None:
        raise InputError(f"photo '{loose}' of '{name}' lies in no folder of its own, so folders cannot be its label")
    return [column_of(f"{_FOLDER_FACTOR}:categorical", [f"{_first(photo)}/" for photo in photos], f"'{name}'")]


def warn_of_folders(name: str, photos: Sequence[Photo]) -> None:
    """Warn if the photos lie in folders as classes do, which nobody asked to use."""
    counts = Counter(_first(photo) for photo in photos if photo.path.count("/") == 1)
    if 2 <= len(counts) <= _MOST_FOLDERS and counts.total() == len(photos) and min(counts.values()) > 1:
        named = ", ".join(sorted(counts)[:3])
        more = ", …" if len(counts) > 3 else ""
        warnings.warn(
            f"the photos of '{name}' lie in {len(counts)} folders ({named}{more}), which are not used as labels; if "
            f"they are classes, {advice('labels', FOLDER_LABELS)}",
            stacklevel=4,
        )


def _first(photo: Photo) -> str:
    return photo.path.partition("/")[0]


def _normal(name: str) -> str:
    return posixpath.normpath(name.strip().replace("\\", "/"))


def _by_any_name(folder: Path, photos: Sequence[Photo]) -> dict[str, str]:
    """The paths of photos, by these and by what they are from the folder above."""
    above = folder.absolute().name
    return {f"{above}/{photo.path}": photo.path for photo in photos} | {photo.path: photo.path for photo in photos}
