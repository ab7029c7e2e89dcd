"""How an attempt ended: as the worker says in its outcome; without one, as its process ended."""

from __future__ import annotations

import contextlib
import re
import signal
from dataclasses import dataclass
from pathlib import Path

from engine.errors import InputError
from engine.runs.events import last_step
from engine.runs.folder import RunFolder
from engine.runs.state import Outcome, RunState, Status, Usage
from engine.storage.files import read_tail

_EXCERPT_BYTES = 16 * 1024
_FATAL = re.compile(r"^Fatal Python error: .+(?:\n.+)*", re.MULTILINE)


@dataclass(frozen=True)
class MemoryKills:
    """How many processes the kernel has killed because memory ran out.

    Attributes:
        group: in the control group of this process (cgroup v2 ``memory.events``, v1 ``memory.oom_control``).
        machine: on the whole machine (``/proc/vmstat``).
    """

    group: int
    machine: int

    @classmethod
    def now(cls) -> MemoryKills:
        """The present counts; 0 if the system does not count."""
        return cls(sum(map(_kills, _group_counters())), _kills(Path("/proc/vmstat")))

    def suspicion(self) -> str | None:
        """Why a process may have been killed since these counts were taken; ``None`` if memory is not the reason."""
        present = MemoryKills.now()
        if present.group > self.group:
            return "out of memory: killed by the kernel at the memory limit of its control group"
        if present.machine > self.machine:
            return "out of memory (suspected): killed while the kernel killed for want of memory"
        return None


@dataclass(frozen=True)
class WorkerEnd:
    """How a worker's process ended.

    Attributes:
        code: its exit code, negative for a signal.
        usage: the time and memory that it used.
        overdue: after how many seconds of grace the supervisor killed it; ``None`` if it did not.
        memory: the reason to give if it was killed because memory ran out; ``None`` if nothing suggests that.
    """

    code: int
    usage: Usage | None = None
    overdue: float | None = None
    memory: str | None = None


def said_outcome(folder: RunFolder) -> Outcome | InputError | None:
    """What the worker said of its end; the error if that is damaged.

    Raises:
        StoreError: it cannot be read just now.
    """
    try:
        return folder.outcome()
    except InputError as error:
        return error


def ending(state: RunState, folder: RunFolder, end: WorkerEnd, outcome: Outcome | InputError | None = None) -> RunState:
    """The state after the end of an attempt.

    Args:
        state: before the end.
        folder: the run.
        end: how the worker's process ended.
        outcome: of :func:`said_outcome`.
    """
    step = max(last_step(folder.events_path) or 0, state.step)
    state = state.model_copy(update={"step": step, "usage": end.usage})
    if isinstance(outcome, InputError):
        return state.ended_as(Status.CRASHED, str(outcome))
    if outcome is not None:
        gpu = {"gpu_peak_mib": outcome.usage.gpu_peak_mib if outcome.usage else None}
        # The supervisor's numbers include what the worker used after it wrote its outcome.
        usage = end.usage.model_copy(update=gpu) if end.usage else outcome.usage
        return state.completed_from(outcome.model_copy(update={"usage": usage}))
    if end.overdue is not None:
        return state.ended_as(Status.STOPPED, f"killed, because it had not stopped after {end.overdue:g} seconds")
    if state.stop_grace is not None:
        return state.ended_as(Status.STOPPED, state.stop_reason)
    if end.code >= 0:
        last_line, traceback = _last_words(folder.log_path)
        return state.ended_as(Status.FAILED, f"the worker exited with code {end.code}: {last_line}", traceback)
    if end.code == -signal.SIGKILL and end.memory:
        return state.ended_as(Status.CRASHED, end.memory)
    return state.ended_as(Status.CRASHED, f"killed by {_signal_name(-end.code)}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _last_words(log: Path) -> tuple[str, str | None]:
    """The last line of a log, and its last traceback if there is one."""
    with contextlib.suppress(OSError):
        text = read_tail(log, _EXCERPT_BYTES).decode(errors="replace")
        lines = text.strip().splitlines()
        start = text.rfind("Traceback (most recent call last)")
        fatal = _FATAL.findall(text)
        # When the interpreter itself dies, it prints the cause first and a stack last.
        last = "; ".join(fatal[-1].splitlines()) if fatal else lines[-1] if lines else "it wrote nothing"
        return last, (text[start:] if start >= 0 else None)
    return "its log cannot be read", None


def _group_counters() -> list[Path]:
    """The files in which the kernel counts kills in the control group of this process."""
    counters = []
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            hierarchy, controllers, group = line.split(":", 2)
            if hierarchy == "0":
                counters.append(Path(f"/sys/fs/cgroup{group}/memory.events"))
            elif "memory" in controllers.split(","):
                counters.append(Path(f"/sys/fs/cgroup/memory{group}/memory.oom_control"))
    return counters


def _kills(counter: Path) -> int:
    with contextlib.suppress(OSError):
        found = re.search(r"^oom_kill (\d+)$", counter.read_text(), re.MULTILINE)
        return int(found[1]) if found else 0
    return 0
