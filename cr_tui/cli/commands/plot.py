"""``crtui plot``: labelled figures for print."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from cr_tui.cli.examples import examples
from cr_tui.cli.invocation import Invocation, JsonOption, OptionalModelsArgument, invocation_of
from cr_tui.cli.output import put_json
from cr_tui.cli.pool import pool_of
from cr_tui.cli.pool_selection import DeviceOption, FinishedGroupsOption, MethodOption, selection_of
from cr_tui.cli.progress import TaskDisplay
from cr_tui.cli.saving import require_writable
from cr_tui.figures import drawing
from engine.choosing.methods import CENTRALITY
from engine.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cr_tui.figures.drawing import Part
    from engine.models.model import Model
    from engine.runs.catalogue import RunRecord

_BY = ("configuration", "group", "run")
_MOST_BLOCKS = 12
"""Most runs in a figure in which each has a block of its own: several pages."""

app = typer.Typer(
    name="plot",
    help="Draw labelled figures for print.\n\nVector files have embedded fonts. Needs the extra 'plot'.",
    rich_markup_mode=None,
)

SaveOption = Annotated[Path, typer.Option("--save", metavar="FILE.{pdf,svg,png}", help="The file.")]
StepOption = Annotated[int | None, typer.Option("--step", metavar="N", help="Which checkpoint; default: the newest.")]


@app.command(epilog=examples("plot curves"))
def curves(
    context: typer.Context,
    save: SaveOption,
    run: OptionalModelsArgument = None,
    group: FinishedGroupsOption = None,
    scalar: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A scalar, such as cr_accuracy; repeatable; default: losses and scores."),
    ] = None,
    by: Annotated[
        str,
        typer.Option(metavar="|".join(_BY), help="Which runs become one curve, with mean and standard deviation."),
    ] = _BY[0],
    log_y: Annotated[bool, typer.Option("--log-y", help="Logarithmic axes for scalars above zero.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Training curves over the seeds of each configuration.

    Seeds are drawn as mean and standard deviation. A curve has at most 300 points, each the mean of the values
    around it.
    """
    if by not in _BY:
        raise InputError(f"--by is '{by[:40]}', but must be one of {', '.join(_BY)}")
    invocation = _begun(context, save)
    records = pool_of(invocation, invocation.open_store(writing=False), run or [], group or ())
    _require_some(records)
    from cr_tui.figures.curves import draw_curves
    from cr_tui.figures.of_runs import By, curve_panels, labels_of

    panels, without = curve_panels(records, labels_of(records, cast("By", by)), scalar)
    for record in without:
        invocation.note(f"{record.name or record.id} has written no such curve")
    drawn = [record for record in records if record not in without]
    _end(invocation, save, draw_curves(panels, log_y=log_y), drawn, as_json)


