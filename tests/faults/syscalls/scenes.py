"""The commands that are struck, each in a fresh copy of one small store, and what must hold afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import engine.data
from cr_tui.cli import main
from engine.choosing.kept_scores import kept_scores, scores_path
from engine.choosing.result import read_result
from engine.launch import spawning, supervisor, worker
from engine.machine.processes import ProcessIdentity
from engine.runs.catalogue import list_runs, look_at
from engine.runs.folder import RunFolder
from engine.runs.labels import read_labels
from engine.runs.loading import find_checkpoint
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders, run_folders
from engine.runs.specification.resolving import resolve
from engine.runs.state import Status
from engine.storage.store import Store
from tests.tiny_runs import add_tiny_run, serve_tiny_images
from tests.toys import toy, until

from .tracing import HUNG, Ending, untraced

_struck: dict[Path, RunFolder] = {}
"""The run that a scene is about, found before anything fails."""
_LIGHT_WORKER = (sys.executable, "-I", "-S", str(Path(__file__).parents[1] / "light_worker.py"))
_silent = os.open(os.devnull, os.O_WRONLY)
_sleepers: list[subprocess.Popen[bytes]] = []
"""Processes that stand for workers."""
View = dict[str, tuple[str, int]]
"""Status and attempt of each run, by name."""


class Left(Enum):
    """What a command may leave that failed. One that succeeded has done its work; one that was killed, all or none."""

    BEFORE = "what was there before"
    EITHER = "what was there before, or all of its work"
    ANY = "anything of which list, folders and reindex say the same"


@dataclass(frozen=True)
class Scene:
    """A command.

    Attributes:
        act: does it in a copy of the store, and returns the exit code.
        prepare: what is there beforehand besides the common runs.
        left: what it may leave if it fails.
        product: what it makes besides runs, in words that can be compared; raises where that is damaged.
        again: whether it can be called once more after it failed, to the same end.
        replaces: whether it becomes another program, and so can only be done in a process of its own.
    """

    act: Callable[[Path], int]
    prepare: Callable[[Path], None] = lambda root: None
    left: Left = Left.BEFORE
    product: Callable[[Path], object] = lambda root: None
    again: bool = False
    replaces: bool = False


def _crtui(*words: str) -> Callable[[Path], int]:
    return lambda root: main(["--store", str(root / "store"), *(word.format(root=root) for word in words)])


def _start(root: Path) -> int:
    """Another scene's command in a new interpreter, so that its imports are among the calls."""
    for stream in (1, 2):
        os.dup2(_silent, stream)
    words = ("--store", str(root / "store"), "runs", "rm", "stopped", "--yes")
    os.execv(sys.executable, [sys.executable, "-m", "cr_tui", *words])


def _queued(root: Path) -> None:
    """A run that waits, and whose supervisor is started by the scene."""
    [(folder, lease)] = create_run_folders(Store(root / "store"), [toy(steps=2, name="waiting")])
    os.close(lease)
    Registry(folder.store).add_runs([folder])
    _struck[root] = folder


def _halted(root: Path) -> None:
    """A run that a person stops: its worker holds the lease, and its supervisor is gone."""
    [(folder, lease)] = create_run_folders(Store(root / "store"), [toy(steps=2, name="waiting")])
    process = subprocess.Popen(["sleep", "60"], start_new_session=True, pass_fds=[lease])
    os.close(lease)
    _sleepers.append(process)
    threading.Thread(target=process.wait, daemon=True).start()
    running = {"status": Status.RUNNING, "worker": ProcessIdentity.of(process.pid)}
    folder.update_state(lambda state: state.model_copy(update=running))
    Registry(folder.store).add_runs([folder])
    _struck[root] = folder


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
    supervisor.main([str(_waiting(root).path), "--", *_LIGHT_WORKER])
    return 0


def _train(root: Path) -> int:
    return worker.main([str(_waiting(root).path)])


def _note_of_stopped(root: Path) -> object:
    return read_labels(_named(root, "stopped")).model_dump()


def _scores_of_one(root: Path) -> object:
    """The scores in the state of a run, which are also in the file beside it."""
    folder = _named(root, "one")
    kept, _ = kept_scores(scores_path(folder.path, 7, "paper"), {})
    scores = folder.state().scores
    if not scores.items() <= kept.get(0, {}).items():
        raise ValueError(f"the state has scores {scores}, the file {kept}")
    return scores


def _selections(root: Path) -> object:
    """How many there are; the registry and the folder hold the same, all of them whole."""
    store = Store(root / "store")
    listed = sorted(row.id for row in Registry(store).selections())
    there = sorted(path.name for path in store.selections.iterdir() if path.name[0].isdigit())
    if listed != there:
        raise ValueError(f"the registry has selections {listed}, the folder {there}")
    return [sorted(read_result(store.selections / name).methods) for name in there]


def _exported(root: Path) -> object:
    """The names of an exported model's files, which has the weights that its manifest promises."""
    target = root / "exported"
    if not target.is_dir():
        return None
    find_checkpoint(target, None)
    return sorted(path.name for path in target.iterdir())


def _prepared(root: Path) -> object:
    """The sum of what was prepared of photos; whether it is whole is checked as it is opened."""
    store = Store(root / "store")
    if not list(store.data.glob("*/*.npy")):
        return None
    return int(engine.data.load(str(root / "photos"), store.data, size=16).images(range(3)).sum())


def _named(root: Path, name: str) -> RunFolder:
    return next(folder for folder in run_folders(Store(root / "store")) if folder.summary().name == name)


