"""CelebA's table of 40 attributes, as its authors publish it or as Kaggle does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data.datasets.celeba_layouts import file_name
from engine.data.formats.stored import reading
from engine.data.sources import SourceFile, warn_if_changed
from engine.errors import InputError

ATTRIBUTES = (
    "5_o_Clock_Shadow",
    "Arched_Eyebrows",
    "Attractive",
    "Bags_Under_Eyes",
    "Bald",
    "Bangs",
    "Big_Lips",
    "Big_Nose",
    "Black_Hair",
    "Blond_Hair",
    "Blurry",
    "Brown_Hair",
    "Bushy_Eyebrows",
    "Chubby",
    "Double_Chin",
    "Eyeglasses",
    "Goatee",
    "Gray_Hair",
    "Heavy_Makeup",
    "High_Cheekbones",
    "Male",
    "Mouth_Slightly_Open",
    "Mustache",
    "Narrow_Eyes",
    "No_Beard",
    "Oval_Face",
    "Pale_Skin",
    "Pointy_Nose",
    "Receding_Hairline",
    "Rosy_Cheeks",
    "Sideburns",
    "Smiling",
    "Straight_Hair",
    "Wavy_Hair",
    "Wearing_Earrings",
    "Wearing_Hat",
    "Wearing_Lipstick",
    "Wearing_Necklace",
    "Wearing_Necktie",
    "Young",
)
TABLE = SourceFile(
    "list_attr_celeba.txt",
    "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
    "75e246fa4810816ffd6ee81facbd244c",
    also=("list_attr_celeba.csv",),
)
MOST_BYTES = 128 << 20


def find_table(place: Path) -> Path | None:
    """The table at a place, or around the images there."""
    folders = (place, place / "celeba") if place.is_dir() else ()
    candidates = (folder / name for folder in (*folders, place.parent) for name in (TABLE.name, *TABLE.also))
    return next((path for path in candidates if path.is_file()), None)


def read_table(place: Path, count: int) -> NDArray[np.bool_]:
    """Read a table: the names of the attributes, then a line for each face with -1 or 1 for each attribute.

    The authors' table has spaces and a first line with the number of faces, Kaggle's has commas.

    Args:
        place: where :func:`find_table` finds it.
        count: how many faces it must list.

    Returns:
        bool ``[count, 40]``.

    Raises:
        InputError: it is not there, or not such a table.
    """
    path = find_table(place)
    if path is None:
        raise InputError(f"'{TABLE.name}' is no longer in {place}; put it there again (from {TABLE.origin})")
    warn_if_changed(path, TABLE)
    with reading(path), path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)[:MOST_BYTES]
    lines = [line for line in content.decode("ascii", "replace").replace(",", " ").splitlines() if line.strip()]
    head = next((number for number, line in enumerate(lines[:2]) if len(line.split()) > 1), 0)
    if not lines or tuple(lines[head].split()[-len(ATTRIBUTES) :]) != ATTRIBUTES:
        raise InputError(f"'{path}' does not begin with the names of CelebA's 40 attributes; get it again")
    rows = lines[head + 1 :]
    if len(rows) != count:
        raise InputError(f"'{path}' lists {len(rows):,} faces instead of {count:,}; get it again")
    table = np.empty((count, len(ATTRIBUTES)), dtype=np.bool_)
    for number, row in enumerate(rows):
        name, *values = row.split()
        if name != file_name(number) or len(values) != len(ATTRIBUTES) or not {*values} <= {"-1", "1"}:
            raise InputError(f"line '{row[:40]}' of '{path}' is not '{file_name(number)}' and 40 times -1 or 1")
        table[number] = [value == "1" for value in values]
    return table
