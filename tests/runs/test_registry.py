from __future__ import annotations

import errno
import multiprocessing
import os
from multiprocessing.synchronize import Event
from pathlib import Path

import orjson
import pytest
from tinydb import TinyDB

from engine.errors import InputError, StoreError, WorkError
from engine.runs.catalogue import add_scores, list_runs, look_at
from engine.runs.folder import RunFolder
from engine.runs.registry import SCHEMA_VERSION, Registry, SelectionRow
from engine.runs.run_folders import create_run_folders
from engine.runs.state import Status
from engine.storage.files import read_file
from engine.storage.store import Store
from tests.toys import toy

from .conftest import MakeRun

PROCESSES, UPDATES = 8, 25
fork = multiprocessing.get_context("fork")


def test_file_is_what_tinydb_reads(store: Store, make_run: MakeRun) -> None:
    folder = make_run(name="first", scores={"mig": 0.5})
    with TinyDB(store.registry_path, access_mode="r") as database:
        assert database.tables() == {"runs", "selections", "schema"}
        [row] = database.table("runs").all()
    assert (row["id"], row["name"], row["status"], row["scores"]) == (folder.id, "first", "finished", {"mig": 0.5})
    interface = "id name group method data seed status step total_steps scores created updated device pid"
    assert set(interface.split()) <= row.keys()


def test_rows_follow_their_folders(store: Store, make_run: MakeRun) -> None:
    registry = Registry(store)
    folders = [make_run(), make_run()]
    registry.add_runs(folders)
    assert len(registry.rows()) == 2
    folders[0].update_state(lambda state: state.model_copy(update={"status": Status.FAILED, "reason": "x" * 10_000}))
    registry.update_runs(folders)
    rows = {row.id: row for row in registry.rows()}
    assert [rows[folder.id].status for folder in folders] == [Status.FAILED, Status.FINISHED]
    assert len(rows[folders[0].id].reason or "") == 300
    registry.remove_run(folders[0].id)
    assert [row.id for row in registry.rows()] == [folders[1].id]


def test_updating_a_run_without_row_adds_it(store: Store, make_run: MakeRun) -> None:
    folder = make_run()
    store.registry_path.unlink()
    Registry(store).update_runs([folder])
    assert [row.id for row in Registry(store).rows()] == [folder.id]


def test_unchanged_registry_is_not_written_again(store: Store, make_run: MakeRun) -> None:
    folder = make_run()
    before = store.registry_path.stat().st_ino
    Registry(store).update_runs([folder])
    Registry(store).add_runs([folder])
    assert store.registry_path.stat().st_ino == before


def test_previous_version_is_kept(store: Store, make_run: MakeRun) -> None:
    make_run()
    before = store.registry_path.read_bytes()
    make_run()
    assert store.registry_path.with_name("registry.json.bak").read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        b'{"runs": {"1": {"id": "a", "status": "fini',
        b"[]",
        b'{"runs": []}',
        b'{"runs": {"x": {}}}',
        b'{"runs": {"1": 5}}',
        b'{"runs": {"1": {"id": "a"}}}',
        b'{"runs": {"1": {"id": "../../etc", "status": "finished"}}}',
        b'{"selections": {"1": {"id": "a"}}}',
        b'{"schema": {"1": {"version": "one"}}}',
        pytest.param(b"[" * 100_000, id="deep"),
    ],
)
def test_damaged_registry_is_reported_kept_and_rebuilt(store: Store, make_run: MakeRun, content: bytes) -> None:
    folder = make_run()
    store.registry_path.write_bytes(content)
    registry = Registry(store)
    with pytest.raises(InputError, match=r"registry\.json .*crtui runs reindex"):
        _ = registry.rows(), registry.selections()
    assert store.registry_path.read_bytes() == content
    aside = registry.reindex()
    assert aside is not None
    assert aside.read_bytes() == content
    assert [row.id for row in registry.rows()] == [folder.id]
    assert registry.reindex() is None


