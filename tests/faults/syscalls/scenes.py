"""The commands that are struck, each in a fresh copy of one small store, and what must hold afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cr_tui.cli import main
from engine.launch import spawning, supervisor, worker
from engine.machine.processes import ProcessIdentity
from engine.runs.catalogue import list_runs, look_at
from engine.runs.folder import RunFolder, create_run_folders, run_folders
from engine.runs.registry import Registry
from engine.runs.specification.resolving import resolve
from engine.runs.state import Status
from engine.storage.store import Store
from tests.tiny_runs import add_tiny_run, serve_tiny_images
from tests.toys import TOY_WORKER, toy

_struck: dict[Path, RunFolder] = {}
"""The run that a scene is about, found before anything fails."""
View = dict[str, tuple[str, int]]
"""Status and attempt of each run, by name."""


@dataclass(frozen=True)
class Scene:
    """A command.

    Attributes:
        act: does it in a copy of the store, and returns the exit code.
        prepare: what is there beforehand besides the common runs.
        all_or_none: whether it must leave the store as it was if it fails.
    """

    act: Callable[[Path], int]
    prepare: Callable[[Path], None] = lambda root: None
    all_or_none: bool = True


def _crtui(*words: str) -> Callable[[Path], int]:
    return lambda root: main(["--store", str(root / "store"), *(word.format(root=root) for word in words)])


def _queued(root: Path) -> None:
    """A run that waits, and whose supervisor is started by the scene."""
    [(folder, lease)] = create_run_folders(Store(root / "store"), [toy(steps=2, name="waiting")])
    os.close(lease)
    Registry(folder.store).add_runs([folder])
    _struck[root] = folder


def _halted(root: Path) -> None:
    """A run that a person stops: it has a worker, and its supervisor is gone."""
    _queued(root)
    folder = _waiting(root)
    process = subprocess.Popen(["sleep", "60"], start_new_session=True)
    threading.Thread(target=process.wait, daemon=True).start()
    running = {"status": Status.RUNNING, "worker": ProcessIdentity.of(process.pid)}
    folder.update_state(lambda state: state.model_copy(update=running))


def _to_train(root: Path) -> None:
    [spec] = resolve("vae", preset="quick", data="minisprites", flags={"name": "waiting", "training.steps": 2})
    [(folder, lease)] = create_run_folders(Store(root / "store"), [spec])
    os.close(lease)
    Registry(folder.store).add_runs([folder])
    _struck[root] = folder


def _photos(root: Path) -> None:
    (root / "photos").mkdir()
    generator = np.random.default_rng(0)
    for number in range(3):
        pixels = generator.integers(0, 255, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / "photos" / f"{number}.png")


def _waiting(root: Path) -> RunFolder:
    return _struck[root]


def _supervise(root: Path) -> int:
    supervisor.main([str(_waiting(root).path), "--", *TOY_WORKER])
    return 0


def _train(root: Path) -> int:
    return worker.main([str(_waiting(root).path)])


QUICK = ("--preset", "quick", "--data", "minisprites", "--device", "cpu", "--name", "new")
SCENES = {
    "list": Scene(_crtui("runs", "list")),
    "show": Scene(_crtui("runs", "show", "stopped")),
    "train": Scene(_crtui("train", "vae", *QUICK, "--seeds", "0-1", "-d")),
    "resume": Scene(_crtui("runs", "resume", "stopped")),
    "stop": Scene(_crtui("runs", "stop", "waiting"), _halted, all_or_none=False),
    "rm": Scene(_crtui("runs", "rm", "stopped", "--yes")),
    "reindex": Scene(_crtui("runs", "reindex")),
    "select": Scene(_crtui("select", "--group", "pool"), all_or_none=False),
    "export": Scene(_crtui("export", "one", "--to", "{root}/exported")),
    "prepare": Scene(_crtui("data", "prepare", "{root}/photos", "--size", "16"), _photos),
    "supervisor": Scene(_supervise, _queued, all_or_none=False),
    "worker": Scene(_train, _to_train, all_or_none=False),
}


def make_template(root: Path) -> None:
    """The store that every scene begins with: two trained runs and one that was stopped."""
    store = Store.open(root / "store")
    for name in ("one", "two"):
        add_tiny_run(store, name, seed=len(name), group="pool")
    [(folder, lease)] = create_run_folders(store, [toy(steps=2, name="stopped")])
    os.close(lease)
    folder.update_state(lambda state: state.ended_as(Status.STOPPED))
    Registry(store).add_runs([folder])


def fresh(template: Path, root: Path, scene: Scene) -> None:
    """A copy of the template for one injection."""
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(template, root, symlinks=True)
    scene.prepare(root)


def settle_processes(patch: pytest.MonkeyPatch, root: Path) -> None:
    """What is started ends at once, data are small, and no other process computes."""
    patch.setenv("CRTUI_SLOTS", str(root / "slots"))
    patch.setattr(spawning, "_SUPERVISOR", ("/bin/true",))
    patch.setattr("engine.data.processes.default_processes", lambda: 1)
    serve = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}
    for number, handler in serve.items():
        signal.signal(number, handler)


def serve_data(patch: pytest.MonkeyPatch, name: str) -> None:
    """The tiny runs have tiny images; scenes that read data of their own read them."""
    if name not in ("prepare", "worker", "train"):
        serve_tiny_images(patch)


def view(store: Store) -> View:
    """What there is, by what the folders say."""
    found = {}
    for folder in run_folders(store):
        record = look_at(folder)
        found[folder.summary().name] = (_word(record.status), record.attempt)
    return found


def broken_rules(root: Path, scene: Scene, before: View, done: View, code: int, said: str) -> list[str]:
    """What does not hold of a store after a command in which one call failed; nothing where all is well.

    Args:
        root: where the store is.
        scene: the command.
        before: what there was before it.
        done: what there is after it if nothing fails.
        code: its exit code; negative if it was killed.
        said: what it printed on standard error.
    """
    store, broken = Store(root / "store"), []
    if code not in (0, 1, 2, -signal.SIGKILL):
        broken.append(f"it ended with {code}")
    # Matplotlib prints one of its own where it cannot read a font, and draws on. A worker prints one into its log.
    if "Traceback" in said and code != 0 and not (scene.act is _train and code == 1):
        broken.append(f"a traceback: {said.strip().splitlines()[-1]}")
    shown = view(store)
    listed = {record.name or "": (_word(record.status), record.attempt) for record in list_runs(store)}
    if listed != shown:
        broken.append(f"the list says {listed}, the folders {shown}")
    Registry(store).reindex()
    again = {record.name or "": (_word(record.status), record.attempt) for record in list_runs(store)}
    if again != shown:
        broken.append(f"reindex says {again}, the folders {shown}")
    if code < 0 and before.items() <= shown.items() <= done.items():
        # Of several runs that were being made, those that were made are there.
        return broken
    if code == 1 and shown.keys() == done.keys() and any(status == "failed" for status, _ in shown.values()):
        # Runs are made all or none; one of them whose process cannot be started has failed, and the command says so.
        return broken
    if scene.all_or_none and shown not in _allowed(code, before, done):
        broken.append(f"with code {code} there is {shown}; before there was {before}")
    return broken


def _allowed(code: int, before: View, done: View) -> list[View]:
    return [before, done] if code < 0 else [done] if code == 0 else [before]


def _word(status: Any) -> str:
    # What scenes start ends at once, and whoever looks then finds that.
    return "begun" if status in (Status.QUEUED, Status.CRASHED) else str(status)
