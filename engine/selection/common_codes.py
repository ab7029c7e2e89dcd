"""The codes that the models of a pool give to the same images of a dataset: what UDR compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from engine.data.bridge import as_floats
from engine.data.dataset import Dataset
from engine.models.posterior import Gaussian
from engine.progress import Progress
from engine.selection.generated_set import BrokenModelError, LatentModel
from engine.streams import stream_seed

COMMON_IMAGES = 10_000
"""How many images UDR compares models on. The number is ours: neither the paper nor disentanglement_lib fixes one."""
BATCH = 1000


@dataclass(frozen=True, eq=False)
class CommonCodes:
    """One model's codes of the common images.

    Args:
        codes: float64 ``[n, d]``; the means where the model answers with distributions.
        kl: float64 ``[d]``, KL divergence of each code's posterior from N(0, 1) in nats, mean over the images; infinite
            for a model without a posterior, so that every live code counts as informative (ours: the paper has VAEs
            only).
    """

    codes: NDArray[np.float64]
    kl: NDArray[np.float64]


def common_codes(
    models: Sequence[LatentModel],
    dataset: Dataset,
    *,
    seed: int,
    device: str = "cpu",
    progress: Progress | None = None,
) -> list[CommonCodes | BrokenModelError]:
    """Encode the same random images, drawn without replacement, with every model.

    Args:
        models: the pool, on ``device``.
        dataset: the images; at most 10,000 are used.
        seed: seed of the draw.
        device: where the images are put.
        progress: called with how many images are done, and how many there are.

    Returns:
        For each model its codes, or why it has none: images of another shape, codes that are not finite.
    """
    n = min(COMMON_IMAGES, len(dataset))
    draws = np.random.default_rng(stream_seed(seed, "common images"))
    indices = np.sort(draws.choice(len(dataset), size=n, replace=False))
    broken = {index: _misfit(model, dataset) for index, model in enumerate(models)}
    parts: list[list[CommonCodes]] = [[] for _ in models]
    for start in range(0, n, BATCH):
        images = torch.from_numpy(as_floats(dataset.images(indices[start : start + BATCH]))).to(device)
        for index, model in enumerate(models):
            if broken[index] is None:
                part = _encoded(model, images)
                parts[index].append(part)
                if not np.isfinite(part.codes).all() or np.isnan(part.kl).any():
                    broken[index] = BrokenModelError("its codes hold values that are not finite")
        if progress:
            progress(min(start + BATCH, n), n)
    return [broken[index] or _joined(own) for index, own in enumerate(parts)]


def _encoded(model: LatentModel, images: torch.Tensor) -> CommonCodes:
    posterior = model.posterior(images)
    if posterior is None:
        codes = model.encode(images).cpu().numpy().astype(np.float64)
        return CommonCodes(codes, np.full(codes.shape[1], np.inf))
    return CommonCodes(*(values.cpu().numpy().astype(np.float64) for values in (posterior.mean, _mean_kl(posterior))))


def _mean_kl(posterior: Gaussian) -> torch.Tensor:
    return Gaussian(posterior.mean.double(), posterior.log_variance.double()).kl().mean(dim=0)


def _joined(parts: Sequence[CommonCodes]) -> CommonCodes:
    sizes = [len(part.codes) for part in parts]
    kl = np.average([part.kl for part in parts], axis=0, weights=sizes)
    return CommonCodes(np.concatenate([part.codes for part in parts]), kl)


def _misfit(model: LatentModel, dataset: Dataset) -> BrokenModelError | None:
    if model.image_shape == dataset.image_shape:
        return None
    return BrokenModelError(
        f"its images have shape {model.image_shape}, those of '{dataset.name}' {dataset.image_shape}"
    )
