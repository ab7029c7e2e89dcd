"""The contract of launchers, and a third one that takes a file and a line."""

from __future__ import annotations

import inspect
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from cr_tui.cli import main
from engine.errors import InputError
from engine.launch import launchers, queueing
from engine.launch.launchers import Launcher, launcher
from engine.launch.planning import Forecast, forecast
from engine.runs.catalogue import find_run, list_runs
from engine.runs.launcher_names import LAUNCHERS
from engine.runs.specification.fields import spec_fields
from engine.runs.specification.resolving import resolve
from engine.runs.state import Status
from engine.storage.store import Store

VERBS = [name for name, member in vars(Launcher).items() if inspect.isfunction(member) and not name.startswith("_")]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stub's jobs, once its line is in the registry."""
    folder = tmp_path / "jobs"
    folder.mkdir()
    monkeypatch.setenv("STUB_JOBS", str(folder))
    monkeypatch.setenv("CRTUI_SLOTS", str(tmp_path / "slots"))
    monkeypatch.syspath_prepend(Path(__file__).parent)
    monkeypatch.setitem(LAUNCHERS, "stub", "stub_launcher")
    return folder


@pytest.fixture
def crtui(store: Store, capsys: pytest.CaptureFixture[str]) -> Any:
    """Call ``crtui --store STORE ... --json``."""

    def call(*arguments: str) -> Any:
        assert main(["--store", str(store.root), *arguments, "--json"]) == 0
        return orjson.loads(capsys.readouterr().out)

    return call


@pytest.mark.parametrize("name", LAUNCHERS)
def test_every_launcher_keeps_the_contract(name: str) -> None:
    module = launcher(name)
    assert VERBS == ["start", "stop", "resume", "look"]
    for verb in VERBS:
        asked = list(inspect.signature(getattr(Launcher, verb)).parameters.values())[1:]
        offered = list(inspect.signature(getattr(module, verb)).parameters.values())
        assert [(given.name, given.default) for given in offered[: len(asked)]] == [
            (given.name, given.default) for given in asked
        ]
        assert all(given.default is not inspect.Parameter.empty for given in offered[len(asked) :])
    assert module.QUEUE is None or isinstance(module.QUEUE, str)


def test_an_unknown_launcher_is_named() -> None:
    with pytest.raises(InputError, match="there is no launcher 'ray'; use local or slurm"):
        launcher("ray")
    with pytest.raises(InputError, match="must be one of local, slurm"):
        resolve(flags={"launcher": "ray"})


def test_a_third_launcher_is_one_file_and_one_line(crtui: Any, jobs: Path, store: Store) -> None:
    started = crtui("train", "infogan", "--seeds", "0-1", "--launcher", "stub", "--detach")
    assert [(run["status"], run["device"]) for run in started] == [("running", "stub")] * 2
    first, second = (run["id"] for run in started)
    assert [run["status"] for run in crtui("runs", "list")] == ["running"] * 2

    [stopped] = crtui("runs", "stop", first)
    assert (stopped["status"], stopped["reason"]) == ("stopped", "asked to stop")
    (jobs / second).unlink()
    assert [(run["status"], run["reason"]) for run in crtui("runs", "list")] == [
        ("stopped", "asked to stop"),
        ("crashed", "the stub lost it"),
    ]

    resumed = crtui("runs", "resume", "--all")
    assert [(run["status"], run["attempt"]) for run in resumed] == [("running", 2)] * 2
    assert crtui("runs", "rm", first, "--force") == [{"id": first, "name": "infogan-s0"}]
    assert [run["id"] for run in crtui("runs", "list")] == [second]


def test_a_third_launcher_is_offered_by_the_form(jobs: Path) -> None:
    [field] = [field for field in spec_fields("infogan") if field.key == "launcher"]
    assert field.choices == ("local", "slurm", "stub")
    assert field.accepts == "one of local, slurm, stub"


def test_what_waits_in_another_queue_takes_no_slots_and_is_held_back_there(jobs: Path, store: Store) -> None:
    specs = resolve("infogan", flags={"launcher": "stub"})
    assert forecast(specs) == Forecast(starting=0, waiting=1, ahead=0, free=0, slots=0)
    [record] = launchers.start(store, specs)
    record.folder.update_state(lambda state: state.model_copy(update={"status": Status.QUEUED}))
    with pytest.raises(InputError, match="waits in the queue of the stub; ask it"):
        queueing.pause(record)


def test_several_launchers_are_not_one_sweep(jobs: Path, store: Store) -> None:
    with pytest.raises(InputError, match="not both local and stub"):
        launchers.start(store, resolve("infogan", sweep=["launcher=local,stub"]))
    assert list_runs(store) == []
    assert launchers.start(store, []) == []


def test_a_damaged_specification_and_a_lost_state_are_mended_for_every_launcher(jobs: Path, store: Store) -> None:
    [record] = launchers.start(store, resolve("infogan", flags={"launcher": "stub"}))
    launchers.stop(record)
    folder = record.folder
    whole = folder.spec_path.read_bytes()
    folder.spec_path.write_bytes(whole[: len(whole) // 2])
    folder.state_path.write_text("{")
    resumed = launchers.resume(find_run(store, record.id))
    assert (resumed.status, resumed.attempt) == (Status.RUNNING, 2)
    assert folder.spec_path.read_bytes() == whole
    state = folder.state()
    assert state.history[0].reason == "its state is lost"
    assert state.total_steps == record.total_steps
    assert state.created <= time.time()
