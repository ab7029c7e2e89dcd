"""Facts about the machine, the store's disk and the terminal, gathered without PyTorch unless asked for."""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cr_tui.cli.output import stdout_console
from cr_tui.render.images.image_modes import IMAGES_VARIABLE, ImageQuestion
from engine import __version__
from engine.errors import CrtuiError, InputError

if TYPE_CHECKING:
    from engine.storage.store import Store

_PACKAGES = ("torch", "textual", "rich", "numpy", "scikit-learn")
_NETWORK_FILE_SYSTEMS = (
    "nfs",
    "cifs",
    "smb",
    "lustre",
    "gpfs",
    "beegfs",
    "ceph",
    "glusterfs",
    "9p",
    "fuse.sshfs",
    "afs",
)
_LITTLE_SPACE_GIB = 2.0
_GIB = 2**30
_SMALLEST_TERMINAL = (80, 24)
_ANSWER_SECONDS = 10.0

Facts = dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """Something that a person may want to change.

    Attributes:
        level: ``error`` where crtui cannot work like this, ``warning`` where it works less well.
        text: one sentence with the remedy.
    """

    level: Literal["error", "warning"]
    text: str


def software(with_torch: bool, findings: list[Finding]) -> Facts:
    """Versions, and with ``with_torch`` what PyTorch can compute on."""
    facts: Facts = {"crtui": __version__, "python": platform.python_version(), "system": platform.platform()}
    facts |= {package: _version(package) for package in _PACKAGES}
    if facts["torch"] is None:
        findings.append(Finding("error", "PyTorch is not installed; install it with 'pip install torch'"))
    elif with_torch:
        import torch

        facts["torch_cuda"] = torch.version.cuda
        facts["torch_devices"] = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
        if torch.backends.mps.is_available():
            facts["torch_devices"].append("mps")
        from engine.models.precision import choose

        facts["auto_precision"] = {name: choose("auto", torch.device(name)) for name in facts["torch_devices"]}
    return facts


def plugins(findings: list[Finding]) -> Facts:
    """Parts that other packages bring, by kind, and which of them cannot be used."""
    from engine.choosing.methods import SELECTION_METHODS
    from engine.data import catalogue
    from engine.methods import usable_methods
    from engine.metrics.scoring import choose
    from engine.plugins import installed

    with warnings.catch_warnings(record=True) as left_out:
        warnings.simplefilter("always")
        present = installed()
        if present:
            usable_methods()
            catalogue()
            choose(None)
            len(SELECTION_METHODS)
    findings += [Finding("warning", str(warning.message)) for warning in left_out]
    facts: Facts = {}
    for plugin in present:
        facts.setdefault(plugin.group.partition(".")[2], []).append(f"{plugin.name} ({plugin.package})")
    return facts


def devices(findings: list[Finding]) -> Facts:
    """Cores and GPUs, and how many runs they take at once."""
    from engine.launch import slots
    from engine.launch.slot_folder import slot_folder
    from engine.machine.cores import usable_cores
    from engine.machine.gpus import visible_gpus

    facts: Facts = {"cores": usable_cores(), "gpus": None}
    try:
        facts["slot_folder"] = str(slot_folder())
        facts["gpus"] = _gpus()
        usable = visible_gpus()
        facts["usable_gpus"] = len(usable)
        plan = slots.plan("auto", threads=1)
        facts["runs_at_once"] = len(plan.devices)
        facts["a_run_takes"] = "a slot of a GPU" if usable else "a core for each of its threads"
    except CrtuiError as error:
        findings.append(Finding("error", str(error)))
    return facts


def storage(open_store: Callable[[], Store], findings: list[Finding]) -> Facts:
    """The store's folder and its disk: whether it can be written and locked, and the space left."""
    import psutil

    try:
        root = open_store().root
    except InputError as error:
        findings.append(Finding("error", str(error)))
        return {"usable": False}
    free = shutil.disk_usage(root).free / _GIB
    mounts = {partition.mountpoint: partition.fstype for partition in psutil.disk_partitions(all=True)}
    file_system = mounts.get(_mount_point(root), "unknown")
    networked = file_system.startswith(_NETWORK_FILE_SYSTEMS)
    facts: Facts = {"path": str(root), "usable": True, "free_gib": round(free, 1), "file_system": file_system}
    facts |= {"on_network": networked, "can_lock": _can_lock(root, findings)}
    if networked:
        findings.append(
            Finding(
                "warning", f"the store is on {file_system}, where locks may hold on one machine only; write from one"
            )
        )
    if free < _LITTLE_SPACE_GIB:
        findings.append(Finding("warning", f"only {free:.1f} GiB are free for the store; checkpoints need more soon"))
    return facts


