"""The training loop."""

from __future__ import annotations

import math
import time
from typing import Protocol

import torch

from engine.errors import WorkError
from engine.methods.base import AnyMethod
from engine.models.precision import Precision, computing_in
from engine.training.batches import Batches
from engine.training.captured import CapturedUpdate
from engine.training.estimate import Estimate
from engine.training.settings import TrainingSettings

Scalars = dict[str, float]


class Observer(Protocol):
    """Whoever runs the loop: it is told what happens, and asked whether to stop. ``step`` counts finished updates."""

    def record(self, step: int, scalars: Scalars) -> None:
        """Write a row: losses and the rate since the last row."""

    def note(self, step: int, text: str) -> None:
        """Write a sentence to the event log."""

    def estimate(self, step: int, per_second: float) -> None:
        """Take note of how many updates are done in a second: after the first few, and after a change of schedule."""

    def save(self, step: int, milestone: bool) -> None:
        """Write a checkpoint. ``milestone``: the objective is about to change, or training is complete."""

    def evaluate(self, step: int) -> None:
        """Compute scores of the present model."""

    def stop_requested(self) -> bool:
        """Whether to stop after this update."""


def train(
    method: AnyMethod,
    batches: Batches,
    settings: TrainingSettings,
    start: int,
    observer: Observer,
    precision: Precision = "float32",
) -> int:
    """Train from ``start`` finished updates to ``settings.steps``, or until asked to stop.

    Args:
        method: the method to train.
        batches: batches of real images.
        settings: length and intervals.
        start: number of updates that are finished already.
        observer: is told what happens, and asked whether to stop.
        precision: number type of hidden layers during updates; everything else is float32.

    Returns:
        The number of finished updates. A checkpoint of exactly that state has been written.

    Raises:
        WorkError: a loss is not finite. The row that shows it has been recorded.
    """
    update = CapturedUpdate(method) if settings.cuda_graph else method.update
    turning_points = set(method.turning_points())
    window = _Window(start)
    estimate = Estimate(batches.device)
    for iteration in range(start, settings.steps):
        for text in method.notes_at(iteration):
            observer.note(iteration, text)
        if iteration in turning_points:
            estimate.begin_phase()
        with computing_in(precision):
            window.add(update(batches.at(iteration), iteration))
        step = iteration + 1
        if (per_second := estimate.update_done()) is not None:
            observer.estimate(step, per_second)
        if step % settings.log_every == 0 or step == settings.steps:
            scalars = window.close(step)
            observer.record(step, scalars)
            _require_finite(step, scalars)
        pause = time.monotonic()
        stop = observer.stop_requested() and step < settings.steps
        milestone = step == settings.steps or step in turning_points
        if milestone or stop or step % settings.checkpoint_every == 0:
            observer.save(step, milestone)
            estimate.interrupt()
        if stop:
            return step
        # After the checkpoint: scoring a large dataset takes minutes, and a crash meanwhile should cost nothing.
        if settings.score_every and (step % settings.score_every == 0 or step == settings.steps):
            observer.evaluate(step)
            estimate.interrupt()
        window.exclude(time.monotonic() - pause)
    if start >= settings.steps and settings.score_every:
        # The last attempt crashed between the final checkpoint and its scores.
        observer.evaluate(start)
    return settings.steps


class _Window:
    """Means of the scalars since the last row. Sums stay on the device; the host waits for it only to write a row."""

    def __init__(self, start: int) -> None:
        self._sums: dict[str, torch.Tensor | float] = {}
        self._latest: Scalars = {}
        self._count = 0
        self._start = start
        self._since = time.monotonic()

    def add(self, scalars: dict[str, torch.Tensor | float]) -> None:
        self._count += 1
        for name, value in scalars.items():
            if isinstance(value, torch.Tensor):
                self._sums[name] = self._sums.get(name, 0.0) + value.detach()
            else:
                # A scheduled value has no meaningful mean. The latest one is shown.
                self._latest[name] = value

    def exclude(self, seconds: float) -> None:
        """Leave ``seconds`` that were not spent on updates out of the rate."""
        self._since += seconds

    def close(self, step: int) -> Scalars:
        means = {name: float(total) / self._count for name, total in self._sums.items()}
        now = time.monotonic()
        rate = (step - self._start) / max(now - self._since, 1e-9)
        result = means | self._latest | {"iterations_per_second": rate}
        self._sums, self._latest, self._count, self._start, self._since = {}, {}, 0, step, now
        return result


def _require_finite(step: int, scalars: Scalars) -> None:
    bad = [name for name, value in scalars.items() if not math.isfinite(value)]
    if bad:
        raise WorkError(
            f"training diverged: {', '.join(bad)} is not finite at step {step}; "
            "lower the learning rates or resume from an earlier checkpoint"
        )
