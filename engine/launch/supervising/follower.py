"""The process that hands a run over to other tools, as the run's supervisor handles it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence

from engine.errors import CrtuiError
from engine.machine.programs import environment, program
from engine.runs.folder import RunFolder
from engine.runs.log import say
from engine.storage.descriptors import release
from engine.storage.locks import try_lock_file
from engine.tracking.handover import lock_path

_COMMAND: Sequence[str] = program("engine.tracking.follow")
_PATIENCE_SECONDS = 60.0
"""How long a tool may take for the last rows. Whoever waits for the run does not wait for this."""


class FollowerProcess:
    """Hands a run over in a process of its own, so that no tool can harm the run. Nothing here raises.

    Args:
        folder: the run.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self, tools: Sequence[str]) -> None:
        """Start the process, unless there are no tools or it is there already."""
        if not tools or (self._process is not None and self._process.poll() is None):
            return
        lock = None
        try:
            # Taken here, so that whoever waits for the lock never looks before the process has it. If somebody else
            # has it, the process waits for it.
            lock = try_lock_file(lock_path(self._folder))
            inherited = () if lock is None else (lock,)
            options = () if lock is None else ("--lock", str(lock))
            command = [*_COMMAND, *options, str(self._folder.path)]
            # No GPU is shown to it. It leads a session of its own: what stops the run must not stop the last rows.
            variables = environment() | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, start_new_session=True, pass_fds=inherited, env=variables
            )
        except (OSError, CrtuiError) as error:
            say(f"supervisor: the run is not handed over to {', '.join(tools)}: {error}")
        finally:
            if lock is not None:
                release(lock)

    def ask_to_end(self) -> None:
        """Tell the process that the run has ended."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float = _PATIENCE_SECONDS) -> None:
        """Wait until the process has handed over the rest, and kill it if it takes too long."""
        if self._process is None:
            return
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            code = self._process.wait()
        if code != 0:
            say(f"supervisor: handing the run over ended early ({code}); 'crtui runs sync' hands over the rest")
