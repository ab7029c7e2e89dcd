"""Scoring a run's checkpoint against the factors of its dataset: ``crtui score``."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from engine.errors import InputError
from engine.machine.devices import usable_device
from engine.metrics import SAMPLE_SCORES
from engine.metrics.checks import Protocol, check_protocol
from engine.metrics.scores.sample_quality import check_applicable, is_applicable, judge
from engine.metrics.scoring import choose
from engine.progress import PhaseProgress
from engine.runs import data_record
from engine.runs.catalogue import RunRecord, add_scores
from engine.storage.files import make_folder, read_file, replace_file
from engine.storage.locks import exclusive_lock
from engine.storage.store import Store

if TYPE_CHECKING:
    from engine.data.dataset import Dataset
    from engine.models.model import CodesKind, Model

_MAX_SCORES_BYTES = 2**20


def score_run(
    store: Store,
    record: RunRecord,
    metrics: Sequence[str] | None = None,
    protocol: Protocol = "paper",
    step: int | None = None,
    seed: int = 0,
    progress: PhaseProgress | None = None,
    *,
    device: str = "cpu",
    dataset: Dataset | None = None,
    accept_data: bool = False,
) -> dict[str, Any]:
    """Compute scores of a checkpoint and keep them with the run.

    Where the encoder answers with a distribution, the codes are draws from it under ``paper``, as in the authors'
    evaluation of VAEs, and its means under ``lib`` (docs/method.md, section 8). The draws are seeded. Which image gets
    which draw depends on the images that are encoded, and thus on the scores asked for.

    The result is written to ``scores/step-NNNNNNNN-<protocol>.json`` in the run's folder, together with the scores that
    an earlier call found for the same weights and seed. The scores that lists show for a run are those of the paper's
    protocol at its newest checkpoint, once it has ended; other results do not change them.

    Args:
        store: the store of the run.
        record: the run.
        metrics: names of scores, those of :func:`engine.metrics.scoring.choose` and, for models of dSprites,
            ``"inception_score"``, ``"mean_confidence"`` and ``"mode_kl"``; ``"all"`` for all that the model can have;
            ``None`` for the default ones.
        protocol: ``"paper"`` or ``"lib"`` (docs/method.md, section 17).
        step: which checkpoint; default: the newest whole one.
        seed: seed of the evaluation sets, of codes that are drawn, and of latent vectors.
        progress: see :data:`engine.progress.PhaseProgress`.
        device: ``auto``, or a torch device.
        dataset: the run's dataset, if it is loaded already.
        accept_data: whether to go on although the data are not those that the run was trained on.

    Returns:
        The JSON object of ``crtui score``: ``run``, ``step``, ``protocol``, ``scores``, and with them ``name``,
        ``data``, ``seed``, ``fingerprint`` of the weights and ``codes``, ``"mean"`` or ``"sample"``. Where codes were
        scored, ``dead_codes`` are those that are the same for every image. Where images were scored, ``sample_quality``
        says how many, and by which classifier.

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
    compute_device = usable_device(device)
    checkpoint = find_checkpoint(record.folder.path, step)
    model = load_model(checkpoint.path, name=record.name or record.id).to(compute_device)
    dataset = dataset or load_dataset(store, record, progress, accept_data=accept_data)
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
    """Split the wanted scores into those of codes (``None`` for the default ones) and those of images.

    Raises:
        InputError: an unknown score, or a score of images that does not apply to the model.
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
    """Which codes a protocol scores: draws under ``paper``, where the encoder answers with a distribution."""
    return "sample" if protocol == "paper" and model.has_posterior else "mean"


def load_dataset(
    store: Store, record: RunRecord, progress: PhaseProgress | None = None, *, accept_data: bool = False
) -> Dataset:
    """Load the dataset that a run was trained on, and prepare it first where that has not been done.

    Args:
        store: where it is prepared.
        record: the run.
        progress: see :data:`engine.progress.PhaseProgress`.
        accept_data: whether to take it although it is not what the run was trained on.

    Raises:
        InputError: there is no such dataset, its files cannot be used, or they have changed.
        WorkError: the disk refused while it was prepared.
    """
    import engine.data

    data = record.folder.summary().data
    report = None if progress is None else functools.partial(progress, f"preparing {data.name}")
    dataset = engine.data.load(data.name, root=store.data, progress=report, **data.options())
    if not accept_data:
        data_record.require_same(record.folder, dataset.fingerprint())
    return dataset


def _keep(path: Path, result: dict[str, Any]) -> None:
    """Write a result together with the scores of earlier calls for the same weights, seed and kind of codes."""
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
    """An earlier result; empty where none can be read."""
    try:
        earlier = orjson.loads(read_file(path, _MAX_SCORES_BYTES))
    except (FileNotFoundError, InputError, orjson.JSONDecodeError):
        return {}
    return earlier if isinstance(earlier, dict) else {}
