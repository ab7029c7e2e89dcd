"""What ``nvidia-smi`` says about the GPUs of this machine. Without that program there are none.

Where the program is there but fails, or does not answer, nobody knows which GPUs there are. That is an error, and never
taken for "none": a run that should have a GPU would train on the processor for days.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass

from engine.errors import WorkError

VISIBLE_VARIABLE = "CUDA_VISIBLE_DEVICES"
_PATIENCE_SECONDS = 8.0
"""Shorter than the time after which a run whose supervisor waits for the answer would count as stalled."""
_PAUSE_SECONDS = 15.0
"""How long a program that has failed is not asked again."""
_END_SECONDS = 0.5
_MOST_WORDS = 200
_ANSWERS = (0, 3, 6)
"""Exit codes of answers. 3: the GPUs cannot tell that; 6: there is nothing of what was asked for."""
_GPU_LINE = re.compile(r"GPU \d+: .*\(UUID: (GPU-[^)\s]+)\)")
_MIG_LINE = re.compile(r"\s+MIG .*\(UUID: (MIG-[^)\s]+)\)")
_PROCESS_LINE = re.compile(r"(GPU-\S+), (\d+)")


def visible_gpus() -> list[str]:
    """UUIDs of the GPUs that this process may use; for a partitioned GPU, the UUIDs of its partitions.

    ``$CUDA_VISIBLE_DEVICES`` limits them as it does for CUDA: each entry is a number or the beginning of a UUID, and an
    entry that names no GPU ends the list. An empty one hides all GPUs, and then ``nvidia-smi`` is not asked.

    Raises:
        WorkError: ``nvidia-smi`` fails or does not answer.
    """
    wanted = os.environ.get(VISIBLE_VARIABLE)
    if wanted is not None and not wanted.strip():
        return []
    gpus = _installed_gpus()
    if wanted is None:
        return gpus
    visible: list[str] = []
    for entry in (part.strip() for part in wanted.split(",")):
        if entry.isdecimal():
            matches = gpus[int(entry) : int(entry) + 1]
        else:
            matches = [gpu for gpu in gpus if entry and gpu.startswith(entry)]
        if len(matches) != 1:
            break
        visible += [gpu for gpu in matches if gpu not in visible]
    return visible


def computing_processes() -> list[tuple[str, int]]:
    """GPU (by UUID) and process number of every process that computes on a whole GPU, whoever it belongs to.

    Processes on partitions are left out: nvidia-smi does not say which partition they use.

    Raises:
        WorkError: ``nvidia-smi`` fails or does not answer.
    """
    answer = ask("--query-compute-apps=gpu_uuid,pid", "--format=csv,noheader")
    matches = (_PROCESS_LINE.fullmatch(line.strip()) for line in answer.splitlines())
    return [(match[1], int(match[2])) for match in matches if match]


def _installed_gpus() -> list[str]:
    gpus: list[list[str]] = []
    for line in ask("-L").splitlines():
        if match := _GPU_LINE.match(line):
            gpus.append([match[1]])
        elif (match := _MIG_LINE.match(line)) and gpus:
            gpus[-1].append(match[1])
    # A partitioned GPU cannot be used as a whole.
    return [device for first, *partitions in gpus for device in partitions or [first]]


@dataclass(frozen=True)
class _Refusal:
    """That the program has failed, when, and the process if it still hangs."""

    sentence: str
    at: float
    process: subprocess.Popen[bytes] | None = None

    def stands(self) -> bool:
        """Whether there is no sense in asking again yet."""
        hangs = self.process is not None and self.process.poll() is None
        return hangs or time.monotonic() - self.at < _PAUSE_SECONDS


_refusals: dict[str, _Refusal] = {}
"""The last failure of each program, by its path. Several questions in a row then wait for it once."""


def ask(*arguments: str) -> str:
    """What ``nvidia-smi`` prints; nothing if it is not installed.

    It is given a few seconds. After it has failed, the answer for a while is that it failed.

    Raises:
        WorkError: it fails or does not answer.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    refusal = _refusals.get(program)
    if refusal is None or not refusal.stands():
        answer = _answer(program, *arguments)
        if isinstance(answer, str):
            _refusals.pop(program, None)
            return answer
        refusal = _refusals[program] = answer
    raise WorkError(
        f"nvidia-smi {refusal.sentence}, so it is not known which GPUs are there and free; see what 'nvidia-smi' says "
        "and try again, or compute on the processor by --device cpu"
    )


def _answer(program: str, *arguments: str) -> str | _Refusal:
    try:
        process = subprocess.Popen(
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        return _Refusal(f"cannot be started ({error.strerror})", time.monotonic())
    try:
        printed, complaint = process.communicate(timeout=_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        _abandon(process)
        return _Refusal(f"does not answer within {_PATIENCE_SECONDS:g} seconds", time.monotonic(), process)
    text = printed.decode(errors="replace")
    if process.returncode in _ANSWERS:
        return text
    words = " ".join((complaint.decode(errors="replace") or text).split())[:_MOST_WORDS]
    return _Refusal(f"fails (exit code {process.returncode}: {words or 'it says nothing'})", time.monotonic())


def _abandon(process: subprocess.Popen[bytes]) -> None:
    """Kill a program with what it started. One that hangs in its driver does not end, and is not waited for."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_END_SECONDS)
