"""What the runs of a table will cost, from updates that are timed on this machine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from engine.machine.devices import usable_device
from engine.methods import method_class
from engine.methods.base import AnyMethod, Setup
from engine.models.precision import choose, computing_in
from engine.reproduction.planning import PlannedRun
from engine.reproduction.published import PublishedTable
from engine.runs.specification.spec import RunSpec

_WARM_UPS = 2
_MOST_UPDATES = 50
_SECONDS = 1.0
"""How long updates of one kind are timed."""


@dataclass(frozen=True)
class Cost:
    """What a training's runs will cost.

    Attributes:
        training: the training.
        runs: how many have something left to do.
        updates: how many that is, all runs together.
        seconds: what it takes, one run at a time on one device.
        device: where updates were timed.
        threads: CPU threads of a run.
    """

    training: str
    runs: int
    updates: int
    seconds: float
    device: str
    threads: int


def foresee(table: PublishedTable, planned: Sequence[PlannedRun], device: str = "auto") -> list[Cost]:
    """Time some updates of each training here, and say what is left to do at that rate.

    Updates are timed on random images, of each phase of the training by itself: with the regulariser an update costs
    more. Scoring, checkpoints and choosing are not counted.

    Args:
        table: the table.
        planned: its runs.
        device: ``auto``, or a torch device.

    Raises:
        InputError: there is no such device here.
    """
    compute_device = usable_device(device)
    costs = []
    for name in dict.fromkeys(run.training for run in planned):
        runs = [run for run in planned if run.training == name and run.updates_done < run.steps]
        if runs:
            phases = _phases(runs[0].spec, table, compute_device)
            seconds = sum(_seconds(phases, run.updates_done, run.steps) for run in runs)
            updates = sum(run.steps - run.updates_done for run in runs)
            costs.append(Cost(name, len(runs), updates, seconds, compute_device, runs[0].spec.threads))
    return costs


def _phases(spec: RunSpec, table: PublishedTable, device: str) -> list[tuple[int, float]]:
    """For each phase of a run the update that it begins with, and seconds an update."""
    torch.set_num_threads(spec.threads)
    setup = Setup(table.image_shape, table.images, spec.seed, spec.training.steps, torch.device(device))
    method = method_class(spec.method.name)(spec.method, setup)
    height, width, channels = table.image_shape
    batch = spec.training.batch_size * method.batches_per_update
    images = torch.rand((batch, channels, height, width)).to(setup.device)
    starts = [0, *(point for point in method.turning_points() if point < spec.training.steps)]
    with computing_in(choose(spec.training.precision, setup.device)):
        return [(start, _seconds_an_update(method, images, start)) for start in starts]


def _seconds_an_update(method: AnyMethod, images: torch.Tensor, start: int) -> float:
    for iteration in range(start, start + _WARM_UPS):
        method.update(images, iteration)
    _wait(images)
    began = time.perf_counter()
    done = 0
    while done < _MOST_UPDATES and time.perf_counter() - began < _SECONDS:
        method.update(images, start + 1)
        _wait(images)
        done += 1
    return (time.perf_counter() - began) / done


def _wait(images: torch.Tensor) -> None:
    if images.is_cuda:
        torch.cuda.synchronize(images.device)


def _seconds(phases: Sequence[tuple[int, float]], begin: int, end: int) -> float:
    """What the updates from ``begin`` to ``end`` take."""
    edges = [start for start, _ in phases[1:]] + [end]
    return sum(
        max(min(edge, end) - max(start, begin), 0) * seconds
        for (start, seconds), edge in zip(phases, edges, strict=True)
    )
