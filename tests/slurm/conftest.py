"""A store of its own for every test; a real Slurm for those that ask for one, else programs that answer like it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from engine.launch import slurm as launcher
from engine.runs import slurm_jobs
from engine.runs.specification.slurm_settings import SlurmSettings
from engine.storage.store import Store
from tests import toys

from .cluster import CannotStartError, Cluster, cluster

ROOT = Path(__file__).parents[2]
TOY_WORKER = toys.TOY_WORKER
PATIENCE_SECONDS = 240.0
"""How long a test waits for what takes some seconds before it gives up: the machine may be loaded."""


class ToySpec(toys.ToySpec):
    """What launchers read of a specification for Slurm."""

    device: str = "auto"
    launcher: Literal["local", "slurm"] = "slurm"
    slurm: SlurmSettings | None = None


def toy(steps: int = 40, slurm: SlurmSettings | None = None, **changes: Any) -> ToySpec:
    return ToySpec(training=toys.Training(steps=steps), slurm=slurm, **changes)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("CRTUI_SLOTS", str(tmp_path / "slots"))
    for name in [name for name in os.environ if name.startswith(("SLURM_", "SBATCH_"))]:
        monkeypatch.delenv(name)
    for name in ("CUDA_VISIBLE_DEVICES", "CRTUI_STORE"):
        monkeypatch.delenv(name, raising=False)
    # What was learned of another test's jobs has the same numbers.
    slurm_jobs._answers.clear()
    monkeypatch.setattr(slurm_jobs, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(launcher, "_POLL_SECONDS", 0.05)


@pytest.fixture(scope="module")
def real_slurm() -> Iterator[Cluster]:
    """A real Slurm; the test is skipped where it cannot be had."""
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    try:
        with cluster(folder) as started:
            yield started
    except CannotStartError as error:
        pytest.skip(f"no Slurm can be started here: {error}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def slurm(real_slurm: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A real Slurm that this process's commands talk to."""
    for name, value in real_slurm.environment.items():
        monkeypatch.setenv(name, value)
    yield real_slurm
    # What a test that failed left there would keep the next one waiting.
    real_slurm.call("scancel", "--user", str(os.getuid()))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Toy runs wait at step 10 until this file is there."""
    monkeypatch.setenv("TOY_GATE", str(tmp_path / "gate"))
    return tmp_path / "gate"


def until(condition: Callable[[], Any], what: str = "it") -> None:
    toys.until(condition, what, patience=PATIENCE_SECONDS, pause=0.1)


SBATCH = """#!/bin/sh
cd {folder}
[ -s refuse ] && [ "$(cat accepted)" -ge "$(cat accepts)" ] && { cat refuse >&2; exit 1; }
number=$((100 + $(cat accepted)))
echo $(($(cat accepted) + 1)) > accepted
printf '%s\\n' "$@" > "$number.options"
cat > "$number.script"
last=$(sed -n 's/^--array=0-\\([0-9]*\\).*/\\1/p' "$number.options")
for task in $(seq 0 "$last"); do echo "${number}_$task|PENDING" >> jobs; done
echo "$number"
"""
SQUEUE = """#!/bin/sh
cd {folder}
[ -s unreachable ] && { cat unreachable >&2; exit 1; }
[ -s jobs ] || { echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1; }
cat jobs
"""
SCANCEL = """#!/bin/sh
cd {folder}
echo "$*" >> cancelled
if [ -e denied ]; then echo "scancel: error: Kill job error on job id $*: Access/permission denied" >&2; exit 1; fi
case "$1" in --signal=*) exit;; esac
for job; do sed -i "s/^$job\\(_[0-9]*\\)*|.*/$job\\1|CANCELLED/" jobs; done
"""
SCONTROL = """#!/bin/sh
cat {folder}/configuration
"""
SACCT = """#!/bin/sh
cat {folder}/accounting
"""


class FakeSlurm:
    """Programs that answer like Slurm's, out of files in a folder.

    Args:
        folder: where the files are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / "bin"
        self.programs.mkdir(parents=True)
        commands = {"sbatch": SBATCH, "squeue": SQUEUE, "scancel": SCANCEL, "scontrol": SCONTROL, "sacct": SACCT}
        for name, text in commands.items():
            program = self.programs / name
            program.write_text(text.replace("{folder}", str(folder)))
            program.chmod(0o700)
        for name in ("jobs", "accounting", "cancelled"):
            (folder / name).touch()
        (folder / "accepted").write_text("0\n")
        (folder / "configuration").write_text("MaxArraySize            = 1001\n")

    def refuse(self, message: str, after: int = 0) -> None:
        """Let sbatch refuse, once it has accepted so many arrays."""
        (self.folder / "accepts").write_text(f"{after}\n")
        (self.folder / "refuse").write_text(message)

    def cannot_be_reached(self) -> None:
        (self.folder / "unreachable").write_text(
            "slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n"
        )

    def say(self, *jobs: str) -> None:
        """What squeue knows: lines ``<job>|<state>``."""
        (self.folder / "jobs").write_text("".join(f"{job}\n" for job in jobs))

    def account(self, *jobs: str) -> None:
        """What sacct knows."""
        (self.folder / "accounting").write_text("".join(f"{job}\n" for job in jobs))

    def options(self, array: int = 100) -> list[str]:
        """What sbatch was given for an array."""
        return (self.folder / f"{array}.options").read_text().splitlines()

    def script(self, array: int = 100) -> str:
        return (self.folder / f"{array}.script").read_text()

    @property
    def arrays(self) -> int:
        return int((self.folder / "accepted").read_text())

    @property
    def cancelled(self) -> list[str]:
        """What scancel was given."""
        return (self.folder / "cancelled").read_text().splitlines()


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    """Programs that answer like Slurm's and nothing else in their place."""
    answering = FakeSlurm(tmp_path / "fake")
    monkeypatch.setenv("PATH", str(answering.programs), prepend=":")
    return answering
