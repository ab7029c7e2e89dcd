"""The registry: an index of the run folders, so that a list of runs need not open them all.

The file has TinyDB's format, but it is not written by TinyDB's own storage. That reads, changes and writes the file in
place and without a lock, so two writers would destroy it. Here, each change holds a lock from reading to writing:
TinyDB changes the tables in memory, and the file is replaced as a whole (temporary file, fsync, rename). The previous
file is kept as ``registry.json.bak``.

The table ``schema`` holds the version of the rows. Because the file is only an index, one migration serves all
versions: the first write by a newer program makes every row again from its folder.

A row is always made from its folder, under the lock. So a late writer cannot bring an old status back, and the whole
file can be rebuilt.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from tinydb import TinyDB, where
from tinydb.storages import MemoryStorage
from tinydb.table import Table

from engine.errors import InputError, StoreError
from engine.runs.folder import RunFolder
from engine.runs.rebuilding import rebuilt_state
from engine.runs.run_folders import run_folders, sweep
from engine.runs.state import ID_PATTERN, MAX_INTEGER, Count, Priority, RunState, Scores, Status
from engine.storage.descriptors import cause, folders_in, is_folder, is_there, link, rename, unlink
from engine.storage.files import read_file, replace_file
from engine.storage.locks import exclusive_lock
from engine.storage.store import Store

RUNS = "runs"
SELECTIONS = "selections"
SCHEMA = "schema"
SCHEMA_VERSION = 2
"""Version of the rows: 0 had neither this number nor ``priority`` and ``paused``, 1 had no ``precision``."""
_MAX_BYTES = 512 * 2**20
_MAX_REASON = 300
_MAX_RANKING_BYTES = 64 * 2**20
_STATE_FIELDS = ("status", "step", "total_steps", "scores", "pid", "attempt", "priority", "paused", "job")
_Tables = dict[str, dict[str, dict[str, Any]]]
_Row = TypeVar("_Row", bound=BaseModel)


class RunRow(BaseModel):
    """What the registry knows about a run; also the JSON object of ``crtui runs list``.

    Attributes:
        status: as last written; :mod:`engine.runs.catalogue` checks it against the run's processes.
        device: the device it runs on; before it has one, the device that it asks for.
        precision: the number type of hidden layers; ``auto`` until it is known which one that is.
        pid: the process of a run that is queued or running.
        reason: why it ended, in one sentence.
        attempt: 1, and one more each time it was resumed or retried.
        priority: of runs that wait for the same device, those of higher priority get it first.
        paused: whether it is held back in the queue.
        job: the Slurm job it runs as.
    """

    id: str = Field(pattern=ID_PATTERN)
    name: str | None = None
    group: str | None = None
    method: str | None = None
    data: str | None = None
    seed: int | None = Field(default=None, ge=-MAX_INTEGER, le=MAX_INTEGER)
    status: Status
    step: Count = 0
    total_steps: Count = 0
    scores: Scores = Field(default_factory=dict)
    created: datetime | None = None
    updated: datetime | None = None
    device: str | None = None
    precision: str | None = None
    pid: int | None = None
    reason: str | None = None
    attempt: int = Field(default=1, ge=1, le=MAX_INTEGER)
    priority: Priority = 0
    paused: bool = False
    job: str | None = None


class SelectionRow(BaseModel):
    """What the registry knows about a selection.

    Attributes:
        runs: ids of the runs that were ranked.
        picks: id of the best run by method.
    """

    id: str = Field(pattern=ID_PATTERN)
    created: datetime
    runs: list[str] = Field(default_factory=list)
    picks: dict[str, str | None] = Field(default_factory=dict)

    @classmethod
    def of(cls, selection_id: str, created: float, ranking: Mapping[str, Any]) -> SelectionRow:
        """The row of a selection.

        Args:
            selection_id: name of its folder.
            created: seconds since 1970.
            ranking: the JSON object of ``crtui select``, of which ``runs`` and the picks of ``methods`` are kept.
        """
        picks = {method: result["pick"] for method, result in ranking["methods"].items()}
        return cls(id=selection_id, created=_date(created), runs=ranking["runs"], picks=picks)


_RUN_ROWS = TypeAdapter(list[RunRow])
_SELECTION_ROWS = TypeAdapter(list[SelectionRow])


class Registry:
    """The ``registry.json`` of a store.

    Args:
        store: the store that it indexes.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._path = store.registry_path

    def rows(self) -> list[RunRow]:
        """All runs, in no particular order.

        Raises:
            InputError: the file is damaged; the message says how to rebuild it.
        """
        return self._validated(RUNS, _RUN_ROWS)

    def selections(self) -> list[SelectionRow]:
        """All selections, in no particular order, those that the file does not have yet included.

        Raises:
            InputError: the file is damaged; the message says how to rebuild it.
            StoreError: the folder of selections cannot be listed just now.
        """
        rows = {row.id: row for row in self._validated(SELECTIONS, _SELECTION_ROWS)}
        return list(_selections_on_disk(self._store, rows))

    def add_runs(self, folders: Iterable[RunFolder]) -> None:
        """Add the runs that are missing, all in one write.

        Raises:
            InputError: the file is damaged, and stays as it is.
            WorkError: the disk refused.
        """
        with self._tables() as database:
            runs = database.table(RUNS)
            known = {row.get("id") for row in runs.all()}
            missing = (folder for folder in folders if folder.id not in known)
            runs.insert_multiple(_plain(row) for row in _rows_of(missing))

    def update_runs(self, folders: Iterable[RunFolder]) -> None:
        """Bring the rows of these runs up to date with their folders, all in one write.

        A run without a row gets one. A run whose folder is gone, or cannot be read just now, keeps its row.

        Raises:
            InputError: the file is damaged, and stays as it is.
            WorkError: the disk refused.
        """
        with self._tables() as database:
            _put(database.table(RUNS), list(_rows_of(folders)))

    def distrust(self, folders: Iterable[RunFolder]) -> None:
        """Have lists look into these folders rather than believe the rows of runs that have ended.

        Called before such a run is changed. If the change or what follows fails, lists find out how it is.

        Raises:
            InputError: the file is damaged, and stays as it is.
            WorkError: the disk refused.
        """
        ids = {folder.id for folder in folders}
        with self._tables() as database:
            database.table(RUNS).update({"status": Status.QUEUED.value}, lambda row: row.get("id") in ids)

    def remove_run(self, run_id: str) -> None:
        """Forget a run.

        Raises:
            InputError: the file is damaged, and stays as it is.
            WorkError: the disk refused.
        """
        with self._tables() as database:
            database.table(RUNS).remove(where("id") == run_id)

    def add_selection(self, row: SelectionRow) -> None:
        """Add or replace a selection.

        Raises:
            InputError: the file is damaged, and stays as it is.
            WorkError: the disk refused.
        """
        with self._tables() as database:
            _put(database.table(SELECTIONS), [row])

    def reindex(self) -> Path | None:
        """Rebuild the file from the folders, and delete the unfinished folders of programs that were killed.

        Returns:
            Where the old file was moved if it was damaged, else ``None``.

        Raises:
            WorkError: the disk refused.
        """
        with exclusive_lock(self._lock_path):
            before, chosen, aside = self._rows_or_aside()
            database = TinyDB(storage=MemoryStorage)
            runs, selections = database.table(RUNS, persist_empty=True), database.table(SELECTIONS, persist_empty=True)
            folders = run_folders(self._store)
            rows = {row.id: row for row in _rows_of(folders)}
            # Of a run that cannot be read just now, what was known stays.
            kept = (rows.get(folder.id) or before.get(folder.id) for folder in folders)
            runs.insert_multiple([_plain(row) for row in kept if row is not None])
            selections.insert_multiple(_plain(row) for row in _selections_on_disk(self._store, chosen, again=True))
            _set_version(database)
            self._commit(database)
            sweep(self._store)
        return aside

    @property
    def _lock_path(self) -> Path:
        return self._path.with_name("registry.lock")

    @contextlib.contextmanager
    def _tables(self) -> Iterator[TinyDB]:
        """The tables of the file, to be changed. They are written at the end of the block.

        Each time a new TinyDB in memory, so that neither its query cache nor its next document id can be older than the
        file.
        """
        with exclusive_lock(self._lock_path):
            database = TinyDB(storage=MemoryStorage)
            tables = self._load()
            database.storage.write(tables)
            before = _serialised(database)
            if _version(tables) < SCHEMA_VERSION:
                _put(database.table(RUNS), list(_rows_of(run_folders(self._store))))
                _set_version(database)
            yield database
            if _serialised(database) != before:
                self._commit(database)

    def _load(self) -> _Tables:
        try:
            tables: _Tables = orjson.loads(read_file(self._path, _MAX_BYTES))
        except FileNotFoundError:
            return {RUNS: {}, SELECTIONS: {}, SCHEMA: {"1": {"version": SCHEMA_VERSION}}}
        except InputError as error:
            raise self._damage(f"cannot be used ({error})") from error
        except orjson.JSONDecodeError as error:
            raise self._damage("is not valid JSON") from error
        documents_are_good = isinstance(tables, dict) and all(
            isinstance(table, dict) and all(key.isdecimal() and isinstance(row, dict) for key, row in table.items())
            for table in tables.values()
        )
        if not documents_are_good:
            raise self._damage("does not hold TinyDB tables")
        version = _version(tables)
        if not isinstance(version, int) or version < 0:
            raise self._damage("has an unusable schema version")
        if version > SCHEMA_VERSION:
            raise InputError(
                f"{self._path} has schema version {version}, and this crtui knows up to {SCHEMA_VERSION}; use the "
                "crtui that wrote it, or rebuild it with 'crtui runs reindex'"
            )
        return {RUNS: {}, SELECTIONS: {}} | tables

    def _commit(self, database: TinyDB) -> None:
        if is_there(self._path):
            self._keep_previous(self._path.with_name("registry.json.bak"))
        replace_file(self._path, _serialised(database))

    def _keep_previous(self, backup: Path) -> None:
        linking = backup.with_name(f".{backup.name}.tmp")
        try:
            unlink(linking, missing_ok=True)
            link(self._path, linking)
            rename(linking, backup)
            # Where both are names of one file already, as after a write that failed, rename(2) does nothing.
            unlink(linking, missing_ok=True)
        except OSError:
            # No second name: the file system has none (vfat, some network file systems), or refused for now.
            with contextlib.suppress(OSError):
                unlink(linking, missing_ok=True)
            replace_file(backup, read_file(self._path, _MAX_BYTES))

    def _rows_or_aside(self) -> tuple[dict[str, RunRow], dict[str, SelectionRow], Path | None]:
        """The rows of runs and selections by id; where the file is damaged none, and where it was moved."""
        try:
            rows = {row.id: row for row in self.rows()}
            selections = {row.id: row for row in self._validated(SELECTIONS, _SELECTION_ROWS)}
        except InputError:
            aside = self._path.with_name(f"registry.damaged-{time.time_ns()}.json")
            try:
                rename(self._path, aside)
            except OSError as error:
                raise StoreError(f"{self._path} cannot be moved aside: {cause(error)}") from error
            return {}, {}, aside
        return rows, selections, None

    def _validated(self, table: str, adapter: TypeAdapter[list[_Row]]) -> list[_Row]:
        try:
            return adapter.validate_python(list(self._load()[table].values()))
        except ValidationError as error:
            where_ = ".".join(str(part) for part in error.errors(include_url=False, include_input=False)[0]["loc"][1:])
            raise self._damage(f"has a row of table '{table}' with an unusable '{where_}'") from error

    def _damage(self, what: str) -> InputError:
        return InputError(f"{self._path} {what}; 'crtui runs reindex' rebuilds it from the run folders")


