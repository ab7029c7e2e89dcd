"""The scores of an encoder on a dataset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.data.bridge import as_floats
from engine.data.dataset import Dataset
from engine.errors import InputError
from engine.metrics.checks import Protocol
from engine.metrics.evaluation_sets import EvaluationSets, SetSizes, undrawable
from engine.metrics.scoring import EncodedSets, Score, SetName, choose
from engine.metrics.spread import is_dead
from engine.progress import PhaseProgress

Encoder = Callable[[NDArray[np.float32]], NDArray[np.floating]]
"""Images float32 ``[n, C, H, W]`` in [0, 1] to codes float ``[n, d]``."""


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Args:
        scores: each number by its key.
        dead_codes: dimensions that are the same for every image seen; they got no vote and no importance.
        protocol: the protocol.
        seed: seed of the sets.
        sizes: how much was drawn.
        encoded_images: images that went through the encoder.
    """

    scores: dict[str, float]
    dead_codes: tuple[int, ...]
    protocol: Protocol
    seed: int
    sizes: SetSizes
    encoded_images: int


def score(
    encode: Encoder,
    dataset: Dataset,
    metrics: Sequence[str] | None = None,
    protocol: Protocol = "paper",
    seed: int = 0,
    progress: PhaseProgress | None = None,
) -> dict[str, float]:
    """The scores alone; see :func:`evaluate`.

    Returns:
        The chosen numbers, by default ``factor_vae``, ``beta_vae``, ``dci_disentanglement``, ``dci_completeness``,
        ``dci_informativeness``, ``sap``, ``mig``, ``modularity``, ``explicitness``.
    """
    return evaluate(encode, dataset, metrics, protocol, seed, progress).scores


def evaluate(
    encode: Encoder,
    dataset: Dataset,
    metrics: Sequence[str] | None = None,
    protocol: Protocol = "paper",
    seed: int = 0,
    progress: PhaseProgress | None = None,
    *,
    sizes: SetSizes | None = None,
    batch_size: int = 512,
) -> Evaluation:
    """Score an encoder on a dataset, against its factors where the score asks for them.

    The images are those of :meth:`engine.metrics.evaluation_sets.EvaluationSets.draw`, so they depend on dataset,
    protocol, seed and sizes but not on the encoder. Only sets that the chosen scores need are encoded. Every distinct
    image is encoded once, in the dataset's order. (So an encoder that samples its codes gives an image the same sample
    in every set.)

    A dataset without a factor grid does not allow every score; see :func:`obstacle_to`. If no score is named, or
    ``"all"``, those that it allows are computed. A score that is named must be possible.

    By default DCI takes the protocol's own regressor: ``lasso`` or ``gradient-boosting``. SAP under ``paper``, and DCI
    with any regressor but ``gradient-boosting``, see factor values; all others see factor ids.

    Args:
        encode: images float32 ``[n, C, H, W]`` in [0, 1] to codes float ``[n, d]``.
        dataset: what the images are drawn from.
        metrics: see :func:`engine.metrics.scoring.choose`; ``None`` for the default scores, ``"all"`` for all.
        protocol: ``"paper"`` or ``"lib"``.
        seed: seed of the sets.
        progress: see :data:`PhaseProgress`; called after every batch and before every score.
        sizes: other sizes than the protocol's.
        batch_size: images for one call of ``encode``.

    Raises:
        InputError: an unknown metric or protocol, a score that the dataset does not allow, codes of the wrong shape or
            not finite.
    """
    chosen = computable(dataset, metrics, protocol)
    sets = EvaluationSets.draw(dataset, protocol, seed, sizes)
    codes, encoded = _encode_sets(encode, dataset, sets, _needed(chosen, sets), progress, batch_size)
    data = _encoded_sets(dataset, sets, codes)
    scores: dict[str, float] = {}
    for done, (name, (entry, keys)) in enumerate(chosen.items()):
        if progress:
            progress(name, done, len(chosen))
        numbers = entry.compute(data)
        scores |= {key: numbers[key] for key in keys}
    dead = tuple(int(dimension) for dimension in np.flatnonzero(is_dead(encoded)))
    return Evaluation(scores, dead, protocol, seed, sets.sizes, len(encoded))