def terminal(findings: list[Finding]) -> Facts:
    """Size, colours and characters of the terminal, and how images would be shown."""
    environment = os.environ
    console = stdout_console()
    is_terminal = sys.stdout.isatty()
    multiplexer = "tmux" if "TMUX" in environment else "screen" if "STY" in environment else None
    facts: Facts = {
        "is_terminal": is_terminal,
        "size": [console.width, console.height] if is_terminal else None,
        "term": environment.get("TERM"),
        "program": environment.get("TERM_PROGRAM"),
        "multiplexer": multiplexer,
        "over_ssh": "SSH_CONNECTION" in environment,
        "colorterm": environment.get("COLORTERM"),
        "colours": console.color_system,
        "encoding": console.encoding,
        "images": _asked_images(findings) if is_terminal and sys.stdin.isatty() else images(environment),
    }
    if is_terminal and (console.width < _SMALLEST_TERMINAL[0] or console.height < _SMALLEST_TERMINAL[1]):
        findings.append(Finding("warning", f"the terminal has {console.width}x{console.height} cells; 80x24 show more"))
    if is_terminal and console.color_system == "256":
        findings.append(
            Finding("warning", "the terminal says it has 256 colours; if it has all, set COLORTERM=truecolor")
        )
    return facts


def images(environment: Mapping[str, str]) -> str:
    """How images would be shown, guessed from the environment: ``kitty``, ``sixel``, ``halfblock`` or ``ascii``.

    Inside tmux and screen by half-blocks: neither passes images through unless told to, and nobody is asked here.
    """
    chosen = environment.get(IMAGES_VARIABLE, "auto")
    if chosen != "auto":
        return chosen
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if term in ("", "dumb"):
        return "ascii"
    if "TMUX" in environment or "STY" in environment:
        return "halfblock"
    if "KITTY_WINDOW_ID" in environment or "kitty" in term or "ghostty" in (term + program).lower():
        return "kitty"
    if program in ("WezTerm", "iTerm.app") or term.startswith(("foot", "mlterm", "contour")):
        return "sixel"
    return "halfblock"


def _asked_images(findings: list[Finding]) -> str | None:
    """How images are shown, as the terminal answers."""
    try:
        with ImageQuestion(None, sys.stdin.fileno(), sys.stdout.fileno()) as question:
            found = question.answer()
    except InputError as error:
        findings.append(Finding("error", str(error)))
        return None
    return found.mode


def background(findings: list[Finding]) -> Facts:
    """Whether the system lets runs go on when their user logs out."""
    answer = _ask(
        "busctl", "get-property", "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager",
        "KillUserProcesses",
    )  # fmt: skip
    kills = None if answer is None else answer.split()[-1:] == ["true"]
    lingers = (Path("/var/lib/systemd/linger") / (os.environ.get("USER") or str(os.getuid()))).exists()
    if kills and not lingers:
        findings.append(
            Finding("warning", "this system kills runs when you log out; 'loginctl enable-linger' lets them go on")
        )
    return {"killed_at_logout": kills, "lingers": lingers}


def slurm(findings: list[Finding]) -> Facts:
    """Whether Slurm is there and answers, and whether this is one of its jobs."""
    from engine.runs import slurm_jobs

    facts: Facts = {"sbatch": shutil.which("sbatch"), "job": os.environ.get("SLURM_JOB_ID")}
    if facts["sbatch"] is None:
        return facts | {"usable": False}
    try:
        partitions = slurm_jobs.call("sinfo", "--noheader", "--format=%P").split()
    except CrtuiError as error:
        findings.append(Finding("warning", f"--launcher slurm cannot be used: {error}"))
        return facts | {"usable": False}
    return facts | {"usable": True, "partitions": list(dict.fromkeys(partitions))}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _gpus() -> list[Facts]:
    from engine.machine.gpus import ask

    query = ("index", "name", "memory.total", "memory.used", "utilization.gpu")
    answer = ask(f"--query-gpu={','.join(query)}", "--format=csv,noheader,nounits")
    gpus: list[Facts] = []
    for line in answer.splitlines():
        fields = [field.strip() for field in line.split(",")]
        if len(fields) == len(query):
            names = ("index", "name", "memory_mib", "memory_used_mib", "utilization_percent")
            gpus.append(dict(zip(names, map(_number, fields), strict=True)))
    return gpus


def _number(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def _ask(*command: str) -> str | None:
    """What a program prints; ``None`` if it is not installed or fails."""
    program = shutil.which(command[0])
    if program is None:
        return None
    try:
        answer = subprocess.run(
            [program, *command[1:]], stdin=subprocess.DEVNULL, capture_output=True, timeout=_ANSWER_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.decode(errors="replace")


def _mount_point(path: Path) -> str:
    while not path.is_mount():
        path = path.parent
    return str(path)


def _can_lock(root: Path, findings: list[Finding]) -> bool:
    """Try to write a file and to lock it, which some network file systems refuse."""
    try:
        with tempfile.TemporaryFile(dir=root) as file:
            file.write(b"crtui")
            file.flush()
            os.fsync(file.fileno())
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        findings.append(Finding("error", f"files of the store cannot be written and locked: {error.strerror}"))
        return False
    return True