@app.command(epilog=examples("plot matrix"))
def matrix(
    context: typer.Context,
    save: SaveOption,
    run: OptionalModelsArgument = None,
    group: FinishedGroupsOption = None,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """The cross-scores of a pool as a heat map.

    The best model stands first.

    A selection of the same runs that is in the store is used; else the runs are compared as 'crtui select' does.
    """
    invocation = _begun(context, save)
    store = invocation.open_store(writing=False)
    records = pool_of(invocation, store, run or [], group or ())
    result = selection_of(invocation, store, records, (CENTRALITY,), device, as_json)
    from cr_tui.figures.of_runs import matrix_figure

    _end(invocation, save, matrix_figure(result), records, as_json)


@app.command(epilog=examples("plot ranking"))
def ranking(
    context: typer.Context,
    save: SaveOption,
    run: OptionalModelsArgument = None,
    group: FinishedGroupsOption = None,
    method: MethodOption = None,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """The scores by which a pool is ranked.

    The best model stands first, with 95 % intervals.

    A selection of the same runs that is in the store is used; else the runs are ranked as 'crtui select' does.
    """
    invocation = _begun(context, save)
    store = invocation.open_store(writing=False)
    records = pool_of(invocation, store, run or [], group or ())
    result = selection_of(invocation, store, records, tuple(method or (CENTRALITY,)), device, as_json)
    from cr_tui.figures.of_runs import ranking_figure

    _end(invocation, save, ranking_figure(result), records, as_json)


@app.command(epilog=examples("plot traversal"))
def traversal(
    context: typer.Context,
    save: SaveOption,
    run: OptionalModelsArgument = None,
    group: FinishedGroupsOption = None,
    code: Annotated[
        list[int] | None, typer.Option(metavar="N", help="A code to walk, from 0; repeatable; default: all.")
    ] = None,
    steps: Annotated[int, typer.Option(metavar="N", help="Images along a code.")] = 8,
    samples: Annotated[int, typer.Option(metavar="N", help="Draws of everything that is held.")] = 1,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of the draws.")] = 0,
    step: StepOption = None,
    as_json: JsonOption = False,
) -> None:
    """What each code of a model does to an image.

    Several runs stand below each other.
    """
    invocation = _begun(context, save)
    records = _few(invocation, run, group or ())
    from cr_tui.figures.traversal import traversal_part
    from cr_tui.render.images import traversal as images

    def part(record: RunRecord, model: Model) -> Part:
        frames = images.traverse(model, steps, samples, seed, code or None)
        return traversal_part(frames, images.code_labels(code or model.codes.count), model.codes.traversal_range)

    _end(invocation, save, _below_each_other(records, step, part), records, as_json)


@app.command(epilog=examples("plot codes"))
def codes(
    context: typer.Context,
    save: SaveOption,
    run: OptionalModelsArgument = None,
    group: FinishedGroupsOption = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of the draw of images.")] = 0,
    step: StepOption = None,
    as_json: JsonOption = False,
) -> None:
    """What an encoder's codes say of the factors.

    Without known factors: how the codes are spread over the dataset's images. Several runs stand below each other.
    """
    invocation = _begun(context, save)
    records = _few(invocation, run, group or ())
    store = invocation.open_store(writing=False)
    from cr_tui.figures.of_runs import codes_of
    from engine.choosing.scoring import load_dataset

    with TaskDisplay(invocation.quiet, as_json) as display:

        def part(record: RunRecord, model: Model) -> Part:
            return codes_of(model, load_dataset(store, record, display), seed)

        figure = _below_each_other(records, step, part)
    _end(invocation, save, figure, records, as_json)


def _begun(context: typer.Context, save: Path) -> Invocation:
    """What every figure needs, checked before anything is computed for it."""
    require_writable(save, drawing.PRINTED_AS)
    drawing.require_matplotlib("a figure")
    return invocation_of(context)


def _few(invocation: Invocation, references: Sequence[str] | None, groups: Sequence[str]) -> list[RunRecord]:
    """The runs that are named, as many as can stand in one figure."""
    if not references and not groups:
        raise InputError("name the runs to draw, or give --group NAME")
    records = pool_of(invocation, invocation.open_store(writing=False), references or [], groups)
    _require_some(records)
    if len(records) > _MOST_BLOCKS:
        raise InputError(f"{len(records)} runs are too many for one figure of this kind; name at most {_MOST_BLOCKS}")
    return records


def _below_each_other(
    records: Sequence[RunRecord], step: int | None, part: Callable[[RunRecord, Model], Part]
) -> Figure:
    """A figure with a block for each run."""
    from cr_tui.figures.of_runs import title_of
    from engine.machine.cores import prepare_to_compute
    from engine.runs.loading import load_model

    prepare_to_compute()
    parts: dict[str, Part] = {}
    for record in records:
        model = load_model(record.folder.path, step, record.name or record.id)
        title = title_of(record)
        # Two runs may have one name.
        parts[title if title not in parts else f"{title} ({record.id})"] = part(record, model)
    return drawing.stacked(parts)


def _require_some(records: Sequence[RunRecord]) -> None:
    if not records:
        raise InputError("there is no finished run to draw; name runs or a group ('crtui runs list' shows them)")


def _end(invocation: Invocation, save: Path, figure: Figure, records: Sequence[RunRecord], as_json: bool) -> None:
    drawing.save_figure(save, figure)
    if as_json:
        put_json({"file": str(save), "runs": [record.id for record in records]})
    else:
        invocation.note(f"wrote {save}")
