"""Choosing from a pool of finished runs: one command, called again after whatever ended it."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import random
import re
import resource
import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

# Here, because OpenBLAS can loop for ever where the address space ends while it is loaded (docs/operations.md).
import scipy.special  # noqa: F401
import torch

from engine.methods import method_class
from engine.methods.base import Setup
from engine.runs.folder import RunFolder
from engine.runs.loading import describe
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders
from engine.runs.specification.resolving import resolve
from engine.runs.state import Outcome, RunState, Status
from engine.training import checkpoints

from .checks import BrokenError, Expected, Running, begin_crtui, check_list, check_readable, require, whole_checkpoints
from .damages import damage, fill
from .limits import memory_group
from .stories import Before, Story, Strike, random_jump

MODELS, STEP = 5, 10
_LONGEST_WAIT_SECONDS = 3.0
_TINY = ("generator.dense=[16]", "discriminator.dense=[16]", "generator.channels=[]", "discriminator.channels=[]")
_SIZES = ("--votes", "60")
_Matrix = dict[tuple[str, str], float]


class Selecting(Story):
    """``crtui select`` on models with random weights.

    Attributes:
        reference: ModelCentrality's matrix of a call that nothing happened to, by seeds of encoder and generator.
    """

    scene = "selecting"
    interval = 0
    steps = STEP
    reference: Mapping[tuple[int, int], float] = {}

    def __init__(self, root: Path, dice: random.Random, *, small_disk: bool = False) -> None:
        super().__init__(root, dice, small_disk=small_disk)
        self.command: Running | None = None
        self.damaged: set[str] = set()
        self._answer: tuple[int, str] = (0, "")
        self._seeds: dict[str, int] = {}

    def begin(self) -> None:
        if not self.folders:
            self._make_pool()
        self.go_on()

    def _make_pool(self) -> None:
        flags = {"training.steps": STEP, "threads": 1, "device": "cpu"}
        specs = resolve("infogan", preset="quick", overrides=_TINY, flags=flags, seeds=range(MODELS))
        for (folder, lease), spec in zip(create_run_folders(self.store, specs), specs, strict=True):
            os.close(lease)
            method = method_class("infogan")(spec.method, Setup((64, 64, 1), 100, spec.seed, STEP, torch.device("cpu")))
            # Larger than the method's own, so that the codes move visibly with the images.
            weights = {name: tensor * 10 for name, tensor in method.networks.state_dict().items()}
            description = describe(method, (64, 64, 1), "minisprites")
            checkpoints.save(folder.checkpoints, STEP, weights, {}, description, milestone=True)
            outcome = Outcome(status=Status.FINISHED, step=STEP)
            folder.write_outcome(outcome)
            folder.update_state(functools.partial(RunState.completed_from, outcome=outcome))
            self.folders.append(folder)
            self._seeds[folder.id] = spec.seed
        Registry(self.store).add_runs(self.folders)

    def go_on(self) -> None:
        def set_clock() -> None:
            true_time = time.time
            time.time = lambda: true_time() + self._seconds_ahead()

        pool = [folder.id for folder in self.folders]
        self.command = begin_crtui(self.store.root, "select", *pool, *_SIZES, "--json", prepare=set_clock)

    def _seconds_ahead(self) -> float:
        with contextlib.suppress(OSError, ValueError):
            return float(self.clock.read_text())
        return 0.0

    @property
    def pid(self) -> int:
        """The process that selects."""
        assert self.command is not None
        return self.command.pid

    def victim(self) -> RunFolder:
        return self.dice.choice(self.folders)

    def moment(self) -> bool:
        time.sleep(self.dice.uniform(0.0, _LONGEST_WAIT_SECONDS))
        return self.command is not None and not self.command.ended()

    def settle(self) -> None:
        if self.command is not None:
            answer = self.command.answer()
            self._answer = (answer.code, answer.err)
            if answer.code == 0:
                self._check_matrix(answer.json())
            self.command = None

    def check(self, strike: Strike, before: Before) -> None:
        check_list(self.store.root)
        self.undo.close()
        code, error = self._answer
        pattern = strike.expected.endings.get(str(code))
        said = f"select ended with code {code}: {error.strip()[-300:]}"
        require(pattern is not None, f"{said}; it should be {' or '.join(strike.expected.endings)}")
        require(re.search(pattern or "", error), f"{said}; this should match '{pattern}'")
        if strike.expected.gone:
            self.folders.remove(*strike.runs)
        rows = {row["id"]: row for row in check_readable(self.store.root, spoilt=self.damaged)}
        for folder in self.folders:
            require(rows[folder.id]["status"] == "finished", f"run {folder.id} is {rows[folder.id]}")
        self._check_kept()

    def _check_kept(self) -> None:
        """The registry and the folder hold the same selections, all of them whole."""
        on_disk = {path.name for path in self.store.selections.iterdir() if path.name[0].isdigit()}
        require({row.id for row in Registry(self.store).selections()} == on_disk, "the registry lacks selections")
        for name in on_disk:
            try:
                json.loads((self.store.selections / name / "ranking.json").read_bytes())
            except (OSError, ValueError) as error:
                raise BrokenError(f"selection {name} is not whole") from error

    def _check_matrix(self, result: dict[str, Any]) -> None:
        """What is found is what is found when nothing happens, and what is left out is damaged."""
        excluded = result["methods"]["model-centrality"]["excluded"]
        require(excluded.keys() <= self.damaged, f"left out: {excluded}")
        matrix = result["matrix"]
        members = [(index, run) for index, run in enumerate(result["runs"]) if run not in excluded]
        for row, encoder in members:
            for column, generator in members:
                expected = self.reference.get((self._seeds[encoder], self._seeds[generator]))
                found = matrix[row][column]
                if self.reference and encoder != generator:
                    require(found == expected, f"{encoder} on {generator} has {found} instead of {expected}")

    def matrix(self) -> dict[tuple[int, int], float]:
        """The matrix of a call that nothing happens to, by seeds.

        Raises:
            BrokenError: not even that works.
        """
        self.begin()
        assert self.command is not None
        answer = self.command.answer()
        require(answer.code == 0, f"the selection that nothing happens to fails: {answer.err}")
        rows, runs = answer.json()["matrix"], answer.json()["runs"]
        seeds = [self._seeds[run] for run in runs]
        return {(seeds[i], seeds[j]): rows[i][j] for i in range(len(runs)) for j in range(len(runs))}

    def finish(self) -> None:
        self.settle()
        self.go_on()
        self.settle()
        code, error = self._answer
        require(code == 0, f"select ends with code {code}, though all is well again: {error.strip()[-300:]}")
        check_readable(self.store.root, spoilt=self.damaged)
        self._check_kept()

    def end(self) -> None:
        super().end()
        if self.command is not None and not self.command.ended():
            os.kill(self.pid, signal.SIGKILL)

    def check_results(self) -> None:
        """Checked whenever a result is there."""


def kill(story: Selecting) -> Strike:
    """SIGKILL."""
    os.kill(story.pid, signal.SIGKILL)
    return Strike((), "select", Expected({"0": "", "-9": ""}))


def halt(story: Selecting) -> Strike:
    """SIGSTOP, and SIGCONT a while later."""
    os.kill(story.pid, signal.SIGSTOP)
    time.sleep(story.dice.uniform(0.1, 1.5))
    os.kill(story.pid, signal.SIGCONT)
    return Strike((), "select", Expected({"0": ""}))


def hang_up(story: Selecting) -> Strike:
    """SIGHUP: what a person looks on at ends with the terminal, and goes on where it was when called again."""
    os.kill(story.pid, signal.SIGHUP)
    return Strike((), "select", Expected({"0": "", "-1": ""}))


def exhaust_memory(story: Selecting) -> Strike:
    """No more memory: by the kernel's control groups, or by a limit on its address space."""
    group = memory_group(f"crtui-faults-{os.getpid()}") if story.dice.random() < 0.5 else None
    with contextlib.suppress(ProcessLookupError):
        if group is not None:
            story.undo.callback(group.remove)
            group.put(story.pid)
            return Strike((), "control group", Expected({"0": "", "-9": ""}))
        size = psutil.Process(story.pid).memory_info().vms
        resource.prlimit(story.pid, resource.RLIMIT_AS, (size, size))
    return Strike((), "address space", Expected({"0": "", "1": "(?i)memory|alloc", "-6": "", "-11": ""}))


