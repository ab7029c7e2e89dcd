"""A store of its own for every test, runs that were never trained, and the command line called in this process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from cr_tui.cli import main
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders
from engine.runs.specification.resolving import resolve
from engine.runs.state import RunState, Status
from engine.storage.store import Store


@dataclass(frozen=True)
class Result:
    """How a call of the command line ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.out)


Crtui = Callable[..., Result]


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRTUI_SLOTS", str(tmp_path / "slots"))
    (tmp_path / "slots").mkdir(mode=0o700)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("CRTUI_STORE", "CRTUI_IMAGES", "CUDA_VISIBLE_DEVICES", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


@pytest.fixture
def crtui(store: Store, capsys: pytest.CaptureFixture[str]) -> Crtui:
    """Call ``crtui --store STORE ...``."""

    def call(*arguments: str) -> Result:
        code = main(["--store", str(store.root), *arguments])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture
def add_run(store: Store) -> Callable[..., RunFolder]:
    """Put a run into the store that looks as if it had been trained."""

    def add(
        status: Status = Status.FINISHED,
        method: str = "infogan-cr",
        scores: dict[str, float | None] | None = None,
        **flags: object,
    ) -> RunFolder:
        spec = resolve(method, preset="quick", flags=flags)[0]
        [(folder, lease)] = create_run_folders(store, [spec])
        os.close(lease)
        step = spec.training.steps if status is Status.FINISHED else 100
        reason = "it was made so" if status in (Status.FAILED, Status.CRASHED) else None
        folder.write_state(
            RunState(
                status=status,
                step=step,
                total_steps=spec.training.steps,
                created=time.time(),
                ended=time.time(),
                reason=reason,
                scores=scores or {},
            )
        )
        Registry(store).add_runs([folder])
        return folder

    return add
