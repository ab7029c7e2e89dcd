"""Checkpoints: folders ``step-NNNNNNNN`` that are complete or absent, never half written.

A checkpoint holds ``weights.safetensors`` (every network), ``trainer.safetensors`` (optimisers and random generators,
:mod:`engine.training.trainer_files`) and ``manifest.json``. The manifest holds the size and SHA-256 of the other two,
because their format does not notice a flipped bit. Format 1, which had ``trainer.pt`` instead, is still read.

The folder of an exported model (:mod:`engine.runs.exporting`) is read here as well. It has no state of a trainer, only
the weights that inference needs, and facts about the run that its manifest describes too.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as serialised
from torch import Tensor

from engine.errors import InputError, StoreError, WorkError
from engine.machine.processor import processor_name
from engine.storage.descriptors import (
    cause,
    is_there,
    make_folder,
    names_in,
    new_file,
    open_named,
    open_regular,
    remove_tree,
    rename,
    sync_folder,
    unlink,
)
from engine.storage.files import may_pass, read_file
from engine.training.step_folders import (
    EXPORTED_FILES,
    MANIFEST,
    MOST_OF_MANIFEST,
    PICKLED_TRAINER,
    TRAINER,
    WEIGHTS,
    is_step_folder,
    step_folder,
    steps,
)
from engine.training.trainer_files import read_pickled_state, read_state, write_state

FORMAT = 2
EXPORTED_FORMAT = 1
_TRAINERS = {1: PICKLED_TRAINER, 2: TRAINER}
_MOST_BYTES = 16 * 2**30
"""The largest file of a checkpoint that is read, in bytes."""
_PROBE = ".probe"


@dataclass(frozen=True)
class Checkpoint:
    """One verified checkpoint on disk.

    Attributes:
        path: its folder.
        step: finished updates.
        milestone: never deleted by :func:`prune`: the state before a schedule change, or the final one.
        description: how to build the model (method settings, image shape), as given to :func:`save`.
        fingerprint: SHA-256 of the weights file.
        exported: whether it holds only what inference needs, and nothing to train on with.
        format: version of its files.
    """

    path: Path
    step: int
    milestone: bool
    description: Mapping[str, Any]
    fingerprint: str
    exported: bool = False
    format: int = FORMAT

    def weights(self) -> dict[str, Tensor]:
        """All tensors of all networks, on the CPU.

        Raises:
            InputError: it is not a safetensors file. Its hash was right, so it was written like this.
            StoreError: it cannot be read just now.
        """
        try:
            with _opened(self.path / WEIGHTS, self.exported) as file:
                return load_file(f"/dev/fd/{file.fileno()}")
        except (OSError, SafetensorError, ValueError) as error:
            raise _unreadable(self.path / WEIGHTS, error) from error

    def trainer_state(self) -> dict[str, Any]:
        """The state for :meth:`engine.methods.base.Method.load_trainer_state`.

        Raises:
            InputError: :func:`save` did not write this file, or reading it would run code; an exported model has none.
            StoreError: it cannot be read just now.
        """
        if self.exported:
            raise InputError(f"{self.path} is an exported model, which holds nothing that training could go on from")
        path = self.path / _TRAINERS[self.format]
        read = read_pickled_state if self.format == 1 else read_state
        try:
            with _opened(path, self.exported) as file:
                return read(file)
        except OSError as error:
            raise _unreadable(path, error) from error
        except InputError as error:
            raise InputError(f"{path} {error}") from error


def save(
    folder: Path,
    step: int,
    weights: Mapping[str, Tensor],
    trainer_state: Mapping[str, Any],
    description: Mapping[str, Any],
    milestone: bool,
) -> Checkpoint:
    """Write a checkpoint into a temporary folder, sync it to disk, and rename it.

    Raises:
        WorkError: the disk is full. Earlier checkpoints are untouched.
        StoreError: the disk refused just now. Another call begins anew.
    """
    path = step_folder(folder, step)
    temporary = folder / f".{path.name}.tmp"
    try:
        remove_tree(temporary)
        # Parents are not made: a run deleted meanwhile must not come back as half a folder.
        make_folder(folder, exist_ok=True)
        make_folder(temporary)
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
        with _new(temporary / WEIGHTS) as file:
            file.write(serialised(tensors))
        with _new(temporary / TRAINER) as file:
            write_state(trainer_state, file)
        files = {name: describe_file(temporary / name) for name in (WEIGHTS, TRAINER)}
        manifest = {
            "format": FORMAT,
            "step": step,
            "milestone": milestone,
            "torch": torch.__version__,
            "processor": processor_name(),
            "files": files,
            "description": description,
        }
        with _new(temporary / MANIFEST) as file:
            file.write(json.dumps(manifest, indent=1).encode())
        sync_folder(temporary)
        _replace(temporary, path)
        sync_folder(folder)
    except (OSError, StoreError, SafetensorError, RuntimeError) as error:
        # torch and safetensors report a full disk through exceptions of their own.
        with contextlib.suppress(OSError):
            remove_tree(temporary)
        passes = isinstance(error, StoreError) or may_pass(error)
        said = f"checkpoint at step {step} could not be written to {folder}: {cause(error)}"
        raise (StoreError if passes else WorkError)(said) from error
    return Checkpoint(path, step, milestone, dict(description), files[WEIGHTS]["sha256"])


def _replace(new: Path, path: Path) -> None:
    """Rename ``new`` to ``path``. After a return to an older checkpoint, the step may be there already."""
    aside = path.with_name(f".{path.name}.old")
    remove_tree(aside)
    if is_there(path):
        rename(path, aside)
    rename(new, path)
    with contextlib.suppress(OSError):
        remove_tree(aside)


def load(path: Path) -> Checkpoint:
    """Read and verify the checkpoint or exported model in ``path``.

    Raises:
        InputError: it is not a checkpoint, or its files do not match its manifest.
        WorkError: the disk cannot read it.
    """
    try:
        with _opened(path / MANIFEST, linked=not is_step_folder(path)) as file:
            manifest = json.loads(file.read(MOST_OF_MANIFEST))
        exported = bool(manifest.get("exported", False))
        version = manifest["format"]
        if version not in _TRAINERS:
            raise InputError(f"checkpoint {path} has format {version!r}; this version reads formats 1 to {FORMAT}")
        names = EXPORTED_FILES if exported else (WEIGHTS, _TRAINERS[version])
        expected = {name: manifest["files"][name] for name in names}
        step, description = int(manifest["step"]), dict(manifest["description"])
        milestone = bool(manifest["milestone"])
        for name, description_of_file in expected.items():
            if not _is_described(path / name, description_of_file, linked=exported):
                raise InputError(f"checkpoint {path} is damaged: {name} is not the file that its manifest describes")
    except FileNotFoundError as error:
        raise InputError(f"{path} is not a whole checkpoint: {Path(error.filename).name} is missing") from error
    except OSError as error:
        if may_pass(error):
            raise StoreError(f"checkpoint {path} cannot be read: {cause(error)}") from error
        raise InputError(f"checkpoint {path} is damaged: {cause(error)}") from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise InputError(f"checkpoint {path} cannot be read: its manifest is damaged") from error
    return Checkpoint(path, step, milestone, description, str(expected[WEIGHTS]["sha256"]), exported, version)


def newest(folder: Path, warn: Callable[[str], None]) -> Checkpoint | None:
    """The newest whole checkpoint. Newer ones that are damaged are renamed to ``….damaged`` and reported to ``warn``.

    A file that cannot be read (EIO) is damaged if the disk takes and keeps another one. A disk that is away does not.

    Raises:
        StoreError: the disk cannot read one just now, or a damaged one cannot be renamed.
    """
    for step in reversed(steps(folder)):
        path = step_folder(folder, step)
        try:
            return _load_or_lose(path)
        except InputError as error:
            aside = path.with_name(f"{path.name}.damaged")
            try:
                remove_tree(aside)
                rename(path, aside)
            except OSError as refusal:
                raise StoreError(f"damaged checkpoint {path} cannot be set aside: {cause(refusal)}") from refusal
            warn(f"{error}; set aside, falling back to the checkpoint before it")
    return None


def _load_or_lose(path: Path) -> Checkpoint:
    """Like :func:`load`; what cannot be read although the disk works is damaged."""
    try:
        return load(path)
    except StoreError as error:
        if not _is_unreadable(error):
            raise
    try:
        # A disk with a bad sector still works; one that is away does not.
        probe = path.with_name(_PROBE)
        with _new(probe) as file:
            file.write(b"x")
        unlink(probe)
    except OSError as error:
        raise StoreError(f"{path.parent} does not answer: {cause(error)}") from error
    try:
        return load(path)
    except StoreError as error:
        if not _is_unreadable(error):
            raise
        raise InputError(str(error)) from error


def _is_unreadable(error: StoreError) -> bool:
    return isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EIO


def best_steps(folder: Path, scores: Mapping[int, float], count: int) -> list[int]:
    """Steps of the checkpoints with the best scores, best first. Of equal scores, the later step comes first.

    Args:
        folder: the run's folder of checkpoints.
        scores: score by step; higher is better. NaN and steps without a checkpoint are left out.
        count: how many at most.
    """
    present = [step for step in steps(folder) if not math.isnan(scores.get(step, math.nan))]
    return sorted(present, key=lambda step: (scores[step], step), reverse=True)[:count]


def prune(folder: Path, keep: int, keep_also: Collection[int] = ()) -> None:
    """Delete all checkpoints but the ``keep`` newest, the milestones and ``keep_also``. The newest is verified first.

    Raises:
        InputError: the newest checkpoint is damaged; nothing was deleted.
        WorkError: a checkpoint cannot be read or deleted.
    """
    _finish_deleting(folder)
    present = steps(folder)
    if len(present) <= keep:
        return
    load(step_folder(folder, present[-1]))
    for step in present[:-keep]:
        path = step_folder(folder, step)
        if step not in keep_also and not _is_milestone(path):
            # Renamed first, so that an interrupted deletion cannot leave half a checkpoint under its name.
            aside = folder / f".{path.name}.old"
            try:
                remove_tree(aside)
                rename(path, aside)
                remove_tree(aside)
            except OSError as error:
                raise StoreError(f"checkpoint {path} cannot be deleted: {cause(error)}") from error


def _finish_deleting(folder: Path) -> None:
    """Delete what an earlier call had renamed when the disk refused."""
    try:
        for name in names_in(folder):
            if name.startswith(".step-") and name.endswith(".old"):
                remove_tree(folder / name)
    except OSError as error:
        raise StoreError(f"{folder} cannot be tidied: {cause(error)}") from error


def _is_milestone(path: Path) -> bool:
    try:
        return bool(json.loads(read_file(path / MANIFEST, MOST_OF_MANIFEST))["milestone"])
    except (OSError, InputError, StoreError, ValueError, KeyError, TypeError, RecursionError):
        # Unreadable: keep it for a person to look at.
        return True


def describe_file(path: Path) -> dict[str, Any]:
    """What a manifest says of a file: its size and SHA-256.

    Raises:
        OSError: it is not there, or the disk refused.
    """
    with _opened(path, linked=True) as file:
        return _description(file)


def _is_described(path: Path, expected: Mapping[str, Any], *, linked: bool) -> bool:
    """Whether a file is the one that a manifest describes. One of another size, however large, is not read."""
    with _opened(path, linked) as file:
        size = os.fstat(file.fileno()).st_size
        return size == expected.get("bytes") and size <= _MOST_BYTES and _description(file) == expected


def _description(file: BufferedReader) -> dict[str, Any]:
    return {"bytes": os.fstat(file.fileno()).st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _opened(path: Path, linked: bool) -> BufferedReader:
    """A file of a checkpoint; of an exported model, whose files download caches keep behind links, what they lead to.

    Raises:
        OSError: it is not there, is no regular file, or cannot be read.
    """
    return os.fdopen(open_named(path) if linked else open_regular(path), "rb")


@contextlib.contextmanager
def _new(path: Path) -> Iterator[BinaryIO]:
    """A new file of a checkpoint, which is on disk at the end of the block."""
    with os.fdopen(new_file(path), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _unreadable(path: Path, error: Exception) -> InputError | StoreError:
    """The error to raise for a file that cannot be read: whether that may pass."""
    return (StoreError if may_pass(error) else InputError)(f"{path} cannot be read: {cause(error)}")