def _rows_of(folders: Iterable[RunFolder]) -> Iterator[RunRow]:
    """The rows of the runs that are there and can be read just now."""
    for folder in folders:
        with contextlib.suppress(StoreError):
            if is_folder(folder.path):
                yield row_of(folder)


def row_of(folder: RunFolder, state: RunState | None = None) -> RunRow:
    """The row of a run.

    A lost state is rebuilt from the rest of the folder. A run without a readable specification counts as crashed.

    Args:
        folder: the run.
        state: its state, if the caller knows it better than ``state.json``.

    Raises:
        StoreError: the folder cannot be read just now.
    """
    summary = None
    try:
        state = state or folder.state()
    except InputError as error:
        state = rebuilt_state(folder, str(error))
    try:
        summary = folder.summary()
    except InputError as error:
        state = state.model_copy(update={"status": Status.CRASHED, "reason": str(error)})
    row = {"id": folder.id, "created": _date(state.created), "updated": _date(state.updated), "device": state.device}
    row |= {name: getattr(state, name) for name in _STATE_FIELDS}
    row["reason"] = state.reason and state.reason[:_MAX_REASON]
    if summary is not None:
        row |= {"name": summary.name, "group": summary.group, "seed": summary.seed}
        row |= {"method": summary.method.name, "data": summary.data.name}
        row["device"] = state.device or summary.device
        row["precision"] = state.precision or summary.training.precision
    return RunRow.model_validate(row)


