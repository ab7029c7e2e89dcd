"""What the card of a run is told."""

from __future__ import annotations

from pathlib import Path

from cr_tui.dashboard.store.run_facts import elapsed, read_facts
from engine.runs.folder import RunFolder
from engine.runs.labels import change_labels
from engine.runs.specification.resolving import resolve
from engine.runs.state import Attempt, RunState, Status


def _folder(root: Path, *overrides: str) -> RunFolder:
    folder = RunFolder(root / "runs" / "20260101-000000-aaaaaa")
    folder.path.mkdir(parents=True)
    spec = resolve("beta-vae", preset="quick", overrides=overrides, seeds=[3], flags={"name": "b"})[0]
    folder.spec_path.write_text(spec.model_dump_json())
    return folder


def test_says_which_settings_differ_from_the_preset_and_how(tmp_path: Path) -> None:
    facts = read_facts(_folder(tmp_path, "method.beta=7.5"))
    assert facts.preset == "quick"
    assert list(facts.changed) == ["method.beta"]
    own, usual = facts.changed["method.beta"]
    assert own == 7.5
    assert usual != 7.5
    assert facts.settings["seed"] == 3


def test_a_run_like_its_preset_differs_in_nothing(tmp_path: Path) -> None:
    assert read_facts(_folder(tmp_path)).changed == {}


def test_counts_checkpoints_and_bytes_and_reads_the_labels(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    state = RunState(status=Status.FAILED, created=1.0, started=10.0, ended=25.0, traceback="ValueError: no")
    folder.state_path.write_text(state.model_dump_json())
    (folder.checkpoints / "step-00000100").mkdir(parents=True)
    (folder.checkpoints / "step-00000100" / "weights.safetensors").write_bytes(b"x" * 5000)
    change_labels(folder, ["keep"], note="why")
    facts = read_facts(folder)
    assert facts.checkpoints == (100,)
    assert facts.size >= 5000
    assert facts.elapsed == 15.0
    assert facts.traceback == "ValueError: no"
    assert (facts.tags, facts.note) == (("keep",), "why")


def test_time_is_that_of_all_attempts() -> None:
    before = Attempt(attempt=1, status=Status.STOPPED, started=0.0, ended=100.0)
    state = RunState(status=Status.RUNNING, created=0.0, started=500.0, attempt=2, history=[before])
    assert elapsed(state, 530.0) == 130.0
    assert elapsed(RunState(status=Status.QUEUED, created=0.0), 9.0) is None


def test_damage_gives_what_there_is(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    folder.state_path.write_bytes(b"{")
    assert read_facts(folder).preset == "quick"
    folder.spec_path.write_bytes(b"{")
    facts = read_facts(folder)
    assert (facts.preset, facts.changed, facts.settings) == ("", {}, {})
