"""Runs with checkpoints of tiny models, without having been trained."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

import engine.data
from engine.runs.catalogue import RunRecord
from engine.storage.store import Store
from tests.tiny_runs import TinyImages, add_tiny_run


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


@pytest.fixture
def make_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RunRecord]:
    """Makes a finished run with a checkpoint of freshly initialised networks at each of ``steps``."""
    monkeypatch.setattr(engine.data, "load", lambda name, root=None, progress=None, **options: TinyImages(name))
    return functools.partial(add_tiny_run, store)
