"""Runs that wait for two GPUs that do not exist, one at a time each, with workers that train nothing."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence
from pathlib import Path

from engine.launch.local import start
from engine.runs.specification.resolving import resolve
from engine.runs.specification.spec import RunSpec
from tests.faults.toy_worker import link, newest
from tests.toys import TOY_WORKER, TWO_GPUS

from .checks import require
from .stories import Story

RUNS = 4
_LONGEST_WAIT_SECONDS = 2.5


class Queueing(Story):
    """A sweep of four runs over two devices with one slot each, each tried again twice."""

    scene = "queueing"
    interval = 5
    steps = 40

    def __init__(self, root: Path, dice: random.Random, *, small_disk: bool = False) -> None:
        super().__init__(root, dice, small_disk=small_disk)
        programs, self._occupied = root / "programs", root / "occupied"
        for folder in (programs, self._occupied):
            folder.mkdir()
        nvidia_smi = programs / "nvidia-smi"
        nvidia_smi.write_text(f"#!/bin/sh\nif [ \"$1\" = -L ]; then printf '{TWO_GPUS}'; fi\n")
        nvidia_smi.chmod(0o700)
        os.environ["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"
        os.environ.update({"TOY_OCCUPIED": str(self._occupied), "TOY_STEP_SECONDS": "0.02"})

    @property
    def worker(self) -> Sequence[str]:
        return TOY_WORKER

    def specs(self) -> list[RunSpec]:
        """The sweep."""
        flags = {"training.steps": self.steps, "threads": 1, "device": "cuda", "retries": 2}
        return resolve("infogan", preset="quick", flags=flags, seeds=range(RUNS))

    def begin(self) -> None:
        self.folders += [record.folder for record in start(self.store, self.specs(), self.worker)]

    def moment(self) -> bool:
        time.sleep(self.dice.uniform(0.0, _LONGEST_WAIT_SECONDS))
        return not self.all_ended()

    def check_results(self) -> None:
        value = ""
        for step in range(self.steps):
            value = link(value, step)
        for folder in self.folders:
            require(newest(folder) == (self.steps, value), f"run {folder.id} lost a step or did one twice")

    @property
    def devices_are_shared(self) -> bool:
        return (self._occupied / "shared-device").exists()
