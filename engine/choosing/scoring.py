"""Scoring a run's checkpoint against the factors of its dataset: ``crtui score``."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.choosing.kept_scores import (
    ScoresBySeed,
    keep_scores,
    kept_scores,
    mean_and_spread,
    scores_path,
)
from engine.errors import InputError
from engine.machine.devices import usable_device
from engine.metrics import SAMPLE_SCORES
from engine.metrics.checks import Protocol, check_protocol
from engine.metrics.evaluation import computable, evaluate
from engine.metrics.scores.sample_quality import check_applicable, is_applicable, judge
from engine.metrics.scoring import choose
from engine.progress import PhaseProgress
from engine.runs import data_record
from engine.runs.catalogue import RunRecord, add_scores
from engine.selection.independent import check_codes, find_components, unmixed_by
from engine.storage.store import Store
from engine.version import VERSION

if TYPE_CHECKING:
    from engine.data.dataset import Dataset
    from engine.models.model import CodesKind, Model

MOST_REPEATS = 1000


def score_run(
    store: Store,
    record: RunRecord,
    metrics: Sequence[str] | None = None,
    protocol: Protocol = "paper",
    step: int | None = None,
    seed: int = 0,
    progress: PhaseProgress | None = None,
    *,
    codes: str = "own",
    device: str = "cpu",
    dataset: Dataset | None = None,
    repeats: int = 1,
    reuse: bool = False,
    accept_data: bool = False,
) -> dict[str, Any]:
    """Compute scores of a checkpoint and keep them with the run.

    Where the encoder answers with a distribution, the codes are draws from it under ``paper``, as in the authors'
    evaluation of VAEs, and its means under ``lib`` (docs/method.md, section 8). The draws are seeded. Which image gets
    which draw depends on the images that are encoded, and thus on the scores asked for.

    A score has noise: the images that it is computed on are drawn. With ``repeats`` it is computed with so many
    evaluation seeds; then ``scores`` are means over them and ``spread`` is their standard deviation.

    The result is written to ``scores/step-NNNNNNNN-<protocol>.json`` in the run's folder after each evaluation seed,
    together with what an earlier call found (:mod:`engine.choosing.kept_scores`). The scores that lists show for a run
    are those of the paper's protocol at its newest checkpoint, once it has ended; other results do not change them. The
    scores of an exported model are returned, and kept nowhere.

    Args:
        store: the store of the run.
        record: the run.
        metrics: names of scores, those of :func:`engine.metrics.scoring.choose` and, for models of dSprites,
            ``"inception_score"``, ``"mean_confidence"`` and ``"mode_kl"``; ``"all"`` for all that the model can have;
            ``None`` for the default ones.
        protocol: ``"paper"`` or ``"lib"`` (docs/method.md, section 17).
        step: which checkpoint; default: the newest whole one.
        seed: seed of the evaluation sets, of codes that are drawn, and of latent vectors; with ``repeats``, the first.
        progress: see :data:`engine.progress.PhaseProgress`.
        codes: ``own``, or ``ica`` for the independent components of the model's codes
            (:mod:`engine.selection.independent`). Such scores are returned and not kept: the run does not have them.
        device: ``auto``, or a torch device.
        dataset: the run's dataset, if it is loaded already.
        repeats: how many evaluation seeds: ``seed``, ``seed + 1`` and so on.
        reuse: whether to take what the run has kept for the same weights and evaluation seed instead of computing it
            again, so that an interrupted call goes on where it was.
        accept_data: whether to go on although the data are not those that the run was trained on.

    Returns:
        The JSON object of ``crtui score``: ``run``, ``step``, ``protocol``, ``scores``, and with them ``name``,
        ``data``, ``seed``, ``repeats``, ``spread`` (empty for one evaluation seed), ``version`` of the program,
        ``fingerprint`` of the weights and ``codes``, ``"mean"`` or ``"sample"``, followed by ``", ica"`` for
        independent components. With several evaluation seeds, ``by_seed`` has the scores of each. Where codes were
        scored, ``dead_codes`` are those that are the same for every image. Where images were scored,
        ``sample_quality`` says how many, and by which classifier.

    Raises:
        InputError: no such checkpoint, a damaged one, an unknown score, protocol, codes or device, codes whose
            components ICA cannot know, a dataset without known factors, a score that is not for this model, a model
            whose codes or images are not finite, or a number of evaluation seeds that makes no sense.
        WorkError: the disk refused.
    """
    from engine.runs.loading import find_checkpoint, load_model
    from engine.training.step_folders import steps

    check_protocol(protocol)
    check_codes(codes)
    if not 1 <= repeats <= MOST_REPEATS:
        raise InputError(f"{repeats} repeats make no sense; give a number from 1 to {MOST_REPEATS}")
    record.folder.require()
    compute_device = usable_device(device)
    checkpoint = find_checkpoint(record.folder.path, step)
    model = load_model(checkpoint.path, name=record.name or record.id).to(compute_device)
    dataset = dataset or load_dataset(store, record, progress, accept_data=accept_data)
    if codes == "ica":
        report = None if progress is None else functools.partial(progress, "independent components")
        components = find_components(model, dataset, seed=seed, device=compute_device, progress=report)
        model = unmixed_by(model, components)
    scorer = _Scorer(model, dataset, metrics, protocol, store.data, compute_device)
    result: dict[str, Any] = {
        "run": record.id,
        "name": record.name,
        "data": record.data,
        "step": checkpoint.step,
        "protocol": protocol,
        "seed": seed,
        "repeats": 1,
        "version": VERSION,
        "fingerprint": checkpoint.fingerprint,
        "codes": scorer.codes if codes == "own" else f"{scorer.codes}, {codes}",
    }
    kept_nowhere = record.exported or codes != "own"
    path = None if kept_nowhere else scores_path(record.folder.path, checkpoint.step, protocol)
    kept, rest = kept_scores(path, result) if reuse and path else ({}, {})
    by_seed: ScoresBySeed = {}
    for repeat, each in enumerate(range(seed, seed + repeats), start=1):
        if scorer.keys <= kept.get(each, {}).keys():
            by_seed[each] = {name: kept[each][name] for name in kept[each] if name in scorer.keys}
            result = {key: rest[key] for key in _SEEN if key in rest} | result
        else:
            by_seed[each], seen = scorer.scores(each, _of_repeat(progress, repeat, repeats))
            result |= seen
        result |= dict(zip(("scores", "spread"), mean_and_spread(by_seed), strict=True)) | {"repeats": repeat}
        if repeats > 1:
            result["by_seed"] = {str(number): scores for number, scores in by_seed.items()}
        if path:
            keep_scores(path, result, by_seed)
    if kept_nowhere:
        return result
    newest = checkpoint.step == max(steps(record.folder.checkpoints))
    if protocol == "paper" and newest and record.status.terminal:
        add_scores(record, result["scores"])
    return result


_SEEN = ("dead_codes", "sample_quality")
"""What an evaluation reports beside scores."""


class _Scorer:
    """Scores one model with any evaluation seed.

    Attributes:
        codes: which codes are scored.
        keys: names of the scores.
    """

    def __init__(
        self,
        model: Model,
        dataset: Dataset,
        metrics: Sequence[str] | None,
        protocol: Protocol,
        data_root: Path,
        device: str,
    ) -> None:
        self.codes = _kind_of_codes(model, protocol)
        self._model, self._dataset, self._protocol = model, dataset, protocol
        self._data_root, self._device = data_root, device
        self._of_codes, self._of_images = _split(metrics, model, dataset)
        self.keys = set(self._of_images)
        if self._scores_codes:
            self.keys |= {key for _, keys in computable(dataset, self._of_codes, protocol).values() for key in keys}

    @property
    def _scores_codes(self) -> bool:
        return self._of_codes is None or bool(self._of_codes)

    def scores(self, seed: int, progress: PhaseProgress | None) -> tuple[dict[str, float], dict[str, Any]]:
        """The scores by name, and what else was seen (:data:`_SEEN`)."""
        scores: dict[str, float] = {}
        seen: dict[str, Any] = {}
        if self._scores_codes:
            encode = self._model.encoder_of(self.codes, seed)
            evaluation = evaluate(encode, self._dataset, self._of_codes, self._protocol, seed, progress)
            seen["dead_codes"] = list(evaluation.dead_codes)
            scores |= evaluation.scores
        if self._of_images:
            judgement = judge(self._model, self._dataset, self._data_root, seed, progress, device=self._device)
            quality = judgement.quality._asdict()
            seen["sample_quality"] = {name: value for name, value in asdict(judgement).items() if name != "quality"}
            scores |= {name: quality[name] for name in self._of_images}
        return scores, seen


def _of_repeat(progress: PhaseProgress | None, repeat: int, repeats: int) -> PhaseProgress | None:
    """Say in the progress which evaluation seed of several it is about."""
    if progress is None or repeats == 1:
        return progress
    return lambda what, done, total: progress(f"seed {repeat} of {repeats}: {what}", done, total)


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
    engine.data.require_found(data.name, f"run {record.id}")
    report = None if progress is None else functools.partial(progress, f"preparing {data.name}")
    dataset = engine.data.load(data.name, root=store.data, progress=report, **data.options())
    if not accept_data:
        data_record.require_same(record.folder, dataset.fingerprint())
    return dataset
