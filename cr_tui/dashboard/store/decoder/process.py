"""Talks to the process that turns latents into images.

Loading PyTorch takes seconds and decoding holds Python's lock, so both happen outside the process that draws.
:mod:`cr_tui.dashboard.store.decoder.child` is the other side. It computes on the CPU: a GPU belongs to the runs that
train on it.

A request is a line of JSON, followed by latents if it gives their shape. The answer is a line of JSON, followed by
pixels if it gives their shape.
"""

from __future__ import annotations

import contextlib
import json
import math
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cr_tui.dashboard.model.data import EncodedImage, MatchedCode, ModelFacts, NoCheckpointError
from engine.errors import InputError, WorkError
from engine.machine.programs import ANYWHERE, environment, script
from engine.models.codes import Codes

CHILD = "cr_tui.dashboard.store.decoder.child"
_THREADS = "1"
"""Several threads wait for each other while runs keep the cores busy: the paper's 64×64 generator took 1.3 ms for an
image with one thread and 19 to 34 ms with two (medians, load 5 on two cores)."""


class DecoderProcess:
    """Asks the child, which the first request starts. Requests of several threads wait for each other.

    A request that cannot be answered raises :class:`InputError` with the reason. If the child has ended, it raises
    :class:`WorkError`, and the next request starts another child.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._closed = False

    def model(self, run_folder: Path, step: int | None) -> ModelFacts:
        """What a checkpoint holds, the newest that can be read when no step is given.

        Raises:
            NoCheckpointError: there is none yet.
        """
        answer, _ = self._ask({"ask": "model", "run": str(run_folder), "step": step})
        codes = answer["codes"]
        return ModelFacts(
            Codes(codes["continuous"], codes["noise"], codes["prior"], tuple(codes["categorical"])),
            answer["step"],
            tuple(answer["checkpoints"]),
            tuple(answer["image_shape"]),
            answer["has_posterior"],
        )

    def decode(self, run_folder: Path, step: int, latents: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Images uint8 ``[n, H, W, C]`` of latents float32 ``[n, dimensions]``."""
        _, pixels = self._ask({"ask": "decode", "run": str(run_folder), "step": step}, latents)
        return pixels

    def encode(self, run_folder: Path, step: int, number: int) -> EncodedImage:
        """An image of the run's dataset with its codes."""
        answer, pixels = self._ask({"ask": "encode", "run": str(run_folder), "step": step, "number": number})
        factors = tuple((str(name), str(value)) for name, value in answer["factors"])
        return EncodedImage(pixels, np.array(answer["codes"], dtype=np.float32), number, answer["images"], factors)

    def match(self, run_folder: Path, step: int, other_folder: Path, other_step: int) -> list[MatchedCode]:
        """Which code of the first model is which of the second."""
        other = {"other": str(other_folder), "other_step": other_step}
        answer, _ = self._ask({"ask": "match", "run": str(run_folder), "step": step} | other)
        return [MatchedCode(*match) for match in answer["matches"]]

    def close(self) -> None:
        """End the child for good, even in the middle of a request."""
        self._closed = True
        process = self._process
        if process is not None:
            process.kill()
        with self._lock:
            self._end()

    def _ask(
        self, request: dict[str, Any], latents: NDArray[np.float32] | None = None
    ) -> tuple[dict[str, Any], NDArray[np.uint8]]:
        content = b"" if latents is None else np.ascontiguousarray(latents, dtype=np.float32).tobytes()
        line = json.dumps(request | ({} if latents is None else {"shape": latents.shape})).encode() + b"\n"
        with self._lock:
            try:
                header, pixels = self._exchange(line + content)
            except (OSError, ValueError, EOFError) as error:
                self._end()
                raise WorkError("the process that decodes images ended; press R to start another") from error
        if "error" in header:
            kind = NoCheckpointError if header.get("checkpoints") == [] else InputError
            raise kind(str(header["error"]))
        return header, pixels

    def _exchange(self, request: bytes) -> tuple[dict[str, Any], NDArray[np.uint8]]:
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(request)
        process.stdin.flush()
        header = json.loads(process.stdout.readline() or b"broken")
        shape = tuple(header.get("shape", (0,)))
        pixels = process.stdout.read(math.prod(shape))
        if len(pixels) < math.prod(shape):
            raise EOFError
        return header, np.frombuffer(pixels, dtype=np.uint8).reshape(shape)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._closed:
            raise EOFError
        if self._process is None:
            self._process = subprocess.Popen(
                child_command(CHILD),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment() | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": _THREADS},
                start_new_session=True,
                cwd=ANYWHERE,
            )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                # Closing flushes what was not delivered, which fails when the process is gone.
                with contextlib.suppress(OSError):
                    stream.close()
        process.wait()


def child_command(module: str, *arguments: str) -> list[str]:
    """The command that calls ``main(arguments)`` of a module in a new interpreter.

    The search path is handed over, so that the child runs this very program, installed or in its source tree.
    """
    path = [str(Path(entry).absolute()) for entry in sys.path if entry]
    code = f"import sys; sys.path[:] = {path!r}; from {module} import main; sys.exit(main(sys.argv[1:]))"
    return [*script(code), *arguments]
