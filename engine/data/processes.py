"""Work on many images in a few processes, in order."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from engine.errors import WorkError
from engine.machine.cores import usable_cores
from engine.machine.programs import safe_path_for_children

MOST_PROCESSES = 8
"""At most so many processes: more of them would only wait for the disk."""
_AHEAD = 2

Task = TypeVar("Task")
Result = TypeVar("Result")


def in_order(
    work: Callable[[Task], Result], tasks: Sequence[Task], processes: int | None = None
) -> Generator[Result, None, None]:
    """Yield ``work(task)`` for each task, in the order of the tasks, computed ahead by other processes.

    The processes are spawned, so they inherit neither threads nor locks, and import nothing from the current folder.
    They ignore Ctrl-C, which this process handles, and they end when it ends, even if it is killed.

    Args:
        work: a function at the top of a module.
        tasks: its arguments.
        processes: how many; default: one for each core that this process may use, at most eight. With one, the work is
            done in this process.

    Raises:
        WorkError: a process died, for example because memory ran out.
    """
    count = min(processes or default_processes(), len(tasks))
    if count <= 1:
        yield from map(work, tasks)
        return
    with safe_path_for_children():
        pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=_settle)
    waiting: deque[Future[Result]] = deque()
    left = iter(tasks)
    try:
        for task in left:
            # The first tasks start the processes.
            with safe_path_for_children():
                waiting.append(pool.submit(work, task))
            if len(waiting) >= _AHEAD * count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise WorkError(
            "a process that made images died (out of memory, or a script without `if __name__ == '__main__'`)"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def default_processes() -> int:
    """The cores this process may use, at most eight."""
    return min(usable_cores(), MOST_PROCESSES)


def _settle() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End when the parent ends: if it is killed, it cannot tell its processes, which would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
