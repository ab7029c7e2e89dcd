"""The engine: datasets, methods, training, scores and selection, without any terminal.

``engine.load(path_or_run)`` gives a trained model; ``engine.data``, ``engine.metrics`` and ``engine.selection`` hold
the rest of the public functions. Everything is imported when first touched.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine import data as data
    from engine import metrics as metrics
    from engine import selection as selection
    from engine.models.model import Model

__version__ = "0.1.0"


def load(path_or_run: str | Path) -> Model:
    """Load a trained model for inference on the CPU.

    Args:
        path_or_run: a run folder, a checkpoint folder or an exported folder; or a run of the default store by id,
            unambiguous prefix of the id, or name.

    Raises:
        InputError: nothing is found under that name, or what is found is damaged.
    """
    from engine.runs.loading import load_model

    path = Path(path_or_run)
    if path.is_dir():
        return load_model(path)
    from engine.runs.catalogue import find_run
    from engine.storage.store import Store

    record = find_run(Store.open(), str(path_or_run))
    return load_model(record.folder.path, name=record.name)


def __getattr__(name: str) -> Any:
    if name in ("data", "metrics", "selection"):
        return importlib.import_module(f"engine.{name}")
    raise AttributeError(f"module 'engine' has no attribute '{name}'")
