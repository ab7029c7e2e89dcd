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

from engine.cores import usable_cores
from engine.errors import WorkError

MOST_PROCESSES = 8
"""More than that wait for the disk rather than for each other."""
_AHEAD = 2

Task = TypeVar("Task")
Result = TypeVar("Result")


def in_order(
    work: Callable[[Task], Result], tasks: Sequence[Task], processes: int | None = None
) -> Generator[Result, None, None]:
    """Yield ``work(task)`` for each task, in the tasks' order, made ahead by processes of their own.

    The processes start afresh (they inherit neither threads nor locks of this one), ignore Ctrl-C, which this one
    handles, and end with it, however it ends.

    Args:
        work: a function at the top of a module.
        tasks: its arguments.
        processes: how many; default: one for each core this process may use, at most eight. One means here.

    Raises:
        WorkError: a process died, for example for want of memory.
    """
    count = min(processes or default_processes(), len(tasks))
    if count <= 1:
        yield from map(work, tasks)
        return
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=_settle)
    waiting: deque[Future[Result]] = deque()
    left = iter(tasks)
    try:
        for task in left:
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
    """A parent that is killed cannot say good-bye: without this its processes would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
