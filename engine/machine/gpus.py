"""What ``nvidia-smi`` says about the GPUs of this machine. Without that program there are none."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

VISIBLE_VARIABLE = "CUDA_VISIBLE_DEVICES"
_PATIENCE_SECONDS = 20.0
_GPU_LINE = re.compile(r"GPU \d+: .*\(UUID: (GPU-[^)\s]+)\)")
_MIG_LINE = re.compile(r"\s+MIG .*\(UUID: (MIG-[^)\s]+)\)")
_PROCESS_LINE = re.compile(r"(GPU-\S+), (\d+)")


def visible_gpus() -> list[str]:
    """UUIDs of the GPUs that this process may use; for a partitioned GPU, the UUIDs of its partitions.

    ``$CUDA_VISIBLE_DEVICES`` limits them as it does for CUDA: each entry is a number or the beginning of a UUID, and an
    entry that names no GPU ends the list.
    """
    gpus = _installed_gpus()
    wanted = os.environ.get(VISIBLE_VARIABLE)
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


def ask(*arguments: str) -> str:
    """What ``nvidia-smi`` prints; nothing if it is missing or fails."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    try:
        answer = subprocess.run(
            [program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.decode(errors="replace")