def _selections_on_disk(
    store: Store, known: Mapping[str, SelectionRow], *, again: bool = False
) -> Iterator[SelectionRow]:
    """The rows of the selections that are there.

    Args:
        store: where.
        known: rows by id.
        again: whether to read also what is known. Of one that cannot be read just now, what was known stays.

    Raises:
        StoreError: they cannot be listed just now.
    """
    for name in _selection_ids(store):
        if name in known and not again:
            yield known[name]
            continue
        try:
            ranking = orjson.loads(read_file(store.selections / name / "ranking.json", _MAX_RANKING_BYTES))
            yield SelectionRow.of(name, datetime.fromisoformat(ranking["created"]).timestamp(), ranking)
        except StoreError:
            if name in known:
                yield known[name]
        except (InputError, OSError, ValueError, KeyError, TypeError, AttributeError):
            continue


def _selection_ids(store: Store) -> list[str]:
    try:
        return sorted(name for name in folders_in(store.selections) if re.fullmatch(ID_PATTERN, name))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"{store.selections} cannot be listed: {cause(error)}") from error


def _put(table: Table, rows: Sequence[RunRow | SelectionRow]) -> None:
    """Replace the rows that exist, and insert the others."""
    new = {row.id: _plain(row) for row in rows}
    known = {row.get("id") for row in table.all()}
    table.update(lambda row: row.update(new[row["id"]]), lambda row: row.get("id") in new)
    table.insert_multiple(row for run_id, row in new.items() if run_id not in known)


def _version(tables: _Tables) -> Any:
    return tables.get(SCHEMA, {}).get("1", {}).get("version", 0)


def _set_version(database: TinyDB) -> None:
    schema = database.table(SCHEMA)
    schema.truncate()
    schema.insert({"version": SCHEMA_VERSION})


def _plain(row: RunRow | SelectionRow) -> dict[str, Any]:
    return row.model_dump(mode="json")


def _serialised(database: TinyDB) -> bytes:
    return orjson.dumps(database.storage.read(), option=orjson.OPT_APPEND_NEWLINE)


def _date(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