QUICK = ("--preset", "quick", "--data", "minisprites", "--device", "cpu", "--name", "new")
_SCORE = ("--metric", "mig", "--device", "cpu")
SCENES = {
    "list": Scene(_crtui("runs", "list")),
    "show": Scene(_crtui("runs", "show", "stopped")),
    "train": Scene(_crtui("train", "vae", *QUICK, "--seeds", "0-1", "-d")),
    "resume": Scene(_crtui("runs", "resume", "stopped"), again=True),
    "stop": Scene(_crtui("runs", "stop", "waiting", "--grace", "2"), _halted, Left.EITHER),
    "rm": Scene(_crtui("runs", "rm", "stopped", "--yes"), again=True),
    "reindex": Scene(_crtui("runs", "reindex"), again=True),
    "note": Scene(
        _crtui("runs", "note", "stopped", "--tag", "kept", "--text", "keep this"), product=_note_of_stopped, again=True
    ),
    "score": Scene(_crtui("score", "one", *_SCORE), left=Left.EITHER, product=_scores_of_one, again=True),
    "select": Scene(_crtui("select", "--group", "pool", "--votes", "20"), product=_selections, again=True),
    "export": Scene(_crtui("export", "one", "--to", "{root}/exported"), product=_exported, again=True),
    "prepare": Scene(
        _crtui("data", "prepare", "{root}/photos", "--size", "16"), _photos, Left.EITHER, _prepared, again=True
    ),
    "supervisor": Scene(_supervise, _queued, Left.ANY),
    "worker": Scene(_train, _to_train, Left.ANY),
    "start": Scene(_start, left=Left.EITHER, replaces=True),
}
SAMPLED = {"start": 300}
"""Scenes of which so many injections are drawn by chance: most of their thousands of calls are alike."""


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
    while _sleepers:
        _sleepers.pop().kill()
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
    """The tiny runs have tiny images; scenes that read data of their own read them.

    The score of a run that is trained is not computed: it takes three quarters of the time and calls nothing.
    """
    if name not in ("prepare", "worker", "train"):
        serve_tiny_images(patch)
    if name == "worker":
        patch.setattr(worker.evaluation, "score", lambda encode, data, names: dict.fromkeys(names, 0.5))


@dataclass(frozen=True)
class Found:
    """What there is.

    Attributes:
        runs: by what their folders say.
        product: what the scene's command makes besides runs.
    """

    runs: View
    product: object


def look(root: Path, scene: Scene) -> Found:
    """What there is in a scene's store.

    Raises:
        Exception: something there is damaged, or does not fit the rest.
    """
    found = {}
    for folder in run_folders(Store(root / "store")):
        record = look_at(folder)
        found[folder.summary().name] = (_word(record.status), record.attempt)
    return Found(found, scene.product(root))


def broken_rules(root: Path, scene: Scene, before: Found, done: Found, ending: Ending) -> list[str]:
    """What does not hold of a store after a command in which one call failed; nothing where all is well.

    Args:
        root: where the store is.
        scene: the command.
        before: what there was before it.
        done: what there is after it if nothing fails.
        ending: what became of it.
    """
    try:
        return list(_broken_rules(root, scene, before, done, ending))
    except Exception as error:
        return [f"what is left cannot be looked at: {type(error).__name__}: {error}"]


def _broken_rules(root: Path, scene: Scene, before: Found, done: Found, ending: Ending) -> Iterator[str]:
    code, said, store = ending.code, ending.said, Store(root / "store")
    if scene.act is _supervise:
        # A worker whose supervisor was killed ends a moment later, and must not do so between two looks.
        until(lambda: not _waiting(root).lease_is_held(), "the end of the worker", patience=10.0)
    # An interpreter that cannot read its own files may end as it likes; what it leaves must be whole.
    if code not in (0, 1, 2, -signal.SIGKILL) and not scene.replaces:
        yield f"it ended with {code}" if code != HUNG else "it did not end"
    # Matplotlib prints one of its own where it cannot read a font, and draws on, or raises the error that we then say.
    # A worker prints one into its log.
    last = said.strip().rpartition("\n")[2]
    if "Traceback" in said and code != 0 and not last.startswith("error: ") and not (scene.act is _train and code == 1):
        yield f"a traceback: {last}"
    shown = look(root, scene)
    listed = _listed(store)
    if listed != shown.runs:
        yield f"the list says {listed}, the folders {shown.runs}"
    Registry(store).reindex()
    again = _listed(store)
    if again != shown.runs:
        yield f"reindex says {again}, the folders {shown.runs}"
    if not _allowed(shown, scene, before, done, code):
        yield f"with code {code} there is {shown}; before there was {before}"
    # What was done all the same is not always done twice.
    if scene.again and code != 0 and shown != done:
        second = untraced(lambda: scene.act(root))
        found = look(root, scene)
        if second.code != 0 or found != done:
            yield f"called again, it ends with {second.code} and leaves {found}: {second.said[-200:]}"


def _listed(store: Store) -> View:
    return {record.name or "": (_word(record.status), record.attempt) for record in list_runs(store)}


def _allowed(shown: Found, scene: Scene, before: Found, done: Found, code: int) -> bool:
    if scene.left is Left.ANY:
        return True
    if code == 0:
        return shown == done
    if code < 0 or scene.left is Left.EITHER:
        # Of several runs that were being made, those that were made are there.
        some = before.runs.items() <= shown.runs.items() <= done.runs.items()
        runs = some or shown.runs in (before.runs, done.runs)
        return runs and shown.product in (before.product, done.product)
    # Runs are made all or none; one of them whose process cannot be started has failed, and the command says so.
    failed = any(status == "failed" for status, _ in shown.runs.values())
    return shown == before or (code == 1 and shown.runs.keys() == done.runs.keys() and failed)


def _word(status: Any) -> str:
    # What scenes start ends at once, and whoever looks then finds that.
    return "begun" if status in (Status.QUEUED, Status.CRASHED) else str(status)