def test_file_of_an_older_version_is_read_and_migrated_by_the_next_write(store: Store, make_run: MakeRun) -> None:
    folders = [make_run(name="old", priority=3), make_run()]
    tables = orjson.loads(store.registry_path.read_bytes())
    del tables["schema"]
    for row in tables["runs"].values():
        del row["priority"], row["paused"], row["attempt"]
    store.registry_path.write_bytes(orjson.dumps(tables))
    registry = Registry(store)
    assert {row.id for row in registry.rows()} == {folder.id for folder in folders}
    assert "schema" not in orjson.loads(store.registry_path.read_bytes())
    registry.update_runs(folders[1:])
    tables = orjson.loads(store.registry_path.read_bytes())
    assert tables["schema"] == {"1": {"version": SCHEMA_VERSION}}
    assert sorted(row["priority"] for row in tables["runs"].values()) == [0, 3]


def test_file_of_a_newer_version_is_refused_and_kept(store: Store, make_run: MakeRun) -> None:
    folder = make_run()
    tables = orjson.loads(store.registry_path.read_bytes())
    tables["schema"]["1"]["version"] = SCHEMA_VERSION + 1
    content = orjson.dumps(tables)
    store.registry_path.write_bytes(content)
    for act in (Registry(store).rows, lambda: Registry(store).update_runs([folder])):
        with pytest.raises(InputError, match=f"schema version {SCHEMA_VERSION + 1}"):
            act()
    assert store.registry_path.read_bytes() == content
    assert Registry(store).reindex() is not None
    assert [row.id for row in Registry(store).rows()] == [folder.id]


def test_damaged_registry_is_not_changed_by_writers(store: Store, make_run: MakeRun) -> None:
    folder = make_run()
    store.registry_path.write_bytes(b'{"runs": ')
    for change in (
        lambda: Registry(store).add_runs([folder]),
        lambda: Registry(store).update_runs([folder]),
        lambda: Registry(store).remove_run(folder.id),
    ):
        with pytest.raises(InputError, match="reindex"):
            change()
    assert store.registry_path.read_bytes() == b'{"runs": '


def test_reindex_drops_runs_that_are_gone_and_finds_selections(store: Store, make_run: MakeRun) -> None:
    kept, gone = make_run(), make_run()
    gone.delete()
    methods = {"udr-lasso": {"scores": [1.0], "ranking": [kept.id], "pick": kept.id}}
    ranking = {"runs": [kept.id], "methods": methods, "created": "2026-01-02T03:04:05+00:00"}
    for name, content in (("good", orjson.dumps(ranking)), ("bad", b"{"), ("odd", b'{"methods": 3}')):
        (store.selections / name).mkdir()
        (store.selections / name / "ranking.json").write_bytes(content)
    registry = Registry(store)
    registry.reindex()
    assert [row.id for row in registry.rows()] == [kept.id]
    [selection] = registry.selections()
    assert (selection.id, selection.runs, selection.picks) == ("good", [kept.id], {"udr-lasso": kept.id})
    assert selection.created.isoformat() == ranking["created"]
    registry.add_selection(SelectionRow.of("good", 1.0, ranking | {"runs": []}))
    assert [row.runs for row in registry.selections()] == [[]]


