"""Real supervisors and processes, a worker that trains nothing, and two GPUs that do not exist."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.launch import local, spawning
from engine.runs.catalogue import RunRecord, list_runs, look_at
from engine.runs.folder import RunFolder
from engine.storage.store import Store
from tests.toys import TWO_GPUS, until

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRTUI_SLOTS", str(tmp_path / "slots"))
    for name in ("CUDA_VISIBLE_DEVICES", "CRTUI_PER_GPU", "CRTUI_STORE"):
        monkeypatch.delenv(name, raising=False)
    root = str(HERE.parents[1])
    monkeypatch.setenv("PYTHONPATH", root)
    monkeypatch.setattr(spawning, "_SUPERVISOR", (sys.executable, "-P", str(HERE / "impatient_supervisor.py")))


@pytest.fixture
def gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that answers like nvidia-smi; what it says of processes can be written into the file returned."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "gpus").write_text(TWO_GPUS)
    (folder / "processes").write_text("")
    program = folder / "nvidia-smi"
    program.write_text(f'#!/bin/sh\nif [ "$1" = -L ]; then cat {folder}/gpus; else cat {folder}/processes; fi\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder / "processes"


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs wait at step 10 until this file is there."""
    monkeypatch.setenv("TOY_GATE", str(tmp_path / "gate"))
    return tmp_path / "gate"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "store")
    yield store
    store.registry_path.unlink(missing_ok=True)
    for record in list_runs(store):
        if not record.status.terminal:
            local.stop(record, grace_seconds=0.0)


def all_ended(store: Store) -> bool:
    return all(record.status.terminal for record in list_runs(store))


def wait_for_end(*folders: RunFolder) -> list[RunRecord]:
    until(lambda: all(look_at(folder).status.terminal for folder in folders), "the end")
    return [look_at(folder) for folder in folders]


def wait_for_step(folder: RunFolder, step: int) -> RunRecord:
    until(lambda: look_at(folder).step >= step or look_at(folder).status.terminal, f"step {step}")
    return look_at(folder)


def send(folder: RunFolder, process: str, number: int) -> bool:
    """Send a signal to the ``worker`` or ``supervisor`` of a run, if it lives."""
    identity = getattr(folder.state(), process)
    return identity is not None and identity.signal(signal.Signals(number))


def kill_both(folder: RunFolder) -> None:
    """End the processes of a run as a power cut does: at once, and none of them sees the other go."""
    send(folder, "supervisor", signal.SIGSTOP)
    send(folder, "worker", signal.SIGKILL)
    send(folder, "supervisor", signal.SIGKILL)
    state = folder.state()
    until(lambda: not any(p and p.alive() for p in (state.worker, state.supervisor)))
    until(lambda: not folder.lease_is_held())


def as_after_reboot(folder: RunFolder) -> None:
    """Make the files of a run whose processes are dead look as if the machine had been booted again since."""
    text = folder.state_path.read_text()
    for identity in (folder.state().worker, folder.state().supervisor):
        if identity is not None:
            text = text.replace(identity.boot_id, "an-earlier-boot")
    folder.state_path.write_text(text)


def environment(**more: str) -> dict[str, str]:
    return os.environ | more
