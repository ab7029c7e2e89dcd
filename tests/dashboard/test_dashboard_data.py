"""The data under the screens: curves, list of runs, log tails, colours, remembered views."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from textual.color import Color

from cr_tui.dashboard.charts.differences import differences
from cr_tui.dashboard.charts.export import as_csv
from cr_tui.dashboard.charts.window import Window
from cr_tui.dashboard.model.curve_reader import CurveReader
from cr_tui.dashboard.model.curves import History, RunCurves
from cr_tui.dashboard.model.data import Run
from cr_tui.dashboard.model.run_colours import RunColours
from cr_tui.dashboard.model.view_state import ViewState, ViewStates
from cr_tui.dashboard.runs.query import parse
from cr_tui.dashboard.store.log_tail import LogTail
from cr_tui.dashboard.store.loss_samples import sample_losses
from cr_tui.dashboard.theme import GREY_LOOKS, LOOKS, rgb
from engine.runs.event_log import EventLog

RUN = Run("20260101-000000-aaaaaa", "pool-s1", "pool", "infogan-cr", "dsprites", 1, "running", 50, 100, 1e9, 1e9)


class TestQueryOfSettings:
    RUN = replace(
        RUN,
        rank=2,
        settings={
            "method.generator_learning_rate": 1e-3,
            "method.noise": 5,
            "training.batch_size": 64,
            "preset": "Quick",
        },
    )

    @pytest.mark.parametrize(
        "query",
        ["lr<=1e-3", "learning_rate=0.001", "noise>4", "method.noise=5", "batch=64", "preset:qu", "preset=quick",
         "preset!=paper", "rank<=2", "status=running", "status!=failed"],
    )  # fmt: skip
    def test_finds(self, query: str) -> None:
        assert parse(query).passes(self.RUN)

    @pytest.mark.parametrize(
        "query",
        ["lr<1e-3", "oise>4", "noise=6", "missing>0", "preset>3", "preset=q", "rank>2", "status=run", "lr<=nan"],
    )
    def test_leaves_out(self, query: str) -> None:
        assert not parse(query).passes(self.RUN)


class TestLogTail:
    def test_takes_what_is_appended_and_keeps_so_many(self, tmp_path: Path) -> None:
        path = tmp_path / "log.txt"
        tail = LogTail(path, keep=3, first_bytes=10_000)
        assert not tail.poll()
        path.write_text("a\nb\nc\nd\nunfinished")
        assert tail.poll()
        assert (tail.lines, tail.dropped) == (["b", "c", "d", "unfinished"], 1)
        with path.open("a") as file:
            file.write(" now\n\n")
        assert tail.poll()
        assert tail.lines == ["d", "unfinished now"]
        assert not tail.poll()

    def test_begins_near_the_end_with_a_whole_line(self, tmp_path: Path) -> None:
        path = tmp_path / "log.txt"
        path.write_text("first\nsecond\nthird\n")
        tail = LogTail(path, keep=10, first_bytes=10)
        tail.poll()
        assert tail.lines == ["third"]
        assert tail.skipped

    def test_a_line_of_100_mb_takes_no_memory(self, tmp_path: Path) -> None:
        path = tmp_path / "log.txt"
        with path.open("wb") as file:
            file.truncate(100 * 2**20)
            file.seek(0, os.SEEK_END)
            file.write(b"\nafter\n")
        tail = LogTail(path, keep=100, first_bytes=200 * 2**20)
        for _ in range(3):
            tail.poll()
        assert sum(map(len, tail.lines)) < 10_000
        tail = LogTail(path, keep=100, first_bytes=2**20)
        while tail.poll():
            pass
        assert tail.lines == ["after"]

    def test_a_log_that_is_cut_replaced_or_gone_begins_anew(self, tmp_path: Path) -> None:
        path = tmp_path / "log.txt"
        path.write_text("old 1\nold 2\n")
        tail = LogTail(path, keep=10, first_bytes=1000)
        tail.poll()
        path.write_text("new\n")
        tail.poll()
        assert tail.lines == ["new"]
        (tmp_path / "other").write_text("another\n")
        (tmp_path / "other").replace(path)
        tail.poll()
        assert tail.lines == ["another"]
        path.unlink()
        assert tail.poll()
        assert tail.lines == []


class TestLossSamples:
    def test_of_a_long_log_come_from_all_over_it_and_the_last_attempt(self, tmp_path: Path) -> None:
        path = tmp_path / "events.jsonl"
        with EventLog(path) as events:
            for step in range(5000):
                events.write(step, "train", loss_a=float(step), other=1.0)
        losses = sample_losses(path)
        assert len(losses) == 16
        assert losses == tuple(sorted(losses))
        assert losses[0] < 100
        assert losses[-1] > 4900
        with EventLog(path, attempt=2) as events:
            for step in range(1000, 1200):
                events.write(step, "train", loss_a=-1.0)
        assert sample_losses(path)[-1] == -1.0
        assert max(sample_losses(path)) < 1200

    def test_of_a_short_torn_or_missing_log(self, tmp_path: Path) -> None:
        path = tmp_path / "events.jsonl"
        assert sample_losses(path) == ()
        path.write_bytes(
            b'{"step":1,"time":1,"kind":"train","loss":2.0}\n{"step":2,"kind":"train","loss":"NaN"}\n\0\0{"st'
        )
        first, second = sample_losses(path)
        assert first == 2.0
        assert np.isnan(second)


class _Follower:
    def __init__(self, pieces: int) -> None:
        self.history = History()
        self.log: list[str] = []
        self._left = pieces
        self._step = 0

    def poll(self) -> bool:
        if not self._left:
            return False
        self._left -= 1
        self._step += 1
        self.history.add([{"step": self._step, "kind": "train", "loss_a": float(self._step)}])
        return True


class _Source:
    def __init__(self) -> None:
        self.followed: list[str] = []

    def follow(self, run_id: str) -> _Follower:
        self.followed.append(run_id)
        return _Follower(20)


@pytest.fixture
def reading() -> Iterator[
    tuple[CurveReader, _Source, Callable[[Callable[[Mapping[str, RunCurves]], bool]], Mapping[str, RunCurves]]]
]:
    """A reader in a thread, its source, and a way to wait for a report."""
    source, reports = _Source(), [dict[str, RunCurves]()]
    reader = CurveReader(source, 0.05, lambda report: reports.append(dict(report)))  # type: ignore[arg-type]
    thread = threading.Thread(target=reader.run)
    thread.start()

    def wait(until: Callable[[Mapping[str, RunCurves]], bool]) -> Mapping[str, RunCurves]:
        deadline = time.monotonic() + 10
        while not until(reports[-1]):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return reports[-1]

    yield reader, source, wait
    reader.close()
    thread.join(5)
    assert not thread.is_alive()


def test_wanted_runs_are_read_to_their_end(reading: Any) -> None:
    reader, source, wait = reading
    reader.want(["a", "b"])
    report = wait(lambda report: len(report) == 2 and all(curves.complete for curves in report.values()))
    assert all(len(curves.measured["train", "loss_a"].steps) == 20 for curves in report.values())
    reader.want(["b"], smoothing=0.6)
    report = wait(lambda report: set(report) == {"b"} and bool(report["b"].smoothed))
    assert len(report["b"].smoothed["train", "loss_a"].values) == 20
    reader.want(["a"])
    report = wait(lambda report: set(report) == {"a"} and not report["a"].smoothed)
    # What was read a moment ago is not read again.
    assert source.followed == ["a", "b"]
    reader.want([])
    wait(lambda report: not report)


def test_a_later_attempt_supersedes_the_smoothed_curve_too() -> None:
    history = History()
    history.add({"step": step, "kind": "train", "loss_a": 1.0} for step in range(100))
    assert history.smoothed("train", "loss_a", 0.9) is not None
    history.forget_after(49)
    history.add({"step": step, "kind": "train", "loss_a": 3.0} for step in range(50, 60))
    curve, smoothed = history.curve("train", "loss_a"), history.smoothed("train", "loss_a", 0.9)
    assert curve is not None
    assert smoothed is not None
    assert curve.steps.tolist() == list(range(60))
    assert len(smoothed.values) == 60
    assert smoothed.values[49] == pytest.approx(1.0)
    assert 1.0 < smoothed.values[-1] < 3.0


def test_a_clock_that_was_set_back_does_not_turn_curves_round() -> None:
    history = History()
    history.add(
        {"step": n, "time": time, "kind": "train", "a": 1.0} for n, time in enumerate([100.0, 110.0, 50.0, 120.0])
    )
    curve = history.curve("train", "a")
    assert curve is not None
    assert curve.along("time").tolist() == [0.0, 10.0, 10.0, 20.0]


class TestRunColours:
    def test_no_two_shown_runs_are_alike_and_each_keeps_its_own(self) -> None:
        colours = RunColours()
        first = dict(colours.show("abc", 12))
        assert len(set(first.values())) == 3
        second = colours.show("dcba", 12)
        assert {run: second[run] for run in "abc"} == first
        assert len(set(second.values())) == 4
        assert dict(colours.show("a", 12)) == {"a": first["a"]}
        assert RunColours(colours.remembered).show("cd", 12) == {run: second[run] for run in "cd"}

    def test_those_beyond_the_palette_get_none(self) -> None:
        assert list(RunColours().show("abcdef", 4)) == list("abcd")

    def test_places_of_a_larger_palette_or_of_two_runs_alike_do_no_harm(self) -> None:
        places = RunColours({"a": 11, "b": 2, "c": 2}).show("abc", 4)
        assert sorted(places.values()) == sorted(set(places.values()))
        assert set(places.values()) <= set(range(4))


def _oklab(colours: np.ndarray) -> np.ndarray:
    """Perceptually even coordinates (Ottosson 2020) of sRGB in 0…255."""
    linear = _linear(colours)
    cone = linear @ np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.63]]).T
    mixed = [[0.2105, 0.7936, -0.0041], [1.978, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]
    return np.asarray(np.cbrt(cone) @ np.array(mixed).T)


def _linear(colours: np.ndarray) -> np.ndarray:
    share = np.asarray(colours, dtype=float) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def _contrast(one: np.ndarray, other: np.ndarray) -> float:
    lights = sorted(float(_linear(colour) @ [0.2126, 0.7152, 0.0722]) + 0.05 for colour in (one, other))
    return lights[1] / lights[0]


DICHROMATS = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
"""How dichromats see linear RGB (Machado et al. 2009, severity 1)."""


def _as_seen(colours: np.ndarray, kind: str) -> np.ndarray:
    seen = np.clip(_linear(colours) @ np.array(DICHROMATS[kind]).T, 0, 1)
    return np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055) * 255


class TestLooks:
    @pytest.mark.parametrize("name", LOOKS)
    def test_run_colours_are_told_apart_and_from_the_background(self, name: str) -> None:
        look = LOOKS[name]
        colours = np.array(look.runs)
        assert set(colours.ravel().tolist()) <= {0, 95, 135, 175, 215, 255}
        distances = [np.linalg.norm(one - other) for one, other in combinations(_oklab(colours), 2)]
        assert min(distances) > 0.08
        background = np.array(rgb(look.theme.background or ""))
        assert min(_contrast(colour, background) for colour in colours) >= 3.0

    def test_the_colour_blind_safe_ones_stay_apart_for_dichromats(self) -> None:
        colours = np.array(LOOKS["crtui-colour-blind"].runs)
        for kind in DICHROMATS:
            seen = _oklab(_as_seen(colours, kind))
            assert min(np.linalg.norm(one - other) for one, other in combinations(seen, 2)) > 0.08, kind

    @pytest.mark.parametrize("name", LOOKS)
    def test_words_are_readable(self, name: str) -> None:
        look = LOOKS[name]
        background = np.array(rgb(look.theme.background or ""))
        words = [look.faint, look.heading, look.key, look.alert, *(colour for _, colour in look.statuses.values())]
        least = 7.0 if "contrast" in name else 4.0
        assert min(_contrast(np.array(rgb(word)), background) for word in words) >= least

    @pytest.mark.parametrize("name", LOOKS)
    @pytest.mark.parametrize("coloured", [True, False])
    def test_words_are_readable_in_the_line_of_the_cursor(self, name: str, coloured: bool) -> None:
        look = (LOOKS if coloured else GREY_LOOKS)[name]
        words = {look.faint, look.heading, look.key, look.alert, *(colour for _, colour in look.statuses.values())}
        cursor = look.theme.variables["block-cursor-background"]
        greys = [Color.parse(text) if coloured else Color.parse(text).monochrome for text in (cursor, *words)]
        background, *drawn = (np.array(grey.rgb) for grey in greys)
        assert min(_contrast(word, background) for word in drawn) >= 3.0


class TestViewStates:
    def test_are_kept_per_store(self, tmp_path: Path) -> None:
        path = tmp_path / "state" / "dashboard.json"
        state = ViewState(sort="name", marked=["a"], colours={"a": 3}, smoothing=0.9, theme="crtui-light")
        ViewStates(path, "/one").save(state)
        ViewStates(path, "/two").save(ViewState(filter="x"))
        assert ViewStates(path, "/one").load() == state
        assert ViewStates(path, "/two").load().filter == "x"
        assert ViewStates(path, "/three").load() == ViewState()
        assert [entry.name for entry in path.parent.iterdir()] == ["dashboard.json"]

    @pytest.mark.parametrize(
        "content", [b"", b"\0\0", b"[]", b'{"stores": 3}', b'{"stores": {"/one": [1]}}', b"[" * 100_000]
    )
    def test_a_damaged_file_is_as_if_it_were_not_there(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "dashboard.json"
        path.write_bytes(content)
        assert ViewStates(path, "/one").load() == ViewState()

    def test_what_is_wrong_in_it_is_left_out_and_the_rest_used(self, tmp_path: Path) -> None:
        path = tmp_path / "dashboard.json"
        wrong = {"sort": "name", "skip": -5, "marked": "all", "smoothing": 7, "colours": {"a": "red"}, "nonsense": 1}
        path.write_bytes(orjson.dumps({"stores": {"/one": wrong}}))
        assert ViewStates(path, "/one").load() == ViewState(sort="name")

    def test_a_folder_that_refuses_is_no_trouble(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        states = ViewStates(tmp_path / "file" / "dashboard.json", "/one")
        states.save(ViewState())
        assert states.load() == ViewState()


class TestWindow:
    WHOLE = (0.0, 100.0)

    def test_zooms_about_the_cursor_and_back_to_all(self) -> None:
        window = Window(cursor=40.0).zoomed(self.WHOLE)
        assert window.span == (20.0, 70.0)
        assert window.zoomed(self.WHOLE, 2.0).span is None
        for _ in range(100):
            window = window.zoomed(self.WHOLE)
        assert window.span is not None
        assert window.span[1] > window.span[0]

    def test_never_leaves_what_there_is(self) -> None:
        window = Window(span=(80.0, 100.0))
        assert window.panned(self.WHOLE, 1).span == (80.0, 100.0)
        assert window.panned(self.WHOLE, -1).span == (75.0, 95.0)
        assert window.panned(self.WHOLE, -99).span == (0.0, 20.0)
        assert window.pointed(self.WHOLE, 1).cursor == 80.0
        assert window.pointed(self.WHOLE, -1).cursor == 100.0


def test_differences_name_what_is_not_the_same_in_all() -> None:
    settings: list[dict[str, object]] = [
        {"a": 1, "b": [1, 2], "name": "x"},
        {"a": 1, "b": [1, 3], "c": None},
        {"a": 1, "b": [1, 2]},
    ]
    assert differences(settings) == {"b": [[1, 2], [1, 3], [1, 2]]}
    assert differences(settings[:1]) == {}


def test_a_spreadsheet_takes_no_name_for_a_formula() -> None:
    rows = [("id", "=cmd()", "loss", 1, 0.0, float("nan"), None)]
    assert as_csv(iter(rows)).decode().splitlines()[1] == "id,'=cmd(),loss,1,0.0,NaN,"
