"""The process that turns latents into images, and how the dashboard talks to it.

Loading PyTorch takes seconds and decoding holds Python's lock, so neither may happen in the process that draws. The
child loads it once, keeps the model it used last, and ends when its standard input does, that is, with the dashboard.
It computes on the CPU: a GPU belongs to whoever trains on it.

A request is a line of JSON; the answer is a line of JSON, followed by the pixels where it announces their shape.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from cr_tui.dashboard.child import child_command
from cr_tui.dashboard.data import Traversal
from engine.errors import CrtuiError, InputError, WorkError

if TYPE_CHECKING:
    from engine.models.model import Model

_THREADS = "2"
_NICENESS = 5


class DecoderProcess:
    """Asks the child, starting it when first needed. Requests from several threads wait for each other."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def traverse(self, run_folder: Path, steps: int, seed: int) -> Traversal:
        """Walk the codes of the newest checkpoint of a run.

        Raises:
            InputError: there is no whole checkpoint.
            WorkError: the child ended.
        """
        request = json.dumps({"run": str(run_folder), "steps": steps, "seed": seed}).encode() + b"\n"
        with self._lock:
            try:
                header, pixels = self._exchange(request)
            except (OSError, ValueError, EOFError) as error:
                self._end()
                raise WorkError("the process that decodes images ended; ask again to start another") from error
        if "error" in header:
            raise InputError(str(header["error"]))
        return Traversal(np.frombuffer(pixels, dtype=np.uint8).reshape(header["shape"]), int(header["step"]))

    def close(self) -> None:
        """End the child, also in the middle of a request."""
        process = self._process
        if process is not None:
            process.kill()
        with self._lock:
            self._end()

    def _exchange(self, request: bytes) -> tuple[dict[str, Any], bytes]:
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(request)
        process.stdin.flush()
        header = json.loads(process.stdout.readline() or b"broken")
        size = int(np.prod(header["shape"])) if "shape" in header else 0
        pixels = process.stdout.read(size)
        if len(pixels) < size:
            raise EOFError
        return header, pixels

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                child_command(__name__),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": _THREADS},
                start_new_session=True,
            )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                # What was never delivered cannot be flushed to a process that is gone.
                with contextlib.suppress(OSError):
                    stream.close()
        process.wait()


def main(arguments: Sequence[str]) -> int:
    """Answer requests until standard input ends. Takes no arguments; returns the exit code."""
    os.nice(_NICENESS)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Whatever a library prints must not get between the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    warnings.simplefilter("ignore")
    models = _NewestModel()
    for line in sys.stdin.buffer:
        _answer(json.loads(line), models, answers)
        answers.flush()
    return 0


class _NewestModel:
    """Keeps the model that was asked for last."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._step = 0
        self._model: Model | None = None

    def of(self, run_folder: Path) -> tuple[Model, int]:
        """The model of a run's newest whole checkpoint, and its step."""
        from engine.runs.loading import find_checkpoint, load_model
        from engine.training import checkpoints

        present = checkpoints.steps(run_folder / "checkpoints")
        newest = run_folder / "checkpoints" / f"step-{present[-1]:08d}" if present else None
        if self._model is None or self._path is None or self._path != newest:
            checkpoint = find_checkpoint(run_folder)
            self._model = load_model(checkpoint.path)
            self._path, self._step = checkpoint.path, checkpoint.step
        return self._model, self._step


def _answer(request: dict[str, Any], models: _NewestModel, answers: BinaryIO) -> None:
    from cr_tui.render.traversal import traverse

    try:
        model, step = models.of(Path(request["run"]))
        frames = traverse(model, request["steps"], seed=request["seed"])
    except CrtuiError as error:
        answers.write(json.dumps({"error": str(error)}).encode() + b"\n")
        return
    except Exception as error:
        # The person is told; a bad checkpoint must not cost the next request its process.
        reason = f"the model cannot be shown: {type(error).__name__}: {error}"
        answers.write(json.dumps({"error": reason}).encode() + b"\n")
        return
    answers.write(json.dumps({"shape": frames.shape, "step": step}).encode() + b"\n")
    answers.write(np.ascontiguousarray(frames).tobytes())
