"""The scores of an encoder on a dataset of known factors."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Dataset
from engine.errors import InputError
from engine.metrics import SCORES
from engine.metrics.checks import Protocol
from engine.metrics.evaluation_sets import EvaluationSets, SetSizes
from engine.metrics.scoring import EncodedSets, Score, SetName
from engine.metrics.spread import is_dead

Encoder = Callable[[NDArray[np.float32]], NDArray[np.floating]]
"""Images float32 ``[n, C, H, W]`` in [0, 1] to codes float ``[n, d]``."""

Progress = Callable[[str, int, int], None]
"""Called with what is being done (``"encoding"`` or a score's name), how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Args:
        scores: each number by its key.
        dead_codes: dimensions that are the same for every image seen; they got no vote and no importance.
        protocol: the protocol.
        seed: what the sets derive from.
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
    progress: Progress | None = None,
) -> dict[str, float]:
    """The scores alone; see :func:`evaluate`.

    Returns:
        The chosen numbers of ``factor_vae``, ``beta_vae``, ``dci_disentanglement``, ``dci_completeness``,
        ``dci_informativeness``, ``sap``, ``mig``, ``modularity``, ``explicitness``.
    """
    return evaluate(encode, dataset, metrics, protocol, seed, progress).scores


def evaluate(
    encode: Encoder,
    dataset: Dataset,
    metrics: Sequence[str] | None = None,
    protocol: Protocol = "paper",
    seed: int = 0,
    progress: Progress | None = None,
    *,
    sizes: SetSizes | None = None,
    batch_size: int = 512,
) -> Evaluation:
    """Score an encoder against the factors of a dataset.

    The images are those of :meth:`engine.metrics.evaluation_sets.EvaluationSets.draw`, so they depend on dataset,
    protocol, seed and sizes but not on the encoder. Only sets that the chosen scores need are encoded, and every
    distinct image once, in the dataset's order: never more images than were drawn, never more than the dataset has. (An
    encoder that samples its codes thus gives an image the same sample wherever it was drawn.)

    DCI is that of the protocol's own regressor: ``lasso`` or ``gradient-boosting``. DCI and SAP are given factor values
    under ``paper``; all else is given factor ids.

    Args:
        encode: images float32 ``[n, C, H, W]`` in [0, 1] to codes float ``[n, d]``.
        dataset: a dataset in grid order.
        metrics: keys as in the result, or ``"dci"`` for its three; ``None`` for all.
        protocol: ``"paper"`` or ``"lib"``.
        seed: what the sets derive from.
        progress: see :data:`Progress`; called after every batch and before every score.
        sizes: other sizes than the protocol's.
        batch_size: images for one call of ``encode``.

    Raises:
        InputError: an unknown metric or protocol, a dataset without factors, codes of the wrong shape or not finite.
    """
    chosen = _chosen(metrics)
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


def _chosen(metrics: Sequence[str] | None) -> dict[str, tuple[Score, list[str]]]:
    """The scores to compute and, of each, the keys to give."""
    entries: dict[str, Score] = {name: importlib.import_module(module).SCORE for name, module in SCORES.items()}
    if metrics is None:
        return {name: (entry, list(entry.keys)) for name, entry in entries.items()}
    known = [key for entry in entries.values() for key in entry.keys]
    unknown = [name for name in metrics if name not in known and name not in entries]
    if unknown:
        raise InputError(f"unknown metric '{unknown[0]}': it is one of {', '.join(known)}")
    if not metrics:
        raise InputError(f"no metric was asked for: name at least one of {', '.join(known)}")
    asked = {name: [key for key in entry.keys if {name, key} & set(metrics)] for name, entry in entries.items()}
    return {name: (entries[name], keys) for name, keys in asked.items() if keys}


def _needed(chosen: dict[str, tuple[Score, list[str]]], sets: EvaluationSets) -> list[SetName]:
    """The sets that the scores read, their held-out counterparts included."""
    wanted = {name for entry, _ in chosen.values() for name in entry.sets}
    return [name for name in sets.indices if name.removeprefix("test_") in wanted]


def _encode_sets(
    encode: Encoder,
    dataset: Dataset,
    sets: EvaluationSets,
    needed: Sequence[SetName],
    progress: Progress | None,
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
    pixels = np.ascontiguousarray(dataset.images(indices).transpose(0, 3, 1, 2), dtype=np.float32)
    codes = np.asarray(encode(pixels / np.float32(255)))
    if codes.ndim != 2 or len(codes) != len(indices) or codes.shape[1] == 0:
        raise InputError(f"the encoder must give codes [n, d] for n = {len(indices)} images, but gave {codes.shape}")
    if not np.isfinite(codes).all():
        raise InputError("the encoder gave codes that are NaN or infinite: a model that diverged cannot be scored")
    return codes


def _encoded_sets(dataset: Dataset, sets: EvaluationSets, codes: dict[SetName, NDArray[np.float64]]) -> EncodedSets:
    columns = list(sets.columns)
    labelled: list[SetName] = [name for name in codes if name.endswith("labelled")]
    ids = {name: dataset.factors_of(sets.indices[name])[:, columns] for name in labelled}
    tables = [np.array(dataset.factors[column].values) for column in columns]
    values = {
        name: np.stack([table[column] for table, column in zip(tables, table_ids.T, strict=True)], axis=1)
        for name, table_ids in ids.items()
    }
    continuous = tuple(dataset.factor_continuous[column] for column in columns)
    return EncodedSets(sets.protocol, continuous, codes, sets.labels, ids, values)
