"""``crtui export``: a model in a folder of its own, for other programs and other people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cr_tui.cli.invocation import AcceptDataOption, CodesOption, Invocation, JsonOption, ModelArgument, invocation_of
from cr_tui.cli.output import put, put_json

if TYPE_CHECKING:
    from engine.metrics.independent_components import IndependentComponents
    from engine.models.model import Model
    from engine.runs.catalogue import RunRecord

_STEPS = 8
_PIXELS = 64


def export(
    context: typer.Context,
    run: ModelArgument,
    to: Annotated[Path, typer.Option(metavar="DIR", help="A new folder.")],
    step: Annotated[int | None, typer.Option(metavar="N", help="Which checkpoint; default: the newest.")] = None,
    codes: CodesOption = "own",
    accept_data: AcceptDataOption = False,
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
    from engine.runs.references import find_models

    prepare_to_compute()
    to = to.expanduser()
    [record] = find_models(invocation.open_store(), [run])
    from engine.runs.exporting import check_target, export_run
    from engine.runs.loading import find_checkpoint, load_model, refuse_unmixed
    from engine.selection.independent import check_codes, tensors_of, unmixed_by

    check_target(to)
    if onnx:
        from engine.models.onnx_files import require_onnx

        require_onnx()
    checkpoint = find_checkpoint(record.folder.path, step)
    model = load_model(checkpoint.path, name=record.name or record.id)
    check_codes(codes)
    unmixing = None
    if codes == "ica":
        refuse_unmixed(checkpoint)
        components = _components(invocation, record, model, accept_data)
        model, unmixing = unmixed_by(model, components), tensors_of(components)
    done = export_run(
        record, to, step=checkpoint.step, picture=_picture(model), onnx=onnx, licence=licence, unmixing=unmixing
    )
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
        scored = to if codes == "ica" else record.id
        invocation.note(f"no scores went along; 'crtui score {scored}' computes them ('--metric all' without labels)")


def _components(invocation: Invocation, record: RunRecord, model: Model, accept_data: bool) -> IndependentComponents:
    """The independent components of a model's codes, with what is known of them as a note."""
    from engine.choosing.scoring import load_dataset
    from engine.selection.independent import find_components

    dataset = load_dataset(invocation.open_store(), record, accept_data=accept_data)
    components = find_components(model, dataset)
    invocation.note(
        f"independent components of {int(components.took_part.sum())} codes; "
        f"the codes were {components.agreement:.0%} of them already"
    )
    return components


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
