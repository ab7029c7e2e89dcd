"""The worker's process, as its supervisor handles it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence

from engine.errors import InputError
from engine.machine.processes import ProcessIdentity, resident_mib
from engine.runs.state import Usage


class WorkerProcess:
    """The process that trains. It leads its own session and process group.

    Args:
        command: what to run.
        descriptors: open files that it inherits.
        environment: its environment.

    Raises:
        InputError: it cannot be started.

    Attributes:
        identity: which process it is; ``None`` if it ended before that could be read.
        usage: the time and memory that it used, once it has ended.
    """

    def __init__(self, command: Sequence[str], descriptors: Sequence[int], environment: Mapping[str, str]) -> None:
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, start_new_session=True, pass_fds=descriptors, env=environment
            )
        except OSError as error:
            raise InputError(f"worker '{command[0]}' cannot be started: {error.strerror}") from error
        self._began = time.monotonic()
        self.usage: Usage | None = None
        self.identity: ProcessIdentity | None = None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            self.identity = ProcessIdentity.of(self._process.pid)

    @property
    def code(self) -> int:
        """The exit code, negative for a signal. Valid once the process has ended."""
        return int(self._process.returncode)

    def has_ended(self) -> bool:
        """Whether the process has ended. Does not wait."""
        if self._process.returncode is None:
            # Not Popen.poll, which does not keep the resource usage.
            pid, status, used = os.wait4(self._process.pid, os.WNOHANG)
            if pid:
                self._process.returncode = os.waitstatus_to_exitcode(status)
                self.usage = Usage(
                    wall_seconds=time.monotonic() - self._began,
                    cpu_seconds=used.ru_utime + used.ru_stime,
                    peak_resident_mib=resident_mib(used.ru_maxrss),
                )
        return self._process.returncode is not None

    def ask_to_stop(self) -> None:
        """Send SIGTERM, even if the process was halted."""
        # Not Popen.terminate, which would reap the process. Until has_ended reaps it, no other process has its number.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGTERM)
            os.kill(self._process.pid, signal.SIGCONT)

    def kill_group(self) -> None:
        """Kill the process and all that it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
