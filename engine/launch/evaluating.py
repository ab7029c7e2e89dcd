"""Scoring a run's checkpoint against the factors of its dataset: ``crtui score``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from engine.errors import InputError
from engine.metrics import SAMPLE_SCORES
from engine.metrics.checks import Protocol, check_protocol
from engine.metrics.sample_quality import check_applicable, is_applicable, judge
from engine.metrics.scoring import choose
from engine.runs.catalogue import RunRecord, add_scores
from engine.runs.store import Store, exclusive_lock, read_file, replace_file
from engine.storage import make_folder

if TYPE_CHECKING:
    from engine.data.dataset import Dataset
    from engine.models.model import CodesKind, Model

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
    """Compute scores of a checkpoint and keep them with the run.

    The codes of a model whose encoder answers with a distribution are draws from it under ``paper``, as in the authors'
    evaluation of VAEs, and its means under ``lib`` (method facts section 8). The draws are seeded; which image gets
    which of them depends on the images that are encoded, and thus on the scores asked for.

    The result is written to ``scores/step-NNNNNNNN-<protocol>.json`` in the run's folder, beside the scores that an
    earlier call found for the same weights and seed. The run's own scores, those of lists, are of the paper's protocol
    at the newest checkpoint of a run that has ended; other results do not touch them.

    Args:
        store: the store of the run.
        record: the run.
        metrics: names of scores, those of :func:`engine.metrics.scoring.choose` and, for models of dSprites,
            ``"inception_score"``, ``"mean_confidence"`` and ``"mode_kl"``; ``"all"`` for all that the model can have;
            ``None`` for the default ones.
        protocol: ``"paper"`` or ``"lib"`` (method facts section 17).
        step: which checkpoint; default: the newest whole one.
        seed: of the evaluation sets, of codes that are drawn, and of latent vectors.
        progress: see :data:`Progress`.
        device: ``auto``, or a torch device.
        dataset: the run's dataset, for callers that have loaded it already.

    Returns:
        The JSON object of ``crtui score``: ``run``, ``step``, ``protocol``, ``scores``, and with them ``name``,
        ``data``, ``seed``, ``fingerprint`` of the weights and ``codes``, ``"mean"`` or ``"sample"``. Where codes were
        scored, ``dead_codes`` are those that are the same for every image; where images were, ``sample_quality`` says
        how many and by which classifier.

    Raises:
        InputError: no such checkpoint, a damaged one, an unknown score, protocol or device, a dataset without known
            factors, a score that is not for this model, or a model whose codes or images are not finite.
        WorkError: the disk refused.
    """
    from engine.metrics.evaluation import evaluate
    from engine.runs.loading import find_checkpoint, load_model
    from engine.training.step_folders import steps

    check_protocol(protocol)
    record.folder.require()
    compute_device = choose_device(device)
    checkpoint = find_checkpoint(record.folder.path, step)
    model = load_model(checkpoint.path, name=record.name or record.id).to(compute_device)
    dataset = dataset or load_dataset(store, record, progress)
    of_codes, of_images = _split(metrics, model, dataset)
    result: dict[str, Any] = {
        "run": record.id,
        "name": record.name,
        "data": record.data,
        "step": checkpoint.step,
        "protocol": protocol,
        "seed": seed,
        "fingerprint": checkpoint.fingerprint,
        "codes": _kind_of_codes(model, protocol),
        "scores": {},
    }
    if of_codes is None or of_codes:
        encode = model.encoder_of(result["codes"], seed)
        evaluation = evaluate(encode, dataset, of_codes, protocol, seed, progress)
        result["dead_codes"] = list(evaluation.dead_codes)
        result["scores"] |= evaluation.scores
    if of_images:
        judgement = judge(model, dataset, store.data, seed, progress, device=compute_device)
        quality = judgement.quality._asdict()
        result["sample_quality"] = {name: value for name, value in asdict(judgement).items() if name != "quality"}
        result["scores"] |= {name: quality[name] for name in of_images}
    _keep(record.folder.path / "scores" / f"{checkpoint.path.name}-{protocol}.json", result)
    newest = checkpoint.step == max(steps(record.folder.checkpoints))
    if protocol == "paper" and newest and record.status.terminal:
        add_scores(record, result["scores"])
    return result


def _split(metrics: Sequence[str] | None, model: Model, dataset: Dataset) -> tuple[Sequence[str] | None, Sequence[str]]:
    """What was asked of the codes (``None`` for the default), and what of the images.

    Raises:
        InputError: an unknown score, or one of images that the model's cannot be judged by.
    """
    if metrics is None:
        return None, []
    if "all" in metrics:
        return ["all"], SAMPLE_SCORES if is_applicable(model, dataset) else []
    of_images = [name for name in SAMPLE_SCORES if name in metrics]
    of_codes = [name for name in metrics if name not in of_images]
    if of_codes or not of_images:
        choose(of_codes)
    if of_images:
        check_applicable(model, dataset)
    return of_codes, of_images


def _kind_of_codes(model: Model, protocol: Protocol) -> CodesKind:
    """What a protocol takes for codes; an encoder that does not answer with a distribution has nothing to draw from."""
    return "sample" if protocol == "paper" and model.has_posterior else "mean"


def load_dataset(store: Store, record: RunRecord, progress: Progress | None = None) -> Dataset:
    """The dataset that a run was trained on, prepared first where that has not been done.

    Raises:
        InputError: it is not known, or its files cannot be used.
        WorkError: the disk refused while it was prepared.
    """
    import engine.data

    data = record.folder.summary().data
    report = None if progress is None else functools.partial(progress, f"preparing {data.name}")
    return engine.data.load(data.name, root=store.data, progress=report, size=data.size)


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
    """Write a result, with what an earlier call found for the same weights, seed and kind of codes."""
    make_folder(path.parent, exist_ok=True)
    with exclusive_lock(path.parent / ".lock"):
        earlier = _read(path)
        if any(earlier.get(key) != result[key] for key in ("fingerprint", "seed", "codes")):
            earlier = {}
        known = earlier.get("scores")
        scores = (known if isinstance(known, dict) else {}) | result["scores"]
        merged = earlier | result | {"scores": scores}
        replace_file(path, orjson.dumps(merged, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _read(path: Path) -> dict[str, Any]:
    """An earlier result; empty where there is none that can be read."""
    try:
        earlier = orjson.loads(read_file(path, _MAX_SCORES_BYTES))
    except (FileNotFoundError, InputError, orjson.JSONDecodeError):
        return {}
    return earlier if isinstance(earlier, dict) else {}
