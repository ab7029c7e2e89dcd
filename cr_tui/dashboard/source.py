"""The dashboard's data, read from a store."""

from __future__ import annotations

import contextlib
import math
import os
import stat
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from cr_tui.dashboard.data import Computation, MethodChoice, NewRuns, RankedRuns, Run, Selection, Traversal
from cr_tui.dashboard.decoder import DecoderProcess
from cr_tui.dashboard.history import History
from cr_tui.dashboard.live_scores import LiveScores
from cr_tui.dashboard.ranker import ranking_progress, start_ranking
from cr_tui.dashboard.rates import Rates
from engine.errors import InputError
from engine.runs.catalogue import RunRecord, list_runs, look_at
from engine.runs.events import EventTail
from engine.runs.folder import RunFolder
from engine.runs.store import Store, read_file

_LOG_BYTES = 32 * 1024
_LOG_LINES = 400
_MAX_RANKING_BYTES = 64 * 2**20


class StoreSource:
    """Asks the engine about a store, through the same functions as the command line.

    Args:
        store: the store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rates = Rates()
        self._live_scores = LiveScores()
        self._decoder = DecoderProcess()
        self._selections: dict[str, Selection | None] = {}

    @property
    def location(self) -> str:
        """The store's folder."""
        return str(self._store.root)

    def runs(self) -> list[Run]:
        """Every run, oldest first, held against the facts."""
        return [self._run(record) for record in list_runs(self._store)]

    def follow(self, run_id: str) -> StoreFollower:
        """Begin to read a run's events and log."""
        return StoreFollower(self._folder(run_id))

    def selections(self) -> list[Selection]:
        """Every stored selection that can be read, newest first."""
        try:
            names = {entry.name for entry in os.scandir(self._store.selections) if not entry.name.startswith(".")}
        except OSError as error:
            raise InputError(f"{self._store.selections} cannot be read: {error.strerror}") from error
        for name in self._selections.keys() - names:
            del self._selections[name]
        for name in names - self._selections.keys():
            # A selection appears whole and never changes.
            self._selections[name] = _read_selection(self._store.selections / name)
        found = [selection for selection in self._selections.values() if selection is not None]
        return sorted(found, key=lambda selection: (selection.created, selection.id), reverse=True)

    def traversal(self, run_id: str, steps: int, seed: int) -> Traversal:
        """Walk the codes of the run's newest checkpoint, in another process."""
        return self._decoder.traverse(self._folder(run_id).path, steps, seed)

    def methods(self) -> list[MethodChoice]:
        """The engine's methods with their presets."""
        from engine.methods import METHODS, method_class

        choices = [(name, method_class(name)) for name in METHODS]
        return [MethodChoice(name, method.summary, tuple(method.presets)) for name, method in choices]

    def start(self, request: NewRuns) -> list[str]:
        """Start runs in the background, as ``crtui train --detach`` does."""
        from cr_tui.cli.invocation import parse_seeds
        from engine.launch import local
        from engine.runs.spec import resolve

        flags = {"name": request.name or None, "group": request.group or None, "training.steps": _steps(request.steps)}
        specs = resolve(
            request.method,
            data=request.data or None,
            preset=request.preset or None,
            seeds=parse_seeds(request.seeds) if request.seeds else None,
            flags=flags,
        )
        return [record.name or record.id for record in local.start(self._store, specs)]

    def stop(self, run_id: str) -> None:
        """Stop a run and wait until it has."""
        from engine.launch import local

        local.stop(look_at(self._folder(run_id)))

    def resume(self, run_id: str) -> None:
        """Continue a run from its newest checkpoint."""
        from engine.launch import local

        local.resume(look_at(self._folder(run_id)))

    def remove(self, run_id: str) -> None:
        """Delete a run."""
        from engine.launch import local

        local.remove(self._store, look_at(self._folder(run_id)))

    def select(self, run_ids: Sequence[str]) -> None:
        """Begin to rank runs in a process that outlives this one."""
        start_ranking(self._store, run_ids)

    def computation(self) -> Computation | None:
        """How the newest ranking of this store fares."""
        return ranking_progress(self._store)

    def close(self) -> None:
        """End the decoding process."""
        self._decoder.close()

    def _folder(self, run_id: str) -> RunFolder:
        return RunFolder(self._store.runs / run_id)

    def _run(self, record: RunRecord) -> Run:
        eta = None
        scores = {name: score for name, score in record.scores.items() if score is not None}
        if record.status == "running":
            eta = self._rates.eta(record.id, time.monotonic(), record.step, record.total_steps)
            scores |= self._live_scores.of(record.folder)
        else:
            self._rates.forget(record.id)
            self._live_scores.forget(record.id)
        created = record.created.timestamp() if record.created else 0.0
        return Run(
            id=record.id,
            name=record.name or record.id,
            group=record.group or "",
            method=record.method or "",
            data=record.data or "",
            seed=record.seed or 0,
            status=str(record.status),
            step=record.step,
            total_steps=record.total_steps,
            created=created,
            updated=record.updated.timestamp() if record.updated else created,
            stalled=record.stalled,
            scores=scores,
            device=record.device or "",
            eta=eta,
            reason=record.reason or "",
        )


