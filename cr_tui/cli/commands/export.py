"""``crtui export``: a model in a folder of its own, for other programs and other people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cr_tui.cli.invocation import JsonOption, RunArgument, invocation_of
from cr_tui.cli.output import put, put_json

if TYPE_CHECKING:
    from engine.models.model import Model

_STEPS = 8
_PIXELS = 64


def export(
    context: typer.Context,
    run: RunArgument,
    to: Annotated[Path, typer.Option(metavar="DIR", help="A new folder.")],
    step: Annotated[int | None, typer.Option(metavar="N", help="Which checkpoint; default: the newest.")] = None,
    onnx: Annotated[
        bool, typer.Option("--onnx", help="Also encoder and decoder as ONNX files. Needs the extra 'onnx'.")
    ] = False,
    licence: Annotated[
        str | None, typer.Option("--license", metavar="ID", help="The weights' licence for the card, such as mit.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a model into a folder of its own.

    It has all that inference needs: weights, specification, scores, a card, and a picture of what the codes do.
    'engine.load' and the commands that take RUN take the folder, without the store that the run is in.
    """
    invocation = invocation_of(context)
    from engine.machine.cores import prepare_to_compute
    from engine.runs.exported import find_models

    prepare_to_compute()
    to = to.expanduser()
    [record] = find_models(invocation.open_store(), [run])
    from engine.runs.exporting import check_target, export_run
    from engine.runs.loading import find_checkpoint, load_model

    check_target(to)
    if onnx:
        from engine.models.onnx_files import require_onnx

        require_onnx()
    checkpoint = find_checkpoint(record.folder.path, step)
    picture = _picture(load_model(checkpoint.path, name=record.name or record.id))
    done = export_run(record, to, step=checkpoint.step, picture=picture, onnx=onnx, licence=licence)
    if as_json:
        put_json(
            {
                "run": record.id,
                "step": done.step,
                "folder": str(done.path),
                "files": done.files,
                "scores": done.scores,
                "onnx": done.onnx,
            }
        )
        return
    for name, size in done.files.items():
        put(f"{to / name}  {size:,} bytes")
    for name, difference in done.onnx.items():
        put(f"{name} was run: it differs from the model by {difference:.1e} at most")
    if not done.scores:
        invocation.note(
            f"no scores went along; 'crtui score {record.id}' computes them ('--metric all' without labels)"
        )


def _picture(model: Model) -> bytes:
    """The traversal picture of the card, labelled where matplotlib is installed."""
    from cr_tui.figures import drawing
    from cr_tui.render.files import png_bytes
    from cr_tui.render.images import traversal

    frames = traversal.traverse(model, _STEPS)
    if drawing.can_draw():
        from cr_tui.figures.of_runs import traversal_figure

        return drawing.content(traversal_figure(frames, traversal.code_labels(model.codes.count), model), "png")
    return png_bytes(traversal.traversal_grid(frames), max(1, -(-_PIXELS // frames.shape[3])))
