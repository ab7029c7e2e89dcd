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
from engine.models.unmixed import CENTRE, UNMIXING, unmixed
from engine.runs.exported import has_manifest
from engine.storage.files import leads_to
from engine.training import checkpoints
from engine.training.checkpoints import Checkpoint
from engine.training.step_folders import SPEC, step_folder, steps


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
        path: a run folder, one checkpoint folder, or the folder of an exported model.
        step: which checkpoint; default: the newest whole one.
        name: what messages call the model; default: the folder's name.

    Raises:
        InputError: there is no such checkpoint, it is damaged or not a model of this program, or its method is not
            installed here.
        WorkError: the disk refused to read it.
    """
    checkpoint = find_checkpoint(path, step)
    return model_of(load_method(checkpoint), checkpoint, name or path.name)


def load_method(checkpoint: Checkpoint) -> AnyMethod:
    """The method whose networks a checkpoint or exported model holds, on the CPU and ready for inference.

    Raises:
        InputError: it is not a model of this program.
    """
    method_settings, image_shape = _described(checkpoint)
    package = checkpoint.description.get("package")
    require_installed(method_settings["name"], f"checkpoint {checkpoint.path}", package and str(package)[:80])
    cls = method_class(method_settings["name"])
    try:
        settings = cls.settings_type.model_validate(method_settings)
        setup = Setup(image_shape, images=1, seed=0, total_steps=1, device=torch.device("cpu"))
        weights = {name: tensor for name, tensor in checkpoint.weights().items() if name not in (UNMIXING, CENTRE)}
        # First without memory: a description can ask for networks of any size, and only those that fit are made.
        with torch.device("meta"):
            shapes = cls(settings, replace(setup, device=torch.device("meta")))
        _fill(shapes, weights, checkpoint.exported, assign=True)
        method = cls(settings, setup)
        _fill(method, weights, checkpoint.exported)
    except (ValidationError, ValueError, RuntimeError, TypeError, OverflowError) as error:
        # load_state_dict reports missing, unexpected and misshapen tensors as RuntimeError; sizes beyond 64 bits are
        # TypeErrors or OverflowErrors.
        reason = str(error).splitlines()[0]
        raise InputError(f"checkpoint {checkpoint.path} does not fit its method '{cls.__name__}': {reason}") from error
    method.networks.requires_grad_(False).eval()
    return method


def model_of(method: AnyMethod, checkpoint: Checkpoint, name: str) -> Model:
    """The model of a method that :func:`load_method` returned.

    Args:
        method: what was loaded.
        checkpoint: from where.
        name: what messages call the model.

    Raises:
        InputError: the map of its codes does not fit.
    """
    decoder, encoder = method.latent_networks()
    codes = method.codes_of(method.settings)
    model = Model(codes, method.setup.image_shape, decoder, encoder, name, fingerprint=checkpoint.fingerprint)
    if not is_unmixed(checkpoint):
        return model
    try:
        return unmixed(model, unmixing_of(checkpoint), checkpoint.fingerprint)
    except (KeyError, ValueError, RuntimeError) as error:
        raise InputError(f"{checkpoint.path} does not hold the map of its codes: {error}") from error


def is_unmixed(checkpoint: Checkpoint) -> bool:
    """Whether an exported model has other codes than those that were trained: their independent components."""
    return checkpoint.exported and checkpoint.description.get("codes") == "ica"


def refuse_unmixed(checkpoint: Checkpoint) -> None:
    """Refuse to look for the components of codes that are components.

    Raises:
        InputError: they are.
    """
    if is_unmixed(checkpoint):
        raise InputError(f"the codes of '{checkpoint.path}' are independent components already")


def unmixing_of(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    """The map of an exported model's codes (:mod:`engine.models.unmixed`); empty where it has none."""
    if not is_unmixed(checkpoint):
        return {}
    return {name: tensor for name, tensor in checkpoint.weights().items() if name in (UNMIXING, CENTRE)}


def inference_tensors(method: AnyMethod) -> set[str]:
    """Names in ``method.networks.state_dict()`` of the tensors that its decoder and encoder are made of.

    All names, where a method builds decoder and encoder anew: then it may make their weights of any others.
    """
    held = method.networks.state_dict(keep_vars=True)
    used = {
        id(tensor) for network in method.latent_networks() for tensor in network.state_dict(keep_vars=True).values()
    }
    names = {name for name, tensor in held.items() if id(tensor) in used}
    return names if used == {id(held[name]) for name in names} else set(held)


def _fill(method: AnyMethod, weights: Mapping[str, torch.Tensor], exported: bool, assign: bool = False) -> None:
    """Give a method its weights. Those of an exported model may lack what only training needs.

    Raises:
        RuntimeError: a tensor is missing, unexpected or misshapen.
    """
    found = method.networks.load_state_dict(weights, strict=not exported, assign=assign)
    needed = inference_tensors(method) if exported and found.missing_keys else set()
    wrong = sorted(needed & set(found.missing_keys)) + sorted(found.unexpected_keys)
    if wrong:
        raise RuntimeError(f"tensor {wrong[0]} is {'missing' if wrong[0] in needed else 'unexpected'}")


def find_checkpoint(path: Path, step: int | None = None) -> Checkpoint:
    """The checkpoint or exported model that ``path`` is, or the run folder's at ``step`` (default: the newest).

    Raises:
        InputError: there is none.
        WorkError: the disk refused to read it.
    """
    if has_manifest(path):
        checkpoint = checkpoints.load(path)
        if step not in (None, checkpoint.step):
            raise InputError(f"{path.name} holds step {checkpoint.step} alone, not step {step}")
        return checkpoint
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
    if not leads_to(path / SPEC, "file"):
        raise InputError(f"there is no run and no exported model in '{path}'")
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
