"""Scoring a run's checkpoint against the factors of its dataset: ``crtui score``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from engine.errors import InputError
from engine.metrics.checks import Protocol
from engine.runs.catalogue import RunRecord, add_scores
from engine.runs.store import FOLDER_MODE, Store, exclusive_lock, read_file, replace_file

if TYPE_CHECKING:
    from engine.data.dataset import Dataset

Progress = Callable[[str, int, int], None]
"""Called with what is being done, in words, how much of it is done, and how much there is."""

_MAX_SCORES_BYTES = 2**20


def score_run(
    store: Store,
    record: RunRecord,
    metrics: Sequence[str] | None = None,
    protocol: Protocol = "paper",
    step: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    *,
    device: str = "cpu",
    dataset: Dataset | None = None,
) -> dict[str, Any]:
    """Compute disentanglement scores of a checkpoint and keep them with the run.

    The result is written to ``scores/step-NNNNNNNN-<protocol>.json`` in the run's folder, beside the scores that an
    earlier call found for the same weights and seed. The run's own scores, those of lists, are of the paper's protocol
    at the newest checkpoint of a run that has ended; other results do not touch them.

    Args:
        store: the store of the run.
        record: the run.
        metrics: score names as in the result, ``"dci"`` for its three; ``None`` for all.
        protocol: ``"paper"`` or ``"lib"`` (method facts section 17).
        step: which checkpoint; default: the newest whole one.
        seed: of the evaluation sets.
        progress: see :data:`Progress`.
        device: ``auto``, or a torch device.
        dataset: the run's dataset, for callers that have loaded it already.

    Returns:
        The JSON object of ``crtui score``: ``run``, ``step``, ``protocol``, ``scores``, and with them ``name``,
        ``data``, ``seed``, ``fingerprint`` of the weights and ``dead_codes``, those that are the same for every image.

    Raises:
        InputError: no such checkpoint, a damaged one, an unknown score, protocol or device, a dataset without known
            factors, or a model whose codes are not finite.
        WorkError: the disk refused.
    """
    from engine.metrics.evaluation import evaluate
    from engine.runs.loading import find_checkpoint, load_model
    from engine.training import checkpoints

    record.folder.require()
    compute_device = choose_device(device)
    checkpoint = find_checkpoint(record.folder.path, step)
    model = load_model(checkpoint.path, name=record.name or record.id).to(compute_device)
    dataset = dataset or load_dataset(store, record, progress)
    evaluation = evaluate(model.encode, dataset, metrics, protocol, seed, progress)
    result = {
        "run": record.id,
        "name": record.name,
        "data": record.data,
        "step": checkpoint.step,
        "protocol": protocol,
        "seed": seed,
        "fingerprint": checkpoint.fingerprint,
        "dead_codes": list(evaluation.dead_codes),
        "scores": evaluation.scores,
    }
    _keep(record.folder.path / "scores" / f"{checkpoint.path.name}-{protocol}.json", result)
    newest = checkpoint.step == max(checkpoints.steps(record.folder.checkpoints))
    if protocol == "paper" and newest and record.status.terminal:
        add_scores(record, evaluation.scores)
    return result


def load_dataset(store: Store, record: RunRecord, progress: Progress | None = None) -> Dataset:
    """The dataset that a run was trained on, prepared first where that has not been done.

    Raises:
        InputError: it is not known, or its files cannot be used.
        WorkError: the disk refused while it was prepared.
    """
    import engine.data

    name = record.folder.summary().data.name
    report = None if progress is None else functools.partial(progress, f"preparing {name}")
    return engine.data.load(name, root=store.data, progress=report)


def choose_device(name: str) -> str:
    """The torch device for computing in this process; ``auto`` is a GPU where there is one.

    Raises:
        InputError: the machine has no such device.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = name.partition(":")
    count = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}.get(kind, 0)
    if count == 0 or (number and not (number.isdecimal() and int(number) < count)):
        raise InputError(f"device '{name}' is not available here; use cpu or auto")
    return name


def _keep(path: Path, result: dict[str, Any]) -> None:
    """Write a result, with the scores that an earlier call found for the same weights and seed."""
    path.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
    with exclusive_lock(path.parent / ".lock"):
        earlier = _read(path)
        same = all(earlier.get(key) == result[key] for key in ("fingerprint", "seed"))
        known = earlier.get("scores") if same else None
        merged = result | {"scores": (known if isinstance(known, dict) else {}) | result["scores"]}
        replace_file(path, orjson.dumps(merged, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _read(path: Path) -> dict[str, Any]:
    """An earlier result; empty where there is none that can be read."""
    try:
        earlier = orjson.loads(read_file(path, _MAX_SCORES_BYTES))
    except (FileNotFoundError, InputError, orjson.JSONDecodeError):
        return {}
    return earlier if isinstance(earlier, dict) else {}
