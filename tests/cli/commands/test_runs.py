from __future__ import annotations

import csv
import io
import json
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from rich.cells import cell_len

from engine.errors import StoreError
from engine.launch import launchers, local, queueing
from engine.launch.owners import Owner
from engine.launch.waits import Holder, Wait
from engine.machine.processes import ProcessIdentity
from engine.runs.event_log import EventLog
from engine.runs.registry import Registry
from engine.runs.state import Status

ROW = {"id", "name", "group", "method", "data", "seed", "status", "step", "total_steps", "scores"}
ROW |= {"created", "updated", "device", "pid"}


def ids(result) -> list[str]:
    return [run["id"] for run in result.json]


def test_list_as_json_holds_what_the_interface_promises(crtui, add_run) -> None:
    assert crtui("runs", "list", "--json").json == []
    add_run(name="one", group="g", seed=4, scores={"factor_vae": 0.5, "mig": float("nan")})
    [run] = crtui("runs", "list", "--json").json
    assert run.keys() >= ROW
    assert (run["name"], run["group"], run["seed"], run["status"]) == ("one", "g", 4, "finished")
    assert run["scores"] == {"factor_vae": 0.5, "mig": None}


def test_a_running_run_has_the_scores_that_it_wrote_last(crtui, add_run) -> None:
    ended, running = add_run(name="ended", scores={"mig": 0.2}), add_run(Status.RUNNING, name="running")
    running.update_state(lambda state: state.model_copy(update={"supervisor": ProcessIdentity.own()}))
    for folder in (ended, running):
        with EventLog(folder.events_path) as events:
            events.write(50, "score", mig=0.3, sap=float("nan"))
            events.write(90, "score", mig=0.4)
            events.write(100, "train", loss=1.0)
    listed = {run["name"]: run["scores"] for run in crtui("runs", "list", "--json").json}
    assert listed == {"ended": {"mig": 0.2}, "running": {"mig": 0.4}}
    assert ids(crtui("runs", "list", "--json", "--where", "score.mig>0.3")) == [running.id]
    assert crtui("runs", "show", "running", "--json").json["scores"] == {"mig": 0.4}


def test_groups_are_stopped_resumed_held_and_tagged(crtui, add_run, monkeypatch) -> None:
    statuses = {"a": Status.RUNNING, "b": Status.QUEUED, "c": Status.FINISHED, "d": Status.STOPPED}
    folders = {name: add_run(status, name=name, group="g") for name, status in statuses.items()}
    folders["other"] = add_run(Status.QUEUED, name="other", group="h")
    for name in ("a", "b", "other"):
        folders[name].update_state(lambda state: state.model_copy(update={"supervisor": ProcessIdentity.own()}))
    done: list[tuple[str, str]] = []

    def noted(action: str):
        return lambda record, *_, **__: done.append((action, record.name)) or record

    for module, name in ((launchers, "stop"), (launchers, "resume"), (queueing, "pause"), (queueing, "unpause")):
        monkeypatch.setattr(module, name, noted(name))
    for action, names in (("stop", "ab"), ("resume", "d"), ("pause", "b"), ("unpause", "b")):
        done.clear()
        assert crtui("runs", action, "--group", "g").code == 0, action
        assert sorted(done) == sorted((action, name) for name in names)
    done.clear()
    nothing = crtui("runs", "resume", "--group", "h", "--json")
    assert (nothing.code, nothing.json, done) == (0, [], [])
    assert "group 'h': no run of yours was stopped or crashed" in nothing.err
    for action in ("stop", "resume", "pause", "unpause", "note"):
        assert "there is no group 'nobody' (groups: " in crtui("runs", action, "--group", "nobody").err
        assert "--group NAME" in crtui("runs", action).err
    crtui("runs", "note", "--group", "g", "--tag", "bad")
    tagged = {run["name"] for run in crtui("runs", "list", "--where", "tag=bad", "--json").json}
    assert tagged == set(statuses)


