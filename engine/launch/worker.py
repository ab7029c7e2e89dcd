"""The process that trains one run: ``python -m engine.launch.worker RUN_DIR``.

It writes the run's events, its checkpoints and, at the very end, ``outcome.json``; nothing else. On SIGTERM it finishes
the current update, writes a checkpoint and stops. It ignores SIGHUP, so a closed terminal does not end it.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

import psutil
import torch

import engine.data
from engine.data.dataset import Dataset
from engine.errors import CrtuiError, InputError, StoreError
from engine.launch.patience import Patience
from engine.machine.cores import prepare_to_compute
from engine.machine.devices import given_device
from engine.machine.processes import resident_mib
from engine.machine.processor import processor_name
from engine.methods import method_class, package_of
from engine.methods.base import AnyMethod, Setup
from engine.metrics import evaluation
from engine.models.model import Model
from engine.models.precision import PRECISIONS, Precision, choose
from engine.runs import data_record
from engine.runs.computed_by import computed_by_note
from engine.runs.event_log import EventLog
from engine.runs.events import last_step, read_events
from engine.runs.folder import REPAIR_SECONDS, RunFolder
from engine.runs.loading import describe
from engine.runs.log import say
from engine.runs.ownership import require_own
from engine.runs.specification.spec import RunSpec
from engine.runs.state import Outcome, Status, Usage
from engine.selection.independent import find_components, unmixed_by
from engine.storage.descriptors import is_there
from engine.storage.files import may_pass
from engine.training import checkpoints
from engine.training.batches import Batches
from engine.training.checkpoints import Checkpoint
from engine.training.loop import Scalars, train

SYSTEM_SECONDS = 30.0
"""Seconds between two rows of kind ``system``."""
LONG_SECONDS = 120.0
"""A run that takes longer says so."""
RANKING_SCORE = "factor_vae"
"""The score by which ``training.keep_best`` ranks checkpoints."""
_Result = TypeVar("_Result")


def main(arguments: list[str]) -> int:
    """Train the run whose folder is the only argument; return the exit code."""
    prepare_to_compute()
    began = time.monotonic()
    folder = RunFolder(Path(arguments[0]))
    patience = patience_of(folder)
    stop = _StopFlag()
    try:
        os.umask(patience(lambda: folder.store.umask))
        outcome = run(folder, stop, patience)
    except CrtuiError as error:
        outcome = Outcome(status=Status.FAILED, reason=str(error), traceback=traceback.format_exc())
    except Exception as error:
        outcome = Outcome(status=Status.FAILED, reason=_reason(error), traceback=traceback.format_exc())
    if outcome.traceback:
        say(outcome.traceback, error=True)
    ended = outcome.model_copy(update={"usage": _usage(began)})
    try:
        patience(lambda: _write_outcome(folder, ended))
    except CrtuiError as error:
        say(f"error: how this attempt ended cannot be kept: {error}", error=True)
        return 1
    return 0 if outcome.status is not Status.FAILED else 1


def _write_outcome(folder: RunFolder, outcome: Outcome) -> None:
    if folder.is_gone():
        raise InputError(f"run folder {folder.path} is gone")
    folder.write_outcome(outcome)


def run(folder: RunFolder, stop: _StopFlag, patience: Patience | None = None) -> Outcome:
    """Build what the specification says, continue from the newest checkpoint if there is one, and train.

    Args:
        folder: the run.
        stop: whether somebody has asked it to stop.
        patience: with which everything is read from the store and written into it; default: the usual.

    Raises:
        CrtuiError: the specification, the dataset or the checkpoints cannot be used, or training diverged.
    """
    patience = patience or patience_of(folder)
    # Whoever can write into the store of a group can write a specification that names my files as its data.
    patience(lambda: require_own(folder))
    spec, changes = _read(folder, patience, folder.spec), _read(folder, patience, folder.changes)
    state = _read(folder, patience, lambda: folder.state(patience=REPAIR_SECONDS))
    torch.set_num_threads(spec.threads)
    device = torch.device(given_device(state.device or spec.device))
    say(f"attempt {state.attempt}: {spec.method.name} on {spec.data.name}, seed {spec.seed}, {device}")
    engine.data.require_found(spec.data.name, f"run {folder.id}")
    dataset = patience(lambda: engine.data.load(spec.data.name, root=folder.store.data, **spec.data.options()))
    identity = patience(lambda: data_record.record(folder, dataset.fingerprint()))
    cls = method_class(spec.method.name)
    try:
        setup = Setup(dataset.image_shape, len(dataset), spec.seed, spec.training.steps, device)
        method = cls(spec.method, setup)
    except ValueError as error:
        hint = "" if spec.data.name in engine.data.DATASETS else "; or set data.size=64, which resizes the images"
        message = f"method '{spec.method.name}' cannot be built for '{spec.data.name}': {error}{hint}"
        raise InputError(message) from error
    if spec.training.score_codes == "ica":
        _require_scorable_components(method, dataset)
    with EventLog(folder.events_path, state.attempt, patience) as events:
        recorder = _Recorder(folder, spec, dataset, method, device, events, state.attempt, stop, patience)
        start = _read(folder, patience, recorder.restore)
        batches = Batches(dataset, spec.training.batch_size * method.batches_per_update, spec.seed, device)
        events.note(start, identity)
        events.note(start, f"hidden layers compute in {recorder.precision}")
        if package := package_of(spec.method.name):
            events.note(start, f"method {spec.method.name} is of the package {package}")
        for change in changes:
            if change.attempt == state.attempt:
                events.note(start, f"changed for this attempt: {_in_line(change.values)}")
        events.note(start, computed_by_note(processor_name(), torch.__version__))
        step = train(method, batches, spec.training, start, recorder, recorder.precision)
        if spec.training.score_codes == "ica" and step == spec.training.steps:
            recorder.evaluate_components(step)
    scores: dict[str, float | None] = dict(recorder.scores)
    outcome = Outcome(status=Status.FINISHED, step=step, scores=scores, precision=recorder.precision)
    if step < spec.training.steps:
        say(f"stopped at step {step}")
        return outcome.model_copy(update={"status": Status.STOPPED, "reason": "asked to stop"})
    say(f"finished at step {step}")
    return outcome


def _require_scorable_components(method: AnyMethod, dataset: Dataset) -> None:
    """Refuse to train for a score that cannot be computed in the end.

    Raises:
        InputError: the dataset has no factors, or the method no continuous codes.
    """
    instead = "train with training.score_codes=own"
    if obstacle := evaluation.obstacle_to(dataset, RANKING_SCORE):
        raise InputError(f"{obstacle}, so independent components cannot be scored; {instead}")
    if not method.codes_of(method.settings).continuous:
        raise InputError(f"the method has no continuous codes, and ICA is for these; {instead}")


def patience_of(folder: RunFolder) -> Patience:
    """How long a worker waits for a store that refuses, rather than lose what it has computed."""
    return Patience("worker", in_vain=partial(_will_not_pass, folder))


def _will_not_pass(folder: RunFolder, error: StoreError) -> bool:
    """Whether there is no sense in waiting: somebody has to make room or to tidy up, or has deleted the run."""
    if isinstance(error.__cause__, OSError) and not may_pass(error.__cause__):
        return True
    with contextlib.suppress(StoreError):
        return folder.is_gone()
    return False


def _read(folder: RunFolder, patience: Patience, read: Callable[[], _Result]) -> _Result:
    """What is read of a run; while its store is away, nothing is taken for missing."""

    def whole() -> _Result:
        try:
            return read()
        finally:
            if not is_there(folder.path):
                raise StoreError(f"{folder.path} is not there at present")

    return patience(whole)


def _in_line(values: Mapping[str, object]) -> str:
    return ", ".join(f"{key} = {json.dumps(value)}" for key, value in values.items())


def _reason(error: Exception) -> str:
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    # On the CPU, PyTorch raises a plain RuntimeError for this.
    is_memory = isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in text
    return f"out of memory ({text.splitlines()[0]}); lower training.batch_size or free memory" if is_memory else text


def _usage(began: float) -> Usage:
    """The time and memory that this process has used since ``began``, a time of the monotonic clock."""
    own, waited_for = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return Usage(
        wall_seconds=time.monotonic() - began,
        cpu_seconds=own.ru_utime + own.ru_stime + waited_for.ru_utime + waited_for.ru_stime,
        peak_resident_mib=resident_mib(max(own.ru_maxrss, waited_for.ru_maxrss)),
        gpu_peak_mib=torch.cuda.max_memory_allocated() / 2**20 if _used_gpu() else None,
    )


def in_words(seconds: float) -> str:
    """A duration as one says it: ``26 hours``, ``3 days``."""
    for unit, length in (("days", 86_400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _used_gpu() -> bool:
    used: bool = torch.cuda.is_initialized()
    return used


class _StopFlag:
    """Whether this process has got SIGTERM, or SIGINT from a terminal."""

    def __init__(self) -> None:
        self.requested = False
        signal.signal(signal.SIGTERM, self._request)
        signal.signal(signal.SIGINT, self._request)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _request(self, signal_number: int, frame: object) -> None:
        self.requested = True


class _Recorder:
    """The training loop's observer: writes events, checkpoints and lines of the log.

    Attributes:
        scores: the latest scores, by name.
        precision: the number type of hidden layers.
    """

    def __init__(
        self,
        folder: RunFolder,
        spec: RunSpec,
        dataset: Dataset,
        method: AnyMethod,
        device: torch.device,
        events: EventLog,
        attempt: int,
        stop: _StopFlag,
        patience: Patience,
    ) -> None:
        self._folder = folder
        self._spec = spec
        self._dataset = dataset
        self._method = method
        self._device = device
        self._events = events
        self._attempt = attempt
        self._stop = stop
        self._patience = patience
        self._process = psutil.Process()
        self._system_due = 0.0
        self.scores: Scalars = {}
        self.precision: Precision = choose(spec.training.precision, device)
        self._ranked: dict[int, float] = {}

    def restore(self) -> int:
        """Load the newest undamaged checkpoint into the method; return its step, or 0 if there is none."""
        checkpoint = checkpoints.newest(self._folder.checkpoints, warn=lambda text: self.note(0, text))
        step = 0
        if checkpoint is not None:
            self._load(checkpoint)
            step = checkpoint.step
            self.precision = self._precision_of(checkpoint)
            say(f"continued from the checkpoint at step {step}")
        # Also if this is attempt 1: the number of attempts is lost with a state that was damaged.
        if self._attempt > 1 or last_step(self._folder.events_path) is not None:
            self._events.resumed(step)
            earlier = read_events(self._folder.events_path, kinds=["score"], names=[RANKING_SCORE]).rows
            scores = ((row["step"], row[RANKING_SCORE]) for row in earlier)
            self._ranked = {step: score for step, score in scores if isinstance(score, int | float)}
        return step

    def _load(self, checkpoint: Checkpoint) -> None:
        trained_on = checkpoint.description.get("image_shape")
        if trained_on is not None and list(trained_on) != list(self._dataset.image_shape):
            shapes = ["x".join(map(str, shape)) for shape in (self._dataset.image_shape, trained_on)]
            raise InputError(
                f"'{self._spec.data.name}' has images of {shapes[0]}, but this run was trained on images of {shapes[1]}"
            )
        try:
            self._method.networks.load_state_dict(checkpoint.weights())
            self._method.load_trainer_state(checkpoint.trainer_state())
        except (RuntimeError, KeyError, ValueError) as error:
            # Tensors are missing or have another shape, or the optimisers belong to other networks.
            reason = str(error).splitlines()[-1].strip()
            raise InputError(f"checkpoint {checkpoint.path} does not fit the settings of this run: {reason}") from error

    def _precision_of(self, checkpoint: Checkpoint) -> Precision:
        """For ``auto``, the precision that the run began with: it must not change because another device continues."""
        wrote = checkpoint.description.get("precision")
        was_chosen = self._spec.training.precision == "auto" and wrote in PRECISIONS
        return cast(Precision, wrote) if was_chosen else self.precision

    def record(self, step: int, scalars: Scalars) -> None:
        self._events.write(step, "train", **scalars)
        if time.monotonic() >= self._system_due:
            self._system_due = time.monotonic() + SYSTEM_SECONDS
            numbers = {"resident_mib": self._process.memory_info().rss / 2**20}
            if self._device.type == "cuda":
                numbers["gpu_peak_mib"] = torch.cuda.max_memory_allocated(self._device) / 2**20
            self._events.write(step, "system", **numbers)

    def note(self, step: int, text: str) -> None:
        self._events.note(step, text)
        say(f"step {step}: {text}")

    def estimate(self, step: int, per_second: float) -> None:
        total = self._spec.training.steps
        seconds = (total - step) / per_second
        if seconds >= LONG_SECONDS:
            text = f"about {in_words(seconds)} to go: {total - step:,} updates at {per_second:.3g} a second"
            self._events.write(step, "note", text=text, estimated_seconds=seconds)
            say(f"step {step}: {text}")

    def evaluate(self, step: int) -> None:
        if evaluation.obstacle_to(self._dataset, RANKING_SCORE):
            return
        score = self._score(self._model())
        self._ranked[step] = score
        self._put_score(step, RANKING_SCORE, score)

    def evaluate_components(self, step: int) -> None:
        """Score the independent components of the trained model's codes, or say why they mean nothing."""
        model = self._model()
        try:
            components = find_components(model, self._dataset, device=str(self._device))
            score = self._score(unmixed_by(model, components))
        except InputError as error:
            self.note(step, f"independent components are not scored; {error}")
            return
        self._put_score(step, f"{RANKING_SCORE}_ica", score)

    def _model(self) -> Model:
        decoder, encoder = self._method.latent_networks()
        codes = self._method.codes_of(self._spec.method)
        return Model(codes, self._dataset.image_shape, decoder, encoder, self._spec.name)

    def _score(self, model: Model) -> float:
        return evaluation.score(model.encoder_of("sample"), self._dataset, [RANKING_SCORE])[RANKING_SCORE]

    def _put_score(self, step: int, name: str, score: float) -> None:
        self.scores[name] = score
        self._events.write(step, "score", **{name: score})
        say(f"step {step}: {name} {score:.3f}")

    def save(self, step: int, milestone: bool) -> None:
        # Events first: no later attempt computes again what came before a checkpoint.
        self._events.sync()
        waited = self._patience.waited
        self._patience(lambda: self._write_checkpoint(step, milestone))
        waited += self._patience.waited
        _read(self._folder, self._patience, self._delete_checkpoints)
        say(f"step {step}: checkpoint")
        if waited:
            self._events.note(step, f"the store refused to be written for {in_words(waited)}; training waited")

    def _write_checkpoint(self, step: int, milestone: bool) -> None:
        checkpoints.save(
            self._folder.checkpoints,
            step,
            self._method.networks.state_dict(),
            self._method.trainer_state(),
            describe(self._method, self._dataset.image_shape, self._spec.data.name, self.precision),
            milestone,
        )

    def _delete_checkpoints(self) -> None:
        training = self._spec.training
        best = checkpoints.best_steps(self._folder.checkpoints, self._ranked, training.keep_best)
        checkpoints.prune(self._folder.checkpoints, training.keep_checkpoints, best)

    def stop_requested(self) -> bool:
        return self._stop.requested


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
