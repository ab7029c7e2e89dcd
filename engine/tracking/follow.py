"""The process that hands a run over while it trains: ``python -m engine.tracking.follow [--lock FD] RUN_DIR``.

The run's supervisor starts it, and sends it SIGTERM when the run has ended. It then hands over the rest and ends. It
ends by itself if the supervisor is gone and the run has ended or was deleted. Whatever goes wrong here is said in the
run's log, and tried again later.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.errors import CrtuiError, StoreError
from engine.runs.catalogue import look_at
from engine.runs.folder import RunFolder
from engine.runs.log import Seldom, say
from engine.storage.locks import lock_for_long
from engine.tracking.handover import Handover, lock_path

_POLL_SECONDS = 2.0
_TICK_SECONDS = 0.1
_RETRY_SECONDS = 60.0
_NICENESS = 5


class Follower:
    """Hands a run over to one tool, again and again, and never raises.

    Args:
        folder: the run.
        tool: name of the tool.
    """

    def __init__(self, folder: RunFolder, tool: str) -> None:
        self._folder = folder
        self._tool = tool
        self._handover: Handover | None = None
        self._not_before = 0.0
        self._log = Seldom()

    def catch_up(self, *, last: bool = False) -> None:
        """Hand over what is new, unless that has just failed. ``last``: in any case, and end the connection."""
        if time.monotonic() < self._not_before and not last:
            return
        try:
            if self._handover is None:
                self._handover = Handover(self._folder, self._tool)
            self._handover.catch_up()
            if last:
                self._handover.close()
        except (Exception, SystemExit) as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        text = str(error) if isinstance(error, CrtuiError) else f"{type(error).__name__}: {error}"
        self._log.say(
            f"{self._tool} gets nothing for now: {text}; the run goes on, and 'crtui runs sync {self._folder.id} "
            f"--to {self._tool}' hands over what is missing"
        )
        handover, self._handover = self._handover, None
        self._not_before = time.monotonic() + _RETRY_SECONDS
        with contextlib.suppress(Exception, SystemExit):
            if handover is not None:
                handover.close()


class _Ended:
    """Whether the supervisor has said that the run has ended."""

    def __init__(self) -> None:
        self._said = False
        signal.signal(signal.SIGTERM, self._note)

    def __call__(self) -> bool:
        return self._said

    def _note(self, number: int, frame: object) -> None:
        self._said = True


def follow(
    folder: RunFolder, tools: Sequence[str], ended: Callable[[], bool], poll_seconds: float = _POLL_SECONDS
) -> None:
    """Hand a run over to tools until it has ended.

    Args:
        folder: the run.
        tools: names of the tools.
        ended: whether the run has ended.
        poll_seconds: between two looks at the event log.
    """
    followers = [Follower(folder, tool) for tool in tools]
    supervisor = os.getppid()
    while not _waited(ended, poll_seconds):
        for follower in followers:
            follower.catch_up()
        if os.getppid() != supervisor and _has_ended(folder):
            break
    if not folder.is_gone():
        for follower in followers:
            follower.catch_up(last=True)


def _has_ended(folder: RunFolder) -> bool:
    """Whether a run whose supervisor is gone has ended. A store that does not answer does not say so."""
    with contextlib.suppress(StoreError):
        return folder.is_gone() or look_at(folder).status.terminal
    return False


def _waited(ended: Callable[[], bool], seconds: float) -> bool:
    """Wait; whether the run has ended meanwhile."""
    deadline = time.monotonic() + seconds
    while not ended():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_TICK_SECONDS)
    return True


def main(arguments: Sequence[str]) -> None:
    """Hand over the run that the arguments name."""
    parser = argparse.ArgumentParser(
        prog="python -m engine.tracking.follow", description="Hand a run over to other tools while it trains."
    )
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("--lock", type=int, help="inherited descriptor of the lock of the run's handover")
    given = parser.parse_args(arguments)
    ended = _Ended()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.nice(_NICENESS)
    folder = RunFolder(given.run.absolute())
    try:
        folder.require()
        os.umask(folder.store.umask)
        lock = contextlib.nullcontext() if given.lock is not None else lock_for_long(lock_path(folder))
        with lock:
            follow(folder, folder.summary().log, ended)
    except (CrtuiError, OSError) as error:
        say(f"the run is not handed over to other tools: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
