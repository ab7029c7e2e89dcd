"""From what training left on disk back to a model."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from engine.errors import InputError
from engine.methods import method_class, package_of, require_installed
from engine.methods.base import AnyMethod, Setup
from engine.models.model import Model
from engine.training import checkpoints
from engine.training.checkpoints import Checkpoint
from engine.training.step_folders import step_folder, steps


def describe(
    method: AnyMethod, image_shape: tuple[int, int, int], data: str, precision: str = "float32"
) -> dict[str, Any]:
    """What a checkpoint must say of its model so that it can be built again without the run, and how it was trained."""
    return {
        "method": method.settings.model_dump(mode="json"),
        "image_shape": list(image_shape),
        "data": data,
        "precision": precision,
        "package": package_of(method.settings.name),
    }


def load_model(path: Path, step: int | None = None, name: str | None = None) -> Model:
    """Load a model for inference on the CPU.

    Args:
        path: a run folder, or one checkpoint folder.
        step: which checkpoint of a run folder; default: the newest whole one.
        name: what messages call the model; default: the folder's name.

    Raises:
        InputError: there is no such checkpoint, it is damaged or not a model of this program, or its method is not
            installed here.
        WorkError: the disk refused to read it.
    """
    checkpoint = find_checkpoint(path, step)
    method_settings, image_shape = _described(checkpoint)
    package = checkpoint.description.get("package")
    require_installed(method_settings["name"], f"checkpoint {checkpoint.path}", package and str(package)[:80])
    cls = method_class(method_settings["name"])
    try:
        settings = cls.settings_type.model_validate(method_settings)
        setup = Setup(image_shape, images=1, seed=0, total_steps=1, device=torch.device("cpu"))
        weights = checkpoint.weights()
        # First without memory: a description can ask for networks of any size, and only those that fit are made.
        with torch.device("meta"):
            shapes = cls(settings, replace(setup, device=torch.device("meta")))
        shapes.networks.load_state_dict(weights, assign=True)
        method = cls(settings, setup)
        method.networks.load_state_dict(weights)
    except (ValidationError, ValueError, RuntimeError, TypeError, OverflowError) as error:
        # load_state_dict reports missing, unexpected and misshapen tensors as RuntimeError; sizes beyond 64 bits are
        # TypeErrors or OverflowErrors.
        reason = str(error).splitlines()[0]
        raise InputError(f"checkpoint {checkpoint.path} does not fit its method '{cls.__name__}': {reason}") from error
    method.networks.requires_grad_(False).eval()
    decoder, encoder = method.latent_networks()
    return Model(
        cls.codes_of(settings), image_shape, decoder, encoder, name or path.name, fingerprint=checkpoint.fingerprint
    )


def find_checkpoint(path: Path, step: int | None = None) -> Checkpoint:
    """The checkpoint that ``path`` is, or the run folder's at ``step`` (default: the newest whole one).

    Raises:
        InputError: there is none.
        WorkError: the disk refused to read it.
    """
    if (path / checkpoints.MANIFEST).is_file():
        return checkpoints.load(path)
    folder = path / "checkpoints"
    present = steps(folder)
    if step is not None:
        if step not in present:
            there = ", ".join(map(str, present)) or "none"
            raise InputError(f"{path.name} has no checkpoint at step {step} (there: {there})")
        return checkpoints.load(step_folder(folder, step))
    for candidate in reversed(present):
        try:
            return checkpoints.load(step_folder(folder, candidate))
        except InputError as error:
            warnings.warn(f"{error}; taking the one before it", stacklevel=2)
    raise InputError(f"{path.name} has no whole checkpoint yet")


def _described(checkpoint: Checkpoint) -> tuple[Mapping[str, Any], tuple[int, int, int]]:
    try:
        settings = dict(checkpoint.description["method"])
        height, width, channels = (int(n) for n in checkpoint.description["image_shape"])
        if not isinstance(settings["name"], str):
            raise TypeError("the name of a method is text")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"checkpoint {checkpoint.path} does not say what model it holds") from error
    return settings, (height, width, channels)
