"""Names of checkpoint folders and of the files in them. No torch, so programs that only list them can import it."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

from engine.errors import InputError, StoreError
from engine.storage.descriptors import cause, folders_in, kind, status
from engine.storage.files import read_file

WEIGHTS = "weights.safetensors"
TRAINER = "trainer.safetensors"
PICKLED_TRAINER = "trainer.pt"
"""Of checkpoints of format 1."""
MANIFEST = "manifest.json"
MOST_OF_MANIFEST = 4 * 2**20
"""The most bytes of one that are read."""
SPEC = "spec.json"
SCORES = "scores.json"
EXPORTED_FILES = (WEIGHTS, SPEC, SCORES)
"""The files of an exported model that programs read. The others are for people, who may change them."""
_NAME = re.compile(r"step-(\d{8,})")


def step_folder(checkpoints: Path, step: int) -> Path:
    """The folder of the checkpoint after ``step`` updates, in a run's folder of checkpoints."""
    return checkpoints / f"step-{step:08d}"


def is_step_folder(path: Path) -> bool:
    """Whether a path is called like a checkpoint of a run."""
    return _NAME.fullmatch(path.name) is not None


def steps(checkpoints: Path) -> list[int]:
    """Steps of the checkpoints in a folder, ascending. No checkpoint is verified.

    Raises:
        InputError: the folder is a link, or something else.
        StoreError: it cannot be listed just now.
    """
    found = status(checkpoints)
    if found is None:
        return []
    if not stat.S_ISDIR(found.st_mode):
        raise InputError(f"{checkpoints} is {kind(found)}, where the folder of checkpoints belongs")
    try:
        names = folders_in(checkpoints)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"{checkpoints} cannot be listed: {cause(error)}") from error
    matches = (_NAME.fullmatch(name) for name in names)
    return sorted(int(match[1]) for match in matches if match)


def resuming_step(checkpoints: Path) -> int:
    """The step from which a run would go on: of its newest checkpoint that has the files its manifest lists, else 0.

    Sizes are compared, and nothing is hashed: that takes seconds, and whoever trains does it.
    """
    return next((step for step in reversed(steps(checkpoints)) if _is_whole(step_folder(checkpoints, step))), 0)


def _is_whole(path: Path) -> bool:
    try:
        files = json.loads(read_file(path / MANIFEST, MOST_OF_MANIFEST))["files"]
        found = [(status(path / Path(name).name), file["bytes"]) for name, file in files.items()]
        return all(state is not None and state.st_size == size for state, size in found)
    except (OSError, InputError, StoreError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False