def test_a_selection_counts_once_its_folder_is_there_and_as_long(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill between the folder and the registry loses none, and no read that fails for a moment does."""
    content = orjson.dumps({"runs": [], "methods": {}, "created": "2026-01-02T03:04:05+00:00"})
    for name in ("one", "two"):
        (store.selections / name).mkdir()
        (store.selections / name / "ranking.json").write_bytes(content)
    registry = Registry(store)
    assert [row.id for row in registry.selections()] == ["one", "two"]
    registry.reindex()

    def refuse(path: Path, limit: int) -> bytes:
        if path.name == "ranking.json":
            raise StoreError(f"{path.name} cannot be read: Input/output error")
        return read_file(path, limit)

    with monkeypatch.context() as patch:
        patch.setattr("engine.runs.registry.read_file", refuse)
        registry.reindex()
    (store.selections / "one" / "ranking.json").unlink()
    (store.selections / "one").rmdir()
    assert [row.id for row in registry.selections()] == ["two"]


def test_previous_version_is_kept_where_files_have_one_name_only(
    store: Store, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run()
    before = store.registry_path.read_bytes()

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("engine.runs.registry.link", refuse)
    make_run()
    assert store.registry_path.with_name("registry.json.bak").read_bytes() == before
    assert len(Registry(store).rows()) == 2


@pytest.mark.parametrize("file", ["state.json", "spec.json"])
def test_what_could_not_be_read_for_a_moment_is_looked_at_again(
    store: Store, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    make_run(Status.FINISHED)

    def refuse(path: Path, limit: int) -> bytes:
        if path.name.strip(".").startswith(file):
            raise StoreError(f"{path.name} cannot be read: Input/output error")
        return read_file(path, limit)

    with monkeypatch.context() as patch:
        patch.setattr("engine.runs.folder.read_file", refuse)
        Registry(store).reindex()
        assert [record.status for record in list_runs(store)] == [Status.FINISHED], "what was known last"
    assert [record.status for record in list_runs(store)] == [Status.FINISHED]


def test_a_write_that_failed_leaves_no_third_name(store: Store, make_run: MakeRun) -> None:
    make_run()
    backup = store.registry_path.with_name("registry.json.bak")
    # The previous version was kept and the next could not be written: both names are one file now.
    os.link(store.registry_path, backup)
    make_run()
    assert [path.name for path in store.root.iterdir() if path.name.endswith(".tmp")] == []
    assert len(Registry(store).rows()) == 2


def test_full_disk_keeps_the_old_registry(store: Store, make_run: MakeRun) -> None:
    make_run()
    before = store.registry_path.read_bytes()
    store.registry_path.with_name(".registry.json.tmp").mkdir()
    with pytest.raises(WorkError, match=r"registry\.json"):
        make_run()
    assert store.registry_path.read_bytes() == before


def write_much(store: Store, shared: RunFolder, number: int) -> None:
    record = look_at(shared)
    [(folder, lease)] = create_run_folders(store, [toy(seed=number)])
    Registry(store).add_runs([folder])
    for update in range(1, UPDATES):
        folder.update_state(lambda state, step=update: state.model_copy(update={"step": step}))
        Registry(store).update_runs([folder])
        if update % 5 == 0:
            add_scores(record, {f"score-{number}-{update}": float(update)})
    os.close(lease)


def read_much(path: Path, done: Event, failures: Path) -> None:
    while not done.is_set():
        try:
            tables = orjson.loads(path.read_bytes())
            assert tables["runs"].keys() == {str(i + 1) for i in range(len(tables["runs"]))}
        except Exception as error:
            failures.write_text(repr(error))


def test_eight_writers_lose_nothing_and_a_reader_never_sees_garbage(
    store: Store, make_run: MakeRun, tmp_path: Path
) -> None:
    shared = make_run()
    done, failures = fork.Event(), tmp_path / "failures"
    reader = fork.Process(target=read_much, args=(store.registry_path, done, failures))
    writers = [fork.Process(target=write_much, args=(store, shared, number)) for number in range(PROCESSES)]
    for process in (reader, *writers):
        process.start()
    for process in writers:
        process.join()
    done.set()
    reader.join()
    assert [process.exitcode for process in (reader, *writers)] == [0] * (PROCESSES + 1)
    assert not failures.exists()
    rows = {row.id: row for row in Registry(store).rows()}
    assert sorted(row.seed or 0 for row in rows.values() if row.id != shared.id) == list(range(PROCESSES))
    assert {row.step for row in rows.values() if row.id != shared.id} == {UPDATES - 1}
    expected = {f"score-{number}-{update}" for number in range(PROCESSES) for update in range(5, UPDATES, 5)}
    assert rows[shared.id].scores.keys() == expected
