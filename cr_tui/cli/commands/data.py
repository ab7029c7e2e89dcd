"""``crtui data``: the datasets there are."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cr_tui.cli.completion import complete_dataset
from cr_tui.cli.examples import examples
from cr_tui.cli.invocation import JsonOption, invocation_of
from cr_tui.cli.output import put, put_json, stdout_console
from cr_tui.cli.progress import TaskDisplay
from cr_tui.cli.saving import require_writable
from engine.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from engine.data import CatalogueEntry
    from engine.data.dataset import Dataset
    from engine.data.options import OptionKeywords

MOST_IMAGES = 400
_ACROSS = 8
_SIDE_UNIT = 32
"""Networks that halve images five times take multiples of this."""

DatasetArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME-OR-PATH",
        help="A dataset's name, a folder of photos, or a file of images.",
        autocompletion=complete_dataset,
    ),
]
SizeOption = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Make images of your own NxN; default: 64 for a folder of photos, as they are for a file."
    ),
]

LayoutOption = Annotated[
    str | None,
    typer.Option(metavar="NHWC|NCHW|HWN|...", help="What the axes of an array are; default: what its shape says."),
]
RangeOption = Annotated[
    str | None,
    typer.Option(
        "--range", metavar="BLACK..WHITE", help="Which values are black and white; default: what type and values say."
    ),
]
LabelsOption = Annotated[
    str | None,
    typer.Option(
        metavar="none|folders|FILE.csv", help="Labels of your own images; default: those that lie with the images."
    ),
]

app = typer.Typer(name="data", help="List, prepare and look at datasets.", rich_markup_mode=None)


@app.command("list", epilog=examples("data list"))
def list_(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the datasets that have a name."""
    import engine.data

    entries = engine.data.catalogue(invocation_of(context).open_store().data)
    if as_json:
        put_json(
            [
                {
                    "name": entry.name,
                    "prepared": entry.prepared,
                    "description": entry.description,
                    "folder": str(entry.folder),
                    "place": None if entry.place is None else str(entry.place),
                    "missing": [dataclasses.asdict(file) for file in entry.missing],
                }
                for entry in entries
            ]
        )
        return
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for title in ("Name", "Ready", "Description"):
        table.add_column(title, no_wrap=title != "Description")
    for entry in entries:
        table.add_row(entry.name, _readiness(entry), entry.description)
    stdout_console().print(table)
    put("A folder of photos, or a file of images (npy, npz or HDF5), is given by its path; see crtui docs data.")
    if any(entry.missing for entry in entries):
        put("What needs files cannot be downloaded for you: 'crtui data prepare NAME' says which to put where.")


@app.command(epilog=examples("data prepare"))
def prepare(
    context: typer.Context,
    name: DatasetArgument,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="PATH", help="Where the files of its authors are; default: STORE/data/NAME."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Prepare it anew although it is prepared already.")
    ] = False,
    size: SizeOption = None,
    layout: LayoutOption = None,
    value_range: RangeOption = None,
    labels: LabelsOption = None,
    digest: Annotated[
        bool, typer.Option("--digest", help="Also digest every byte of your own images for their fingerprint.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Do the one-time work of a dataset ahead of time. Interrupted, it goes on where it was when called again."""
    import engine.data

    source = None if source is None else source.expanduser()
    options: OptionKeywords = {
        "size": size,
        "layout": layout,
        "value_range": value_range,
        "labels": labels,
        "full_digest": digest,
    }
    engine.data.check(name, source=source, **options)
    invocation = invocation_of(context)
    store = invocation.open_store()
    with TaskDisplay(invocation.quiet, as_json) as display:
        progress = functools.partial(display, f"preparing {name}")
        dataset = engine.data.prepare(name, store.data, progress, source=source, replace=replace, **options)
    if size is None and name not in engine.data.DATASETS and any(side % _SIDE_UNIT for side in dataset.image_shape[:2]):
        invocation.note("not every network takes images of this size; --size 64 makes them square, 64x64, on import")
    facts = _facts(dataset)
    if as_json:
        put_json(facts)
        return
    factors = ", ".join(map(_in_words, facts["factors"])) or "not known"
    put(f"{name}: {facts['images']} images of {'x'.join(map(str, facts['image_shape']))}; factors: {factors}")
    if facts["factors"] and not facts["full_grid"]:
        put("the factors are no full grid, so scores that draw images by factor, such as factor_vae, do not apply")
    fingerprint = facts["fingerprint"]
    full = f", digest of every byte {fingerprint['full']}" if fingerprint["full"] else ""
    put(f"fingerprint {fingerprint['short']}{full}")


@app.command(epilog=examples("data preview"))
def preview(
    context: typer.Context,
    name: DatasetArgument,
    images: Annotated[int, typer.Option(metavar="N", help="How many images.")] = 16,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of their draw.")] = 0,
    save: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Write a picture instead.")] = None,
    size: SizeOption = None,
    layout: LayoutOption = None,
    value_range: RangeOption = None,
    labels: LabelsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a few images of a dataset, drawn at random."""
    if not 1 <= images <= MOST_IMAGES:
        raise InputError(f"--images takes 1 to {MOST_IMAGES}, not {images}")
    if seed < 0:
        raise InputError(f"--seed is {seed}, but must be 0 or more")
    if save is not None:
        require_writable(save, (".png",))
    if as_json and save is None:
        raise InputError("--json says what was written, so it needs --save FILE.png")
    import engine.data

    options: OptionKeywords = {"size": size, "layout": layout, "value_range": value_range, "labels": labels}
    engine.data.check(name, **options)
    invocation = invocation_of(context)
    store = invocation.open_store()
    with TaskDisplay(invocation.quiet, as_json) as display:
        dataset = engine.data.load(name, store.data, functools.partial(display, f"preparing {name}"), **options)
    frames = _draw(dataset, images, seed)
    if save is None:
        from cr_tui.cli.pictures import put_traversal

        put_traversal(frames, [""] * frames.shape[1])
        return
    from cr_tui.render.files import save_png
    from cr_tui.render.images.traversal import traversal_grid

    save_png(save, traversal_grid(frames))
    if as_json:
        put_json(_facts(dataset) | {"file": str(save), "seed": seed})
    else:
        invocation.note(f"wrote {save}")


def _readiness(entry: CatalogueEntry) -> str:
    if entry.missing:
        return "needs files"
    return "yes" if entry.prepared else "on first use"


def _draw(dataset: Dataset, count: int, seed: int) -> NDArray[np.uint8]:
    """Random images uint8 ``[1, rows, columns, H, W, C]``, the last row filled up with black ones."""
    import numpy as np

    indices = np.random.default_rng(seed).choice(len(dataset), min(count, len(dataset)), replace=False)
    images = dataset.images(indices)
    across = min(len(images), _ACROSS)
    rows = -(-len(images) // across)
    frames = np.zeros((rows * across, *images.shape[1:]), dtype=np.uint8)
    frames[: len(images)] = images
    return frames.reshape(1, rows, across, *images.shape[1:])


def _facts(dataset: Dataset) -> dict[str, Any]:
    factors = [
        {"name": factor.name, "size": factor.size, "continuous": factor.continuous} for factor in dataset.factors
    ]
    return {
        "name": dataset.name,
        "images": len(dataset),
        "image_shape": list(dataset.image_shape),
        "factors": factors,
        "full_grid": dataset.in_grid_order,
        "fingerprint": dataset.fingerprint().to_json(),
    }


def _in_words(factor: dict[str, Any]) -> str:
    return f"{factor['name']} {factor['size']}{'' if factor['continuous'] else ' (categorical)'}"