def obstacle_to(dataset: Dataset, metric: str, protocol: Protocol = "paper") -> str | None:
    """Why a score cannot be computed on a dataset, as the beginning of a sentence; ``None`` if it can.

    Returns:
        For example ``"dataset 'photos' has no known factors"``.

    Raises:
        InputError: an unknown metric or protocol.
    """
    lacking = undrawable(dataset, protocol)
    return next(
        (lacking[name] for entry, _ in choose([metric]).values() for name in entry.sets if name in lacking), None
    )


def computable(
    dataset: Dataset, metrics: Sequence[str] | None, protocol: Protocol
) -> dict[str, tuple[Score, list[str]]]:
    """The scores that :func:`evaluate` computes: those that are named, or else those that the dataset allows.

    Returns:
        As :func:`engine.metrics.scoring.choose`.

    Raises:
        InputError: an unknown metric, or one that the dataset does not allow.
    """
    chosen, lacking = choose(metrics), undrawable(dataset, protocol)
    reasons = {
        name: lacking[needed] for name, (entry, _) in chosen.items() for needed in entry.sets if needed in lacking
    }
    if reasons and (len(reasons) == len(chosen) or not (metrics is None or "all" in metrics)):
        name, reason = next(iter(reasons.items()))
        if metrics is None:
            raise InputError(f"{reason}, so no default score can be computed on it; 'all' asks for those that can")
        raise InputError(f"{reason}, so {name} cannot be computed on it")
    return {name: choice for name, choice in chosen.items() if name not in reasons}


def _needed(chosen: dict[str, tuple[Score, list[str]]], sets: EvaluationSets) -> list[SetName]:
    """The sets that the scores read, their held-out counterparts included."""
    wanted = {name for entry, _ in chosen.values() for name in entry.sets}
    return [name for name in sets.indices if name.removeprefix("test_") in wanted]


def _encode_sets(
    encode: Encoder,
    dataset: Dataset,
    sets: EvaluationSets,
    needed: Sequence[SetName],
    progress: PhaseProgress | None,
    batch_size: int,
) -> tuple[dict[SetName, NDArray[np.float64]], NDArray[np.float64]]:
    """Codes of each needed set, and the codes of all distinct images among them."""
    distinct = np.unique(np.concatenate([sets.indices[name].ravel() for name in needed]))
    batches = []
    for start in range(0, len(distinct), batch_size):
        batches.append(_encode(encode, dataset, distinct[start : start + batch_size]))
        if progress:
            progress("encoding", start + len(batches[-1]), len(distinct))
    widths = {batch.shape[1] for batch in batches}
    if len(widths) > 1:
        raise InputError(f"the encoder must give every image the same number of codes, but gave {sorted(widths)}")
    codes = np.concatenate(batches).astype(np.float64)
    return {name: codes[np.searchsorted(distinct, sets.indices[name])] for name in needed}, codes


def _encode(encode: Encoder, dataset: Dataset, indices: NDArray[np.int64]) -> NDArray[np.floating]:
    codes = np.asarray(encode(as_floats(dataset.images(indices))))
    if codes.ndim != 2 or len(codes) != len(indices) or codes.shape[1] == 0:
        raise InputError(f"the encoder must give codes [n, d] for n = {len(indices)} images, but gave {codes.shape}")
    if not np.isfinite(codes).all():
        raise InputError("the encoder gave codes that are NaN or infinite: a model that diverged cannot be scored")
    return codes


def _encoded_sets(dataset: Dataset, sets: EvaluationSets, codes: dict[SetName, NDArray[np.float64]]) -> EncodedSets:
    columns = list(sets.columns)
    labelled: list[SetName] = [name for name in codes if name.endswith("labelled")]
    ids = {name: dataset.factors_of(sets.indices[name])[:, columns] for name in labelled}
    values = {name: dataset.factor_values(sets.indices[name])[:, columns] for name in labelled}
    continuous = tuple(dataset.factor_continuous[column] for column in columns)
    return EncodedSets(sets.protocol, continuous, codes, sets.labels, ids, values)
