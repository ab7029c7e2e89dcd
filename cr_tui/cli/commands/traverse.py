"""``crtui traverse``: what each code of a model does to an image."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cr_tui.cli.invocation import ImagesOption, JsonOption, ModelArgument, invocation_of
from cr_tui.cli.output import put_json
from cr_tui.cli.saving import require_writable
from cr_tui.figures.drawing import VECTOR, can_draw, require_matplotlib, save_figure
from cr_tui.render.images.image_modes import requested
from engine.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAVED_AS = (".png", ".gif", ".pdf", ".svg")
_PICTURE_PIXELS = 64
"""Least height of an image in a saved picture; smaller ones are enlarged by a whole factor."""


def traverse(
    context: typer.Context,
    run: ModelArgument,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE.{png,gif,pdf,svg}", help="Write a figure or an animation instead.")
    ] = None,
    code: Annotated[
        list[int] | None, typer.Option(metavar="N", help="A code to walk, from 0; repeatable; default: all.")
    ] = None,
    steps: Annotated[int, typer.Option(metavar="N", help="Images along a code.")] = 8,
    samples: Annotated[int, typer.Option(metavar="N", help="Draws of everything that is held.")] = 1,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the draws.")] = 0,
    checkpoint: Annotated[
        int | None, typer.Option(metavar="STEP", help="Which checkpoint; default: the newest.")
    ] = None,
    images: ImagesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what each code of a model does to an image."""
    if save is not None:
        require_writable(save, SAVED_AS)
        if save.suffix.lower() in VECTOR:
            require_matplotlib(f"a {save.suffix.lower()} file")
    if as_json and save is None:
        raise InputError("--json says what was written, so it needs --save FILE")
    requested(images, os.environ)
    if seed < 0:
        raise InputError(f"--seed is {seed}, but must be 0 or more")
    invocation = invocation_of(context)
    store = invocation.open_store()
    from engine.runs.references import find_models

    [record] = find_models(store, [run])
    from cr_tui.render.images import traversal
    from engine.machine.cores import prepare_to_compute
    from engine.runs.loading import load_model

    prepare_to_compute()
    model = load_model(record.folder.path, checkpoint, record.name or record.id)
    frames = traversal.traverse(model, steps, samples, seed, code or None)
    labels = traversal.code_labels(code or model.codes.count)
    if save is None:
        from cr_tui.cli.pictures import put_traversal

        put_traversal(frames, labels, images)
        return
    if save.suffix.lower() == ".gif":
        from cr_tui.render.files import save_gif

        save_gif(save, traversal.traversal_animation(frames), _scale(frames))
    elif can_draw():
        from cr_tui.figures.of_runs import traversal_figure

        save_figure(save, traversal_figure(frames, labels, model))
    else:
        from cr_tui.render.files import save_png

        save_png(save, traversal.traversal_grid(frames), _scale(frames))
    if as_json:
        put_json(
            {"run": record.id, "file": str(save), "codes": labels, "steps": steps, "samples": samples, "seed": seed}
        )
    else:
        invocation.note(f"wrote {save}: {', '.join(labels)}, {steps} steps each")


def _scale(frames: NDArray[np.uint8]) -> int:
    """By how much small images are enlarged."""
    height: int = frames.shape[3]
    return max(1, -(-_PICTURE_PIXELS // height))