class StoreFollower:
    """Reads a run's events in pieces of 32 kB, and the end of its log.

    Args:
        folder: the run.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.history = History()
        self.log: Sequence[str] = ()
        self._events = EventTail(folder.events_path)
        self._log_path = folder.log_path
        self._log_seen: tuple[int, int, int] | None = None

    def poll(self) -> bool:
        """Read a piece of what is new; say whether anything was."""
        batch = self._events.read()
        if batch.restarted:
            self.history.clear()
        if batch.resumed_step is not None:
            self.history.forget_after(batch.resumed_step)
        self.history.add(batch.rows)
        return self._read_log() or bool(batch.rows) or batch.more

    def _read_log(self) -> bool:
        try:
            descriptor = os.open(self._log_path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            changed, self.log, self._log_seen = bool(self.log), (), None
            return changed
        try:
            status = os.fstat(descriptor)
            seen = (status.st_ino, status.st_size, status.st_mtime_ns)
            if seen == self._log_seen or not stat.S_ISREG(status.st_mode):
                return False
            self._log_seen = seen
            start = max(status.st_size - _LOG_BYTES, 0)
            self.log = _last_lines(os.pread(descriptor, _LOG_BYTES, start), torn=start > 0)
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return True


def _last_lines(content: bytes, torn: bool) -> list[str]:
    """Lines as a terminal would leave them: of a line that was written over, what was written last."""
    lines = content.decode(errors="replace").split("\n")
    if torn and len(lines) > 1:
        lines = lines[1:]
    shown = deque((line.rstrip("\r").rpartition("\r")[2] for line in lines), maxlen=_LOG_LINES)
    while shown and not shown[-1]:
        shown.pop()
    return list(shown)


def _steps(text: str) -> int | None:
    if not text:
        return None
    with contextlib.suppress(ValueError):
        return int(text)
    raise InputError(f"steps must be a whole number, not '{text[:40]}'")


def _read_selection(folder: Path) -> Selection | None:
    """A stored selection; None for what is none, or is damaged."""
    try:
        content = orjson.loads(read_file(folder / "ranking.json", _MAX_RANKING_BYTES))
        runs = tuple(str(run_id) for run_id in content["runs"])
        methods = {str(name): _ranked(verdict, runs) for name, verdict in content["methods"].items()}
        if not methods:
            return None
        matrix = None
        if "matrix" in content:
            matrix = np.array([[_number(value) for value in row] for row in content["matrix"]], dtype=np.float64)
            matrix = matrix.reshape(len(runs), len(runs))
        return Selection(folder.name, runs, methods, matrix, (folder / "ranking.json").stat().st_mtime)
    except (InputError, OSError, KeyError, TypeError, ValueError, AttributeError):
        return None


def _ranked(verdict: Mapping[str, Any], runs: Sequence[str]) -> RankedRuns:
    scores = tuple(_number(score) for score in verdict["scores"])
    ranking = tuple(str(run_id) for run_id in verdict["ranking"])
    if len(scores) != len(runs) or not set(ranking) <= set(runs) or len(set(ranking)) != len(ranking):
        raise ValueError("scores and ranking do not belong to the runs")
    return RankedRuns(scores, ranking)


def _number(value: object) -> float:
    """A JSON number; NaN for null, which stands for what could not be computed."""
    if value is None:
        return math.nan
    if isinstance(value, (int, float)):
        return float(value)
    raise TypeError("not a number")
