"""Pools of runs that studies share: trained where they are missing, scored, each once."""

from __future__ import annotations

import contextlib
import multiprocessing
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from cr_tui.cli.run_query import SpecKeys, parse_where
from engine.choosing.kept_scores import kept_scores, scores_path
from engine.choosing.scoring import score_run
from engine.errors import CrtuiError, InputError, WorkError
from engine.launch import launchers
from engine.launch.taking_up import earlier_runs, take_up
from engine.machine.cores import prepare_to_compute
from engine.metrics.checks import Protocol
from engine.runs.catalogue import RunRecord, find_run, list_runs, look_at
from engine.runs.specification.spec import RunSpec
from engine.runs.state import Status
from engine.storage.store import Store
from method_table import COLUMNS

Say = Callable[[str], None]
Scores = Mapping[str, float]

_POLL_SECONDS = 1.0


def to_stderr(text: str) -> None:
    """Print a line beside the tables."""
    print(text, file=sys.stderr, flush=True)


def finished_runs(store: Store, groups: Sequence[str], where: str | None = None) -> list[RunRecord]:
    """The finished runs of some groups. Says how many others there are.

    Args:
        store: the store.
        groups: patterns of their names, such as ``demo-*``.
        where: only runs that meet these terms of ``crtui runs list --where``.

    Raises:
        InputError: the terms cannot be read, or no finished run is meant.
    """
    wanted = [run for run in list_runs(store) if any(fnmatch(run.group or "", each) for each in groups)]
    if where is not None:
        wanted = list(filter(parse_where(where, SpecKeys(wanted)), wanted))
    finished = [run for run in wanted if run.status is Status.FINISHED]
    if len(finished) < len(wanted):
        to_stderr(f"{len(wanted) - len(finished)} runs have not finished and are left out")
    if not finished:
        raise InputError(f"no finished run is in {', '.join(groups)}" + (f" and meets '{where}'" if where else ""))
    return finished


@dataclass
class _Progress:
    """Says how much is done and how long the rest will take."""

    what: str
    total: int
    say: Say

    def __post_init__(self) -> None:
        self._began, self._done = time.monotonic(), 0

    def one_more(self, subject: str) -> None:
        """One of the parts is done."""
        self._done += 1
        left = (time.monotonic() - self._began) / self._done * (self.total - self._done)
        self.say(f"{self.what} {self._done} of {self.total}: {subject}; about {left / 60:.0f} min left")


def train_pool(store: Store, specs: Sequence[RunSpec], jobs: int, say: Say) -> list[RunRecord]:
    """Train a run for each specification, unless the store has it. A run that stopped goes on.

    Ctrl-C stops the runs that train, each with a checkpoint.

    Args:
        store: where.
        specs: the runs, in the order in which they should begin.
        jobs: how many may be under way at once. Each still waits for a free core, as every run does.
        say: is told each run that ends.

    Returns:
        The runs that have finished, in the order of their specifications.
    """
    found = earlier_runs(store, specs)
    pairs = [(spec, record) for spec, record in zip(specs, found, strict=True) if not _is_finished(record)]
    say(f"{len(specs) - len(pairs)} of {len(specs)} runs are there already")
    waiting, active = deque(pairs), list[RunRecord]()
    progress = _Progress("trained", len(pairs), say)
    try:
        while waiting or active:
            while waiting and len(active) < jobs:
                spec, record = waiting.popleft()
                active += take_up(store, [spec], [record])
            time.sleep(_POLL_SECONDS)
            active = [look_at(record.folder) for record in active]
            for record in active:
                if record.status.terminal:
                    reason = "" if _is_finished(record) else f" {record.status} ({record.reason})"
                    progress.one_more(f"{record.name}{reason}")
            active = [record for record in active if not record.status.terminal]
    except KeyboardInterrupt:
        say("stopping with a checkpoint; the same command goes on from there")
        for record in active:
            with contextlib.suppress(CrtuiError):  # it may just have ended by itself
                launchers.stop(record)
        raise
    return finished_pool(store, specs)


def finished_pool(store: Store, specs: Sequence[RunSpec]) -> list[RunRecord]:
    """The runs of these specifications that have finished, in their order."""
    return [record for record in earlier_runs(store, specs) if record is not None and _is_finished(record)]


def score_pool(
    store: Store,
    records: Sequence[RunRecord],
    protocol: Protocol,
    jobs: int,
    say: Say,
    names: Sequence[str] = tuple(COLUMNS),
) -> dict[str, Scores]:
    """The scores of runs by a protocol, by run: those of their newest checkpoints, by :func:`score_checkpoints`."""
    newest = [(record, record.step) for record in records]
    return {run: scores for (run, _), scores in score_checkpoints(store, newest, protocol, jobs, say, names).items()}


def score_checkpoints(
    store: Store,
    checkpoints: Sequence[tuple[RunRecord, int]],
    protocol: Protocol,
    jobs: int,
    say: Say,
    names: Sequence[str],
) -> dict[tuple[str, int], Scores]:
    """The scores of checkpoints by a protocol, by run and step. What is kept with a run is not computed again.

    Args:
        store: the store of the runs.
        checkpoints: runs and steps.
        protocol: ``"paper"`` or ``"lib"``.
        jobs: processes that score, one thread each.
        say: is told each checkpoint that was scored, and each that cannot be.
        names: of the scores.

    Raises:
        WorkError: a process that scores was killed.
    """
    kept = {(record.id, step): _kept_scores(record, step, protocol, names) for record, step in checkpoints}
    scores = {place: found for place, found in kept.items() if found is not None}
    missing = [(record, step) for record, step in checkpoints if (record.id, step) not in scores]
    if not missing:
        return scores
    progress = _Progress(f"scored by {protocol}", len(missing), say)
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_compute_in_one_thread)
    futures = {
        pool.submit(_score, store.root, protocol, record.id, step, names): (record, step) for record, step in missing
    }
    try:
        for future in as_completed(futures):
            record, step = futures[future]
            subject = f"{record.name}@{step}"
            try:
                scores[record.id, step] = future.result()
                progress.one_more(subject)
            except CrtuiError as error:
                progress.one_more(f"{subject} is left out: {error}")
    except BrokenProcessPool as error:
        raise WorkError("a process that scores was killed; the same command goes on from there") from error
    finally:
        # What has not begun would otherwise still be computed after Ctrl-C.
        pool.shutdown(cancel_futures=True)
    return scores


def _is_finished(record: RunRecord | None) -> bool:
    return record is not None and record.status is Status.FINISHED


def _kept_scores(record: RunRecord, step: int, protocol: Protocol, names: Sequence[str]) -> Scores | None:
    """The scores of a checkpoint that are kept with a run, if all are there."""
    by_seed, _ = kept_scores(scores_path(record.folder.path, step, protocol), {})
    scores = by_seed.get(0, {})
    return {name: scores[name] for name in names} if set(names) <= scores.keys() else None


def _compute_in_one_thread() -> None:
    prepare_to_compute()
    import torch

    torch.set_num_threads(1)


def _score(root: Path, protocol: Protocol, run: str, step: int, names: Sequence[str]) -> Scores:
    store = Store.open(root)
    scores: Scores = score_run(store, find_run(store, run), list(names), protocol, step)["scores"]
    return scores
