"""The folder of one run: its files, read with distrust and written whole."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from engine.errors import InputError, StoreError
from engine.machine.processes import ProcessIdentity
from engine.runs.specification.changes import SpecChange, SpecChanges
from engine.runs.specification.summary import SPEC_VERSION, VERSION_KEY, SpecSummary
from engine.runs.specification.trees import assign
from engine.runs.state import Outcome, RunState
from engine.storage.descriptors import (
    cause,
    is_folder,
    is_there,
    kind,
    move,
    move_back,
    open_file,
    remove_tree,
    status,
    unlink,
)
from engine.storage.files import is_full, read_file, replace_file
from engine.storage.locks import exclusive_lock, is_locked, try_lock_file
from engine.storage.store import Store

if TYPE_CHECKING:
    from engine.runs.specification.spec import RunSpec

_MAX_JSON_BYTES = 4 * 2**20
_LEASE_PATIENCE_SECONDS = 2.0
_POLL_SECONDS = 0.1
REPAIR_SECONDS = 15.0
"""How long a worker waits for its supervisor to repair a damaged state: several heartbeats."""
REMOVED = ".removed-"
"""What the name of a folder begins with that is being deleted."""
_RESERVE = ".reserve"
_RESERVE_BYTES = 64 * 1024
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True)
class _SpecFile:
    """An undamaged file of a specification."""

    path: Path
    content: bytes
    summary: SpecSummary


@dataclass(frozen=True)
class RunFolder:
    """The paths of a run's files, and how they are read and written.

    Args:
        path: ``STORE/runs/<run-id>``.
    """

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def store(self) -> Store:
        return Store(self.path.parent.parent)

    @property
    def spec_path(self) -> Path:
        return self.path / "spec.json"

    @property
    def changes_path(self) -> Path:
        return self.path / "changes.json"

    @property
    def state_path(self) -> Path:
        return self.path / "state.json"

    @property
    def outcome_path(self) -> Path:
        return self.path / "outcome.json"

    @property
    def events_path(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def log_path(self) -> Path:
        return self.path / "log.txt"

    @property
    def deciding_paths(self) -> tuple[Path, ...]:
        """The files that say what is to be trained, on which data. Nobody but the run's user writes them."""
        return (self.spec_path, self._spec_copy, self.changes_path)

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def require(self) -> None:
        """Check that the folder exists.

        Raises:
            InputError: it is gone, or something else, such as a symbolic link, which could lead outside the store.
            StoreError: that cannot be found out.
        """
        found = status(self.path)
        if found is None:
            raise InputError(f"run folder {self.path} is gone")
        if stat.S_ISLNK(found.st_mode):
            raise InputError(f"run folder {self.path} is a symbolic link; move the folder itself there")
        if not stat.S_ISDIR(found.st_mode):
            raise InputError(f"run folder {self.path} is {kind(found)}, and no folder")

    def is_gone(self) -> bool:
        """Whether somebody has deleted or moved the folder. Not while the store itself cannot be reached.

        Raises:
            StoreError: that cannot be found out.
        """
        return not is_there(self.path) and is_there(self.path.parent)

    def spec(self) -> RunSpec:
        """The specification, or its copy if it is missing or damaged.

        Raises:
            InputError: the copy is missing or damaged too, or the run's method is not installed here.
        """
        from engine.methods import require_installed
        from engine.runs.specification.spec import RunSpec

        require_installed(self.summary().method.name, f"run {self.id}")
        return self._read_spec(RunSpec)

    def summary(self) -> SpecSummary:
        """The part of the specification that every run has, whatever its method.

        Raises:
            InputError: it is missing or damaged, and so is its copy.
        """
        return self._read_spec(SpecSummary)

    def spec_tree(self) -> dict[str, Any]:
        """The specification as plain data, whatever its method.

        Raises:
            InputError: it is missing or damaged, and so is its copy.
        """
        return self._changed_tree(self._whole_spec().content, self.changes())

    def changes(self) -> list[SpecChange]:
        """What was changed when the run was resumed, oldest first.

        Raises:
            InputError: the file is damaged.
        """
        found = self._read_if_there(self.changes_path, SpecChanges)
        return [] if found is None else found.root

    def write_changes(self, changes: Sequence[SpecChange]) -> None:
        """Replace what was changed at resumes. Only the owner of the run's lease may do this.

        Raises:
            WorkError: the disk refused.
        """
        _write(self.changes_path, SpecChanges(list(changes)), group_writes=False)

    def write_spec(self, spec: BaseModel) -> None:
        """Write the specification of a new run, and its copy.

        Raises:
            WorkError: the disk refused.
        """
        for path in (self.spec_path, self._spec_copy):
            replace_file(path, spec_content(spec), group_writes=False)

    def repair_spec(self) -> None:
        """Replace a specification that is missing or damaged by its copy.

        Raises:
            InputError: the copy is missing or damaged too.
            WorkError: the disk refused.
        """
        whole = self._whole_spec()
        if whole.path != self.spec_path:
            replace_file(self.spec_path, whole.content, group_writes=False)

    def state(self, patience: float = 0.0) -> RunState:
        """The state as it was last written; :mod:`engine.runs.catalogue` checks it against the run's processes.

        Args:
            patience: seconds to wait for the run's supervisor to repair a damaged state, as each heartbeat does.

        Raises:
            InputError: the state is missing or damaged.
            StoreError: it cannot be read just now.
        """
        deadline = time.monotonic() + patience
        while True:
            try:
                return self._read(self.state_path, RunState)
            except (InputError, StoreError):
                if time.monotonic() >= deadline or not is_folder(self.path):
                    raise
            time.sleep(_POLL_SECONDS)

    def write_state(self, state: RunState) -> None:
        """Replace the state, whatever is there.

        Raises:
            WorkError: the disk refused.
        """
        with exclusive_lock(self._lock_path):
            _write(self.state_path, state)

    def update_state(self, change: Callable[[RunState], RunState], fallback: RunState | None = None) -> RunState:
        """Read, change and replace the state under one lock, so that no other process's change is lost.

        Args:
            change: makes the new state of the present one. It must not call this method.
            fallback: used as the present state if that is missing or damaged.

        Returns:
            The new state.

        Raises:
            InputError: the state is missing or damaged and there is no fallback.
            WorkError: the disk refused; the old state is still there.
        """
        with exclusive_lock(self._lock_path):
            try:
                present = self.state()
            except InputError:
                if fallback is None:
                    raise
                present = fallback
            changed = change(present)
            if changed != present or present is fallback:
                _write(self.state_path, changed, final=changed.status.terminal)
            return changed

    def outcome(self) -> Outcome | None:
        """How the worker says its work ended; ``None`` if it has not said anything.

        Raises:
            InputError: the file is damaged.
        """
        return self._read_if_there(self.outcome_path, Outcome)

    def forget_outcome(self) -> None:
        """Delete what the worker of an earlier attempt said about its end.

        Raises:
            StoreError: the disk refused.
        """
        try:
            unlink(self.outcome_path, missing_ok=True)
        except OSError as error:
            raise StoreError(f"{self.outcome_path} cannot be deleted: {cause(error)}") from error

    def write_outcome(self, outcome: Outcome) -> None:
        """Write how the work ended. The worker does this last.

        Raises:
            WorkError: the disk refused.
        """
        _write(self.outcome_path, outcome, final=True)

    def fill_reserve(self) -> None:
        """Write a file that only takes up space. It is deleted if the disk is full when the run's end is written.

        Raises:
            WorkError: the disk refused.
        """
        path = self.path / _RESERVE
        try:
            with os.fdopen(open_file(path, os.O_WRONLY | os.O_TRUNC), "wb") as file:
                # Random, because some file systems compress.
                file.write(os.urandom(_RESERVE_BYTES))
        except OSError as error:
            with contextlib.suppress(OSError):
                unlink(path, missing_ok=True)
            raise StoreError(f"run {self.id} cannot be written: {cause(error)}") from error

    def take_lease(self) -> int:
        """Become the owner of this run: nobody else may train, move or delete it.

        The lease is a lock (``flock``) that is held until every process that inherited the descriptor has ended. So it
        is right even where process numbers mislead: they may be reused, or belong to another container.

        Returns:
            The descriptor that holds the lease.

        Raises:
            InputError: another process holds it.
            WorkError: the disk refused.
        """
        deadline = time.monotonic() + _LEASE_PATIENCE_SECONDS
        while (descriptor := try_lock_file(self._lease_path)) is None:
            # Processes hold it for a moment when they look whether it is free, and until they have exited.
            if time.monotonic() > deadline:
                raise InputError(f"run {self.id} still has a live process; stop it first")
            time.sleep(0.02)
        return descriptor

    def lease_is_held(self) -> bool:
        """Whether a live process holds the lease.

        Raises:
            StoreError: that cannot be found out.
        """
        return is_locked(self._lease_path)

    def lease_is_held_by(self, process: ProcessIdentity) -> bool:
        """Whether a process of this user holds the lease, or has a part in it that it inherited.

        Raises:
            PermissionError: the process is another user's, so that cannot be found out.
            StoreError: the store does not say.
        """
        lease = status(self._lease_path)
        # One with a second name may be any file that the process has open.
        return lease is not None and lease.st_nlink == 1 and process.has_open(lease)

    def delete(self) -> None:
        """Delete the folder. It leaves all lists before its first file is deleted. Symbolic links are never followed.

        Raises:
            WorkError: the disk refused.
        """
        aside = self.set_aside()
        if aside is not None:
            delete_aside(aside)

    def set_aside(self) -> Path | None:
        """Take the folder out of all lists, by one rename, to be deleted by :func:`delete_aside`.

        Whatever happens to this process afterwards, the run is deleted; :func:`sweep` finishes that.

        Returns:
            Where it is then; ``None`` where there is no such folder.

        Raises:
            WorkError: the disk refused, and the folder is where it was.
        """
        aside = self.path.with_name(f"{REMOVED}{self.id}-{secrets.token_hex(4)}")
        try:
            move(self.path, aside)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"run folder {self.path} cannot be deleted: {cause(error)}") from error
        return aside

    def bring_back(self, aside: Path) -> None:
        """Undo :meth:`set_aside`, as far as the disk allows."""
        move_back(aside, self.path)

    @property
    def _lock_path(self) -> Path:
        return self.path / ".state.lock"

    @property
    def _lease_path(self) -> Path:
        return self.path / ".lease"

    @property
    def _spec_copy(self) -> Path:
        return self.path / ".spec.json.bak"

    def _whole_spec(self) -> _SpecFile:
        """The specification's file, or its copy if only that is undamaged.

        There is a copy because no run can go on without its specification, and no other file holds the same.

        Raises:
            InputError: both are missing or damaged, or a newer crtui wrote them.
        """
        with contextlib.suppress(InputError):
            return self._spec_file(self.spec_path)
        with contextlib.suppress(InputError):
            return self._spec_file(self._spec_copy)
        return self._spec_file(self.spec_path)

    def _spec_file(self, path: Path) -> _SpecFile:
        content = self._content(path)
        summary = self._checked(path, SpecSummary, content)
        if summary.version > SPEC_VERSION:
            raise InputError(
                f"{path.name} of run {self.id} has version {summary.version}, and this crtui knows up to "
                f"{SPEC_VERSION}; use the crtui that wrote it"
            )
        return _SpecFile(path, content, summary)

    def _read_spec(self, model: type[_Model]) -> _Model:
        """The specification with the changes of later attempts."""
        whole, changes = self._whole_spec(), self.changes()
        if not changes and isinstance(whole.summary, model):
            return whole.summary
        return self._checked(whole.path, model, json.dumps(self._changed_tree(whole.content, changes)).encode())

    def _changed_tree(self, content: bytes, changes: Sequence[SpecChange]) -> dict[str, Any]:
        tree: dict[str, Any] = json.loads(content)
        tree.pop(VERSION_KEY, None)
        for change in changes:
            for key, value in change.values.items():
                assign(tree, key, value)
        return tree

    def _read(self, path: Path, model: type[_Model]) -> _Model:
        return self._checked(path, model, self._content(path))

    def _read_if_there(self, path: Path, model: type[_Model]) -> _Model | None:
        content = self._content_if_there(path)
        return None if content is None else self._checked(path, model, content)

    def _content(self, path: Path) -> bytes:
        content = self._content_if_there(path)
        if content is None:
            raise InputError(f"{path.name} of run {self.id} is missing")
        return content

    def _content_if_there(self, path: Path) -> bytes | None:
        try:
            return read_file(path, _MAX_JSON_BYTES)
        except FileNotFoundError:
            return None
        except (InputError, StoreError) as error:
            raise type(error)(f"run {self.id}: {error}") from error

    def _checked(self, path: Path, model: type[_Model], content: bytes) -> _Model:
        try:
            return model.model_validate_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            if first["type"] == "extra_forbidden":
                raise InputError(
                    f"{path.name} of run {self.id} has '{where}', which this crtui does not know: "
                    "a newer one wrote it, or the file is damaged"
                ) from error
            detail = f"{where}: {first['msg']}" if where else first["msg"]
            raise InputError(f"{path.name} of run {self.id} is damaged ({detail})") from error


def spec_content(spec: BaseModel) -> bytes:
    """What ``spec.json`` holds for a specification: its version and its keys."""
    return json.dumps({VERSION_KEY: SPEC_VERSION, **spec.model_dump(mode="json")}, indent=2).encode() + b"\n"


def delete_aside(aside: Path) -> None:
    """Delete what :meth:`RunFolder.set_aside` has set aside. Somebody else may be at it too.

    Raises:
        StoreError: the disk refused.
    """
    try:
        remove_tree(aside)
    except OSError as error:
        raise StoreError(f"{aside} cannot be deleted: {cause(error)}") from error


def _write(path: Path, model: BaseModel, *, final: bool = False, group_writes: bool = True) -> None:
    """Replace a file of a run. A ``final`` one, which says how the run ended, may use the reserve of a full disk."""
    content = model.model_dump_json(indent=2).encode() + b"\n"
    try:
        replace_file(path, content, group_writes=group_writes)
    except StoreError as error:
        if not (final and is_full(error.__cause__)):
            raise
        with contextlib.suppress(OSError):
            unlink(path.with_name(_RESERVE), missing_ok=True)
        replace_file(path, content, group_writes=group_writes)