def fill_disk(story: Selecting) -> Strike:
    """Not a byte more: a small disk is filled to the last block, or a limit set on the size of files."""
    if story.disk is not None and story.dice.random() < 0.7:
        detail = "full file system"
        ballast = story.disk / "ballast"
        story.undo.callback(ballast.unlink)
        fill(ballast)
    else:
        detail = "file size limit"
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(story.pid, resource.RLIMIT_FSIZE, (64, 64))
    return Strike(
        (), detail, Expected({"0": "", "1": "^error: .*((could not|cannot) be (written|locked)|too large|No space)"})
    )


def set_clock(story: Selecting) -> Strike:
    """The wall clock jumps."""
    return Strike((), random_jump(story), Expected({"0": ""}))


def delete_folder(story: Selecting) -> Strike:
    """A run of the pool is deleted."""
    run = story.victim()
    shutil.rmtree(run.path)
    story.damaged.add(run.id)
    gone = {"0": "", "2": f"'{run.id}'|{run.id} is gone"}
    return Strike((run,), "run folder", Expected(gone, gone=True))


def damage_checkpoint(story: Selecting) -> Strike:
    """The only checkpoint of a run of the pool is damaged."""
    run = story.victim()
    file = story.dice.choice(sorted((run.checkpoints / f"step-{STEP:08d}").iterdir()))
    detail = damage(file, story.dice, hashed=True)
    if not whole_checkpoints(run.path):
        story.damaged.add(run.id)
    return Strike((run,), detail, Expected({"0": ""}))


def damage_spec(story: Selecting) -> Strike:
    """The specification of a run of the pool is damaged."""
    return Strike((), damage(story.victim().spec_path, story.dice), Expected({"0": ""}))


def damage_state(story: Selecting) -> Strike:
    """The state of a run of the pool is damaged."""
    return Strike((), damage(story.victim().state_path, story.dice), Expected({"0": ""}))


def damage_registry(story: Selecting) -> Strike:
    """The registry is damaged."""
    return Strike((), damage(story.store.registry_path, story.dice), Expected({"0": "", "2": "reindex"}))


def damage_cache(story: Selecting) -> Strike:
    """What was computed before is damaged."""
    files = sorted((story.store.selections / "cache").glob("*/*/*.npz"))
    some = story.dice.sample(files, min(4, len(files)))
    return Strike((), ", ".join(damage(file, story.dice) for file in some), Expected({"0": ""}))