def test_times_are_written_as_on_a_clock_here(crtui, add_run, monkeypatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    add_run(name="one")
    try:
        [run] = crtui("runs", "list", "--json").json
        created = datetime.fromisoformat(run["created"]).astimezone(timezone(timedelta(hours=9)))
        assert f"{created:%Y-%m-%d %H:%M:%S} " in crtui("runs", "list", "--columns", "created,name").out
    finally:
        monkeypatch.undo()
        time.tzset()


def test_show_says_how_fast_a_running_run_is_and_how_long_the_rest_takes(crtui, add_run) -> None:
    ended, running = add_run(name="ended"), add_run(Status.RUNNING, name="running")
    running.update_state(lambda state: state.model_copy(update={"supervisor": ProcessIdentity.own()}))
    for folder in (ended, running):
        with EventLog(folder.events_path) as events:
            events.write(100, "train", loss=1.0, iterations_per_second=8.0)
    shown = crtui("runs", "show", "running", "--json").json
    assert shown["iterations_per_second"] == 8.0
    assert shown["seconds_left"] == (shown["total_steps"] - 100) / 8
    shown = crtui("runs", "show", "ended", "--json").json
    assert (shown["iterations_per_second"], shown["seconds_left"]) == (None, None)


def test_list_filters_and_sorts(crtui, add_run) -> None:
    low = add_run(name="low", group="a", scores={"factor_vae": 0.5}).id
    high = add_run(name="high", group="a", scores={"factor_vae": 0.9}).id
    failed = add_run(Status.FAILED, name="failed", group="b").id
    assert ids(crtui("runs", "list", "--json", "--group", "a", "--sort", "-score.factor_vae")) == [high, low]
    assert set(ids(crtui("runs", "list", "--json", "--group", "a", "--group", "b"))) == {low, high, failed}
    assert ids(crtui("runs", "list", "--json", "--status", "failed")) == [failed]
    assert set(ids(crtui("runs", "list", "--json", "--status", "failed", "--status", "finished"))) == {
        low,
        high,
        failed,
    }
    assert ids(crtui("runs", "list", "--json", "--where", "score.factor_vae>0.8")) == [high]


@pytest.mark.parametrize("width", [70, 80, 100])
def test_names_of_a_sweep_can_be_told_apart(crtui, add_run, monkeypatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    names = [f"infogan-cr-dsprites-lambda_info-{weight}-s{seed}" for weight in (0.05, 0.2) for seed in (1, 12)]
    by_id = {add_run(name=name).id: name for name in names}
    shown = dict(line.split()[:2] for line in crtui("runs", "list").out.splitlines()[1:])
    assert shown.keys() == by_id.keys()
    assert len(set(shown.values())) == 4
    assert all(by_id[run].endswith(name.rpartition("…")[2]) for run, name in shown.items())
    # What was asked for is not cut.
    assert set(crtui("runs", "list", "--columns", "name").out.split()[1:]) == set(names)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_the_table_fits_its_width_and_keeps_ids_whole(crtui, add_run, monkeypatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    scores = {"factor_vae": 0.51, "mig": 0.2, "sap": 0.1, "dci_disentanglement": 0.4, "something_of_mine": 1.0}
    folders = [add_run(name=f"a-rather-long-name-of-a-run-{number}", scores=scores) for number in range(3)]
    result = crtui("runs", "list")
    lines = result.out.splitlines()
    assert max(map(cell_len, lines)) <= width
    assert len(lines) == 4
    for folder in folders:
        assert folder.id in result.out
    assert result.out.count("finished") == 3
    assert ("FactorVAE" in result.out) == (width >= 80)


@pytest.mark.parametrize("width", [1, 20, 27, 45, 60])
def test_the_table_keeps_its_columns_whatever_the_names(crtui, add_run, monkeypatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for name in ("short", "a-rather-long-name-of-a-run", "漢字かな交じりの長い名前"):
        folder = add_run(name="plain")
        spec = json.loads(folder.spec_path.read_text())
        folder.spec_path.write_text(json.dumps(spec | {"name": name}))
    assert crtui("runs", "reindex").code == 0
    lines = crtui("runs", "list").out.splitlines()
    assert len(lines) == 4
    assert len(set(map(cell_len, lines))) == 1
    assert cell_len(lines[0]) <= width


def test_an_empty_store_says_how_to_begin(crtui) -> None:
    result = crtui("runs", "list")
    assert (result.code, result.out) == (0, "")
    assert "crtui train" in result.err


def test_show_gives_the_specification_and_the_reason(crtui, add_run) -> None:
    folder = add_run(Status.FAILED, name="broken", seed=5)
    (folder.checkpoints / "step-00000100").mkdir()
    (folder.checkpoints / "step-00000200.damaged").mkdir()
    shown = crtui("runs", "show", "broken", "--json").json
    assert shown["spec"]["seed"] == 5
    assert shown["reason"] == "it was made so"
    assert shown["checkpoints"] == [100]
    text = crtui("runs", "show", "broken").out
    assert 'reason = "it was made so"' in text
    assert "spec.seed = 5" in text


def test_show_of_a_damaged_specification_still_shows_the_rest(crtui, add_run) -> None:
    folder = add_run(name="broken")
    spec = json.loads(folder.spec_path.read_text())
    spec["method"]["name"] = "of-another-version"
    folder.spec_path.write_text(json.dumps(spec))
    result = crtui("runs", "show", folder.id, "--json")
    assert result.code == 0
    assert result.json["spec"] is None
    assert "of-another-version" in result.err


def test_logs_prints_the_last_lines(crtui, add_run) -> None:
    folder = add_run(name="one")
    assert crtui("runs", "logs", "one").out == ""
    folder.log_path.write_text("".join(f"line {number}\n" for number in range(500)))
    assert crtui("runs", "logs", "one", "-n", "2").out == "line 498\nline 499\n"
    assert len(crtui("runs", "logs", "one").out.splitlines()) == 200
    assert crtui("runs", "logs", "one", "--lines", "1", "--json").json == {"run": folder.id, "lines": ["line 499"]}


def test_logs_follows_until_the_run_has_ended(crtui, add_run, monkeypatch) -> None:
    from cr_tui.cli import run_reading
    from engine.runs import catalogue

    folder = add_run(name="one")
    folder.log_path.write_text("begun\n")
    looks = 0

    def look_at(asked):
        nonlocal looks
        looks += 1
        record = catalogue_look_at(asked)
        if looks == 2:
            with folder.log_path.open("a") as log:
                log.write("more\nunfini")
        if looks == 4:
            with folder.log_path.open("a") as log:
                log.write("shed")
        return record if looks > 6 else record.model_copy(update={"status": Status.RUNNING})

    catalogue_look_at = catalogue.look_at
    monkeypatch.setattr(catalogue, "look_at", look_at)
    monkeypatch.setattr(run_reading, "_POLL_SECONDS", 0.001)
    assert crtui("runs", "logs", "--follow", "one").out == "begun\nmore\nunfinished\n"


def test_a_log_of_one_endless_line_is_cut(crtui, add_run) -> None:
    folder = add_run(name="one")
    folder.log_path.write_bytes(b"x" * 5_000_000)
    began = crtui("runs", "logs", "one").out
    assert len(began) < 5_000


def test_metrics_gives_every_number_with_infinities_spelled_out(crtui, add_run) -> None:
    folder = add_run(name="one")
    with EventLog(folder.events_path) as events:
        events.write(1, "train", loss_generator=1.5, gap=0.0)
        events.write(2, "train", loss_generator=float("nan"), gap=0.0)
        events.note(2, "a remark is no number")
        events.write(2, "score", factor_vae=0.75)
    rows = crtui("runs", "metrics", "one", "--json").json
    assert [row.get("loss_generator") for row in rows] == [1.5, "NaN", None]
    assert rows[2]["factor_vae"] == 0.75
    [only] = crtui("runs", "metrics", "one", "--name", "factor_vae", "--json").json
    assert only.keys() == {"run", "name", "step", "time", "kind", "attempt", "factor_vae"}
    table = list(csv.DictReader(io.StringIO(crtui("runs", "metrics", "one", "--csv").out)))
    assert [row["loss_generator"] for row in table] == ["1.5", "NaN", ""]
    summary = crtui("runs", "metrics", "one").out
    assert "loss_generator" in summary
    assert "NaN" in summary
    assert "factor_vae" in summary


def test_metrics_of_a_run_that_wrote_none(crtui, add_run) -> None:
    add_run(name="one")
    assert crtui("runs", "metrics", "one", "--json").json == []


def test_note_gives_tags_and_a_note_and_shows_them(crtui, add_run) -> None:
    add_run(name="a")
    crtui("runs", "note", "a", "--tag", "keep", "--tag", "図", "--text", "the one in the figure")
    (shown,) = crtui("runs", "note", "a", "--untag", "keep", "--json").json
    assert (shown["tags"], shown["note"]) == (["図"], "the one in the figure")
    assert "図" in crtui("runs", "note", "a").out
    assert crtui("runs", "show", "a", "--json").json["tags"] == ["図"]
    refused = crtui("runs", "note", "a", "--tag", "two words")
    assert refused.code == 2
    assert "'two words' is no tag" in refused.err


def test_rm_deletes_the_folder_and_the_row(crtui, add_run) -> None:
    gone, kept = add_run(name="gone"), add_run(name="kept")
    result = crtui("runs", "rm", "gone", "--yes")
    assert result.code == 0
    assert gone.id in result.out
    assert not gone.path.exists()
    assert ids(crtui("runs", "list", "--json")) == [kept.id]


def test_rm_of_several_deletes_none_when_one_is_unknown(crtui, add_run) -> None:
    folder = add_run(name="one")
    assert crtui("runs", "rm", "one", "nobody", "--yes").code == 2
    assert folder.path.exists()


def test_rm_deletes_groups(crtui, add_run) -> None:
    gone, kept = [add_run(name=group, group=group) for group in ("g", "g", "h")], add_run(name="kept", group="i")
    for nothing_named in ([], ["kept", "--group", "g"], ["--group", "g", "--group", "nobody"]):
        refused = crtui("runs", "rm", "--yes", *nothing_named)
        assert refused.code == 2
        assert "group" in refused.err
    assert all(folder.path.exists() for folder in gone)
    assert crtui("runs", "rm", "--group", "g", "--group", "h", "--yes").code == 0
    assert not any(folder.path.exists() for folder in gone)
    assert kept.path.exists()


def test_rm_leaves_a_live_run_alone_unless_forced(crtui, store, add_run, monkeypatch) -> None:
    from engine.runs import catalogue

    folder = add_run(name="one")
    [record] = catalogue.list_runs(store)
    monkeypatch.setattr(catalogue, "list_runs", lambda store: [record.model_copy(update={"status": Status.RUNNING})])
    refused = crtui("runs", "rm", "one", "--yes")
    assert refused.code == 2
    assert "--force" in refused.err
    assert folder.path.exists()
    assert crtui("runs", "rm", "one", "--force", "--json").json == [{"id": folder.id, "name": "one"}]
    assert not folder.path.exists()


def test_stop_stops_all_at_once_and_reports_those_it_could_not(crtui, add_run, monkeypatch) -> None:
    from engine.errors import WorkError

    add_run(name="willing")
    add_run(name="stubborn")

    def stop(record, grace_seconds):
        assert grace_seconds == 3.0
        if record.name == "stubborn":
            raise WorkError("run cannot be stopped")
        return record.model_copy(update={"status": Status.STOPPED, "step": 7})

    monkeypatch.setattr(local, "stop", stop)
    result = crtui("runs", "stop", "stubborn", "willing", "--grace", "3", "--json")
    assert result.code == 1
    assert [(run["name"], run["status"]) for run in result.json] == [("willing", "stopped")]
    assert "cannot be stopped" in result.err


def test_resume_all_takes_what_was_stopped_or_crashed(crtui, add_run, monkeypatch) -> None:
    for status in (Status.FINISHED, Status.FAILED, Status.STOPPED, Status.CRASHED):
        add_run(status, name=str(status))
    resumed: list[str] = []

    def resume(record):
        resumed.append(record.name)
        return record.model_copy(update={"status": Status.QUEUED})

    monkeypatch.setattr(local, "resume", resume)
    assert crtui("runs", "resume", "--all").code == 0
    assert sorted(resumed) == ["crashed", "stopped"]
    assert crtui("runs", "resume", "failed").code == 0
    assert resumed[-1] == "failed"


def test_reindex_finds_runs_that_the_registry_lost(crtui, store, add_run) -> None:
    folder = add_run(name="one")
    store.registry_path.unlink()
    assert crtui("runs", "reindex", "--json").json == {"runs": 1, "selections": 0, "damaged": None}
    assert ids(crtui("runs", "list", "--json")) == [folder.id]


HOSTILE = (
    "[/nope]",
    "[lr=0.1]",
    "[@click=app.quit]x[/]",
    "\x1b]52;c;eA==\x07",
    "\x1b[2J",
    "\x9b31m",
    "a\u202eb",
    "two\nlines",
    "nul\0",
    "x" * 300,
    ":smile:",
)


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_what_a_file_says_reaches_the_terminal_literally_and_without_controls(crtui, store, add_run, name: str) -> None:
    folder = add_run(Status.FAILED, name="one", scores={name: 0.5})
    spec = json.loads(folder.spec_path.read_text())
    spec["name"] = spec["group"] = spec["method"]["name"] = spec["data"]["name"] = name
    folder.spec_path.write_text(json.dumps(spec))
    folder.update_state(lambda state: state.model_copy(update={"reason": name, "traceback": name}))
    folder.log_path.write_text(name)
    with EventLog(folder.events_path) as events:
        events.write(1, "train", **{name: 1.0})
    crtui("runs", "reindex")
    for words in (
        ["runs", "list"],
        ["runs", "show", folder.id],
        ["runs", "logs", folder.id],
        ["runs", "metrics", folder.id],
    ):
        result = crtui(*words)
        assert result.code == 0
        forbidden = [c for c in result.out + result.err if c != "\n" and not c.isprintable()]
        assert forbidden == []
    if name.isprintable() and len(name) < 80:
        assert name in crtui("runs", "show", folder.id).out
    assert crtui("runs", "list", "--json").json[0]["name"] == name


def test_columns_and_csv_know_every_key(crtui, add_run) -> None:
    add_run(name="one", scores={"mig": 0.25})
    add_run(name="two", method="vae")
    words = ("runs", "list", "--columns", "name,lambda_cr,steps,score.mig", "--sort", "name")
    assert crtui(*words, "--json").json[0] == {
        "name": "one",
        "method.lambda_cr": [[0, 0.0], ["37.5%", 0.1]],
        "training.steps": 4000,
        "score.mig": 0.25,
    }
    rows = list(csv.DictReader(io.StringIO(crtui(*words, "--csv").out)))
    assert rows[0]["method.lambda_cr"] == '[[0,0.0],["37.5%",0.1]]'
    assert (rows[1]["method.lambda_cr"], rows[1]["score.mig"]) == ("", "")
    assert '[[0,0.0],["37.5%",0.1]]' in crtui(*words).out
    whole = list(csv.DictReader(io.StringIO(crtui("runs", "list", "--csv", "--sort", "name").out)))
    assert ROW - {"scores"} <= whole[0].keys()
    assert [row["score.mig"] for row in whole] == ["0.25", ""]
    assert crtui("runs", "list", "--csv", "--json").code == 2
    assert [run["name"] for run in crtui("runs", "list", "--where", "lambda_info=0.2", "--json").json] == ["one"]


def test_an_empty_list_is_an_empty_csv(crtui) -> None:
    assert crtui("runs", "list", "--csv", "--sort", "name").out == ""


def test_diff_shows_settings_and_scores_that_differ(crtui, add_run) -> None:
    one = add_run(name="one", seed=1, scores={"mig": 0.25})
    two = add_run(name="two", method="vae", seed=2)
    found = crtui("runs", "diff", "one", "two", "--json").json
    assert found["runs"] == [one.id, two.id]
    assert found["settings"]["seed"] == [1, 2]
    assert found["settings"]["method.name"] == ["infogan-cr", "vae"]
    assert found["settings"]["method.lambda_info"] == [0.2, None]
    assert "name" not in found["settings"]
    assert "data.name" not in found["settings"]
    assert found["scores"] == {"mig": [0.25, None]}
    assert "method.lambda_info" in crtui("runs", "diff", "one", "two").out
    add_run(name="three", seed=1)
    assert "their settings are the same" in crtui("runs", "diff", "one", "three").out
    assert "at least two different runs" in crtui("runs", "diff", "one", "one").err


def test_resume_says_from_where_it_goes_on(crtui, add_run, monkeypatch) -> None:
    folder = add_run(Status.STOPPED, name="stopped")
    monkeypatch.setattr(local, "resume", lambda record: record)
    assert "stopped, from the beginning: no whole checkpoint" in crtui("runs", "resume", "stopped").out
    for step, size in ((40, 3), (80, 4)):
        checkpoint = folder.checkpoints / f"step-{step:08d}"
        checkpoint.mkdir()
        (checkpoint / "weights.safetensors").write_bytes(b"abc")
        (checkpoint / "manifest.json").write_text(json.dumps({"files": {"weights.safetensors": {"bytes": size}}}))
    # The newest is cut off.
    assert "stopped, from step 40\n" in crtui("runs", "resume", "stopped").out

    def refuse(checkpoints: Path) -> int:
        raise StoreError(f"{checkpoints} cannot be listed: Input/output error")

    monkeypatch.setattr("engine.training.step_folders.resuming_step", refuse)
    # It was resumed: that nobody can say from where is no reason to call it again.
    done = crtui("runs", "resume", "stopped")
    assert (done.code, done.err) == (0, "")
    assert "stopped, from its newest checkpoint" in done.out


def test_csv_is_neither_obeyed_nor_computed(crtui, add_run) -> None:
    folder = add_run(name="one")
    spec = json.loads(folder.spec_path.read_text()) | {"name": "=HYPERLINK(1)", "group": "\x1b]52;c;eA==\x07"}
    folder.spec_path.write_text(json.dumps(spec))
    Registry(folder.store).update_runs([folder])
    with EventLog(folder.events_path) as events:
        events.write(1, "train", **{"+cmd\x1b[2J": 1.0, "loss": -1.0})
    for words in (["list", "--csv"], ["list", "--csv", "--columns", "name,group"], ["metrics", folder.id, "--csv"]):
        out = crtui("runs", *words).out
        assert "'=HYPERLINK(1)" in out
        assert "\x1b" not in out
        assert "\x07" not in out
    assert "'+cmd␛[2J" in crtui("runs", "metrics", folder.id, "--csv").out
    assert crtui("runs", "metrics", folder.id, "--csv", "--name", "loss").out.splitlines()[1].endswith(",-1.0")


def test_resume_checks_every_change_before_the_first_run_goes_on(crtui, add_run, monkeypatch) -> None:
    runs = [add_run(Status.STOPPED, name=name) for name in ("one", "two")]
    resumed: list[str] = []
    monkeypatch.setattr(local, "resume", lambda record: resumed.append(record.name) or record)
    refused = crtui("runs", "resume", "one", "two", "--set", "lambda_info=3")
    assert (refused.code, resumed) == (2, [])
    assert "method.lambda_info cannot change in the middle of a run" in refused.err
    assert crtui("runs", "resume", "one", "two", "--set", "log_every=7").code == 0
    assert resumed == ["one", "two"]
    assert {folder.spec().training.log_every for folder in runs} == {7}
    assert crtui("runs", "show", "one", "--json").json["spec"]["training"]["log_every"] == 7


def test_lists_say_who_has_what_the_first_in_line_waits_for(crtui, store, add_run, monkeypatch) -> None:
    one, two = add_run(name="one"), add_run(name="two")
    holders = (Holder(2, Owner("20260101-000000-abc", "theirs", "/their/store")), Holder(1, None))
    waits = {one.id: Wait(2, "cpu", holders), two.id: Wait(1, "cpu", holders)}
    monkeypatch.setattr(
        queueing, "waits_of", lambda records: {run.id: waits[run.id] for run in records if run.id in waits}
    )
    held = "held by theirs (20260101-000000-abc) of the store /their/store and a process that does not say whose it is"
    assert crtui("runs", "list").err == f"two is first in line for cores, {held}\n"
    assert crtui("runs", "show", "one").err == f"one is number 2 in line for cores, {held}\n"
    shown = crtui("runs", "show", "one", "--json").json
    assert (shown["queue_position"], len(shown["held_by"])) == (2, 2)
    assert shown["held_by"][0] == {
        "run": "20260101-000000-abc",
        "name": "theirs",
        "store": "/their/store",
        "slots": 2,
    }
    assert crtui("--quiet", "runs", "list").err == ""
