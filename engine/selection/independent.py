"""A model of a run with the independent components of its codes in their place: ``--codes ica``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.errors import InputError
from engine.metrics.independent_components import IndependentComponents, independent_components
from engine.progress import Progress

if TYPE_CHECKING:
    from torch import Tensor

    from engine.data.dataset import Dataset
    from engine.models.model import Model
    from engine.selection.common_codes import CommonCodes

CODES = ("own", "ica")
"""Which codes of a model are looked at: its own, or their independent components."""
SIGNAL_AS_STRONG_AS_NOISE = 0.5 * np.log(2.0)
"""Nats of KL divergence from the prior: what a normal code of which half the variance is noise has."""


def check_codes(codes: str) -> None:
    """Refuse codes that do not exist.

    Raises:
        InputError: with the names that do.
    """
    if codes not in CODES:
        raise InputError(f"there are no codes '{codes[:80]}'; use {' or '.join(CODES)}")


def components_of(model: Model, found: CommonCodes, seed: int) -> IndependentComponents:
    """The independent components of a model's continuous codes of a dataset's images.

    Of a model with a posterior only codes take part whose KL divergence from the prior exceeds that of a signal as
    strong as its noise. ICA gives every component the same spread, so of weaker codes it would blow up the noise, and
    mix it into the components of the others. Components have the prior's spread.

    Raises:
        InputError: too few images, or no continuous code.
    """
    continuous = model.codes.continuous
    if not continuous:
        raise InputError(f"{model.name} has no continuous codes, and ICA is for these")
    spread = 1 / np.sqrt(3) if model.codes.prior == "uniform" else 1.0
    informative = found.kl[:continuous] > SIGNAL_AS_STRONG_AS_NOISE
    return independent_components(found.codes[:, :continuous], informative, spread=spread, seed=seed)


def unmixed_by(model: Model, components: IndependentComponents) -> Model:
    """The model whose codes are these components, on the model's device.

    Raises:
        InputError: the components mean nothing, or the map has no way back.
    """
    from engine.models.unmixed import unmixed

    if components.doubt:
        raise InputError(f"the codes of {model.name} stay as they are: {components.doubt}")
    device = next(model.decoder.parameters()).device
    try:
        return unmixed(model, tensors_of(components)).to(device)
    except ValueError as error:
        raise InputError(f"the codes of {model.name} stay as they are: {error}") from error


def tensors_of(components: IndependentComponents) -> dict[str, Tensor]:
    """The map as :func:`engine.models.unmixed.unmixed` takes it and an exported model keeps it."""
    import torch

    from engine.models.unmixed import CENTRE, UNMIXING

    return {UNMIXING: torch.from_numpy(components.unmixing), CENTRE: torch.from_numpy(components.centre)}


def find_components(
    model: Model, dataset: Dataset, *, seed: int = 0, device: str = "cpu", progress: Progress | None = None
) -> IndependentComponents:
    """The independent components of a model's codes of up to 10,000 images of a dataset.

    Raises:
        InputError: the model's images have another shape, its codes are not finite, or there are too few images.
    """
    from engine.selection.common_codes import common_codes
    from engine.selection.generated_set import BrokenModelError

    [found] = common_codes([model], dataset, seed=seed, device=device, progress=progress)
    if isinstance(found, BrokenModelError):
        raise InputError(f"{model.name} has no codes to unmix: {found}")
    return components_of(model, found, seed)
