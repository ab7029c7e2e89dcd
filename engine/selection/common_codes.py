"""The codes that the models of a pool give to the same images of a dataset: what UDR compares."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from engine.data.dataset import Dataset
from engine.selection.generated_set import BrokenModelError, LatentModel

COMMON_IMAGES = 10_000
"""Images that UDR compares models on. Neither the paper nor disentanglement_lib's study fixes a number; ours."""
BATCH = 1000


def common_codes(
    models: Sequence[LatentModel],
    dataset: Dataset,
    *,
    seed: int,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> list[NDArray[np.float64] | BrokenModelError]:
    """Encode the same random images, drawn without replacement, with every model.

    Args:
        models: the pool, on ``device``.
        dataset: where the images come from; at most 10,000 are used.
        seed: of the draw.
        device: where the images are put.
        progress: called with images done and images to do.

    Returns:
        For each model its codes float64 ``[n, d]``, or why it has none: images of another shape, codes that are not
        finite.
    """
    n = min(COMMON_IMAGES, len(dataset))
    indices = np.sort(np.random.default_rng(seed).choice(len(dataset), size=n, replace=False))
    broken = {index: _misfit(model, dataset) for index, model in enumerate(models)}
    codes: list[list[NDArray[np.float64]]] = [[] for _ in models]
    for start in range(0, n, BATCH):
        pixels = dataset.images(indices[start : start + BATCH]).transpose(0, 3, 1, 2)
        images = torch.from_numpy(np.ascontiguousarray(pixels, dtype=np.float32) / np.float32(255)).to(device)
        for index, model in enumerate(models):
            if broken[index] is None:
                batch = model.encode(images).cpu().numpy().astype(np.float64)
                codes[index].append(batch)
                if not np.isfinite(batch).all():
                    broken[index] = BrokenModelError("its codes hold values that are not finite")
        if progress:
            progress(min(start + BATCH, n), n)
    return [broken[index] or np.concatenate(batches) for index, batches in enumerate(codes)]


def _misfit(model: LatentModel, dataset: Dataset) -> BrokenModelError | None:
    if model.image_shape == dataset.image_shape:
        return None
    return BrokenModelError(
        f"its images have shape {model.image_shape}, those of '{dataset.name}' {dataset.image_shape}"
    )
