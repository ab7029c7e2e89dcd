"""``crtui encode``: the codes that a model reads off images."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cr_tui.cli.invocation import JsonOption, ModelArgument, invocation_of
from cr_tui.cli.output import put_json, stdout_console, warn
from cr_tui.cli.progress import TaskDisplay
from cr_tui.text import clean, csv_rows
from engine.errors import InputError

if TYPE_CHECKING:
    from engine.models.model import Model

_AT_ONCE = 64
_MOST_NAMED = 3
_FILE_CELLS = 40


def encode(
    context: typer.Context,
    run: ModelArgument,
    image: Annotated[
        list[Path], typer.Argument(metavar="IMAGE", help="Photos, or folders of photos.", show_default=False)
    ],
    checkpoint: Annotated[
        int | None, typer.Option(metavar="STEP", help="Which checkpoint; default: the newest.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV: the file, then a column for each code.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Read the codes off images of your own.

    Each image is made square and as large as those that the model was trained on, as 'train' does with photos.
    """
    if as_csv and as_json:
        raise InputError("--csv and --json exclude each other; give one of them")
    files = _files(image)
    invocation = invocation_of(context)
    store = invocation.open_store()
    from engine.machine.cores import prepare_to_compute
    from engine.runs.loading import load_model
    from engine.runs.references import find_models

    [record] = find_models(store, [run])
    prepare_to_compute()
    model = load_model(record.folder.path, checkpoint, record.name or record.id)
    with TaskDisplay(invocation.quiet, as_json or as_csv) as display:
        rows = list(_encoded(model, files, display))
    if not rows:
        raise InputError(f"none of the {len(files)} images can be read, the first being '{files[0]}'")
    if as_json:
        put_json([{"file": str(file), "codes": codes} for file, codes in rows])
    elif as_csv:
        write = csv_rows(sys.stdout)
        write(["file", *(f"c{code}" for code in range(model.codes.count))])
        for file, codes in rows:
            write([file, *codes])
    else:
        _put_table(rows)


def _files(given: Sequence[Path]) -> list[Path]:
    """The files that are meant; folders stand for the photos in them."""
    from engine.data.own.photo_listing import list_photos

    found: list[Path] = []
    for path in (path.expanduser() for path in given):
        if path.is_dir():
            found += [path / photo.path for photo in list_photos(path).photos]
        elif path.is_file():
            found.append(path)
        else:
            raise InputError(f"there is no image '{path}'")
    return found


def _encoded(model: Model, files: Sequence[Path], display: TaskDisplay) -> Iterator[tuple[Path, list[float]]]:
    """Each file that can be read with its codes; the others are counted in one warning."""
    import numpy as np

    from engine.data.own.photo_decoding import UnreadableError, decode

    height, width, channels = model.image_shape
    if height != width:
        raise InputError(f"{model.name} takes images of {height}x{width}, and photos are made square; use engine.load")
    unreadable: list[Path] = []
    for start in range(0, len(files), _AT_ONCE):
        images, read = [], []
        for file in files[start : start + _AT_ONCE]:
            try:
                images.append(decode(file, height, channels)[0])
                read.append(file)
            except UnreadableError:
                unreadable.append(file)
        if images:
            batch = np.stack(images).transpose(0, 3, 1, 2).astype(np.float32) / 255.0
            yield from zip(read, model.encode(batch).tolist(), strict=True)
        if len(files) > _AT_ONCE:
            display("encoding", min(start + _AT_ONCE, len(files)), len(files))
    if unreadable:
        named = ", ".join(f"'{file}'" for file in unreadable[:_MOST_NAMED])
        more = " …" if len(unreadable) > _MOST_NAMED else ""
        warn(f"{len(unreadable)} of {len(files)} images cannot be read and are left out: {named}{more}")


def _put_table(rows: Sequence[tuple[Path, list[Any]]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("File", no_wrap=True)
    for code in range(len(rows[0][1])):
        table.add_column(f"c{code}", justify="right", no_wrap=True)
    for file, codes in rows:
        table.add_row(Text(clean(file.name, _FILE_CELLS)), *(f"{code:.3f}" for code in codes))
    stdout_console().print(table)
