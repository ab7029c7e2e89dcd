"""Runs with checkpoints of tiny models, without having been trained."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.runs.catalogue import RunRecord
from engine.storage.store import Store
from tests.tiny_runs import add_tiny_run, serve_tiny_images


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


@pytest.fixture
def make_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RunRecord]:
    """Makes a finished run with a checkpoint of freshly initialised networks at each of ``steps``."""
    serve_tiny_images(monkeypatch)
    return functools.partial(add_tiny_run, store)
