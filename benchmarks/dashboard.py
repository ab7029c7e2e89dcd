"""What the dashboard costs: first paint, frames, bytes on the line, processor time, on a store of 1,000 runs.

    python benchmarks/dashboard.py                       # builds a store in a temporary folder, about 5 minutes
    python benchmarks/dashboard.py --runs 200 --points 20000

Ten of the runs have 100,000 points of seven scalars each, twenty are written to while the dashboard looks on. The
dashboard runs in a pseudo-terminal of 120 by 40 cells, as a user's does, and is driven by keys. A frame is what the
event loop does between two chances to answer a key: a probe in it sleeps 5 ms again and again and notes by how much it
wakes too late, and how much processor time the loop's thread took meanwhile: the one is what a user feels, the other
does not grow when other programs want the same cores. Bytes and processor time of the whole are taken without the
probe. For comparison one of the long runs is read by the dashboard's own reader, by pandas (``read_json`` of the same
lines) and by TensorBoard's ``EventAccumulator`` (of an event file with the same scalars), where these are installed.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import importlib.util
import json
import math
import os
import pty
import select
import struct
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import psutil

from cr_tui.dashboard.store.follower import StoreFollower
from engine.machine.processes import ProcessIdentity
from engine.runs.event_log import EventLog
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.storage.store import Store

COLUMNS, ROWS = 120, 40
LONG, LIVE, GROUPS = 10, 20, 5
SCALARS = ("loss_discriminator", "loss_generator", "loss_info", "loss_contrastive", "cr_accuracy", "lambda_cr", "gap")
PROBE_SECONDS = 0.005
MEASURE_SECONDS = 20.0
READING_SECONDS = 20.0
LIVE_ROWS_A_SECOND = 2.0
STARTS = 7


def build(root: Path, runs: int, points: int) -> tuple[Store, list[RunFolder], list[RunFolder]]:
    """A store of finished runs, the long ones and the live ones among them."""
    store = Store.open(root)
    identity = ProcessIdentity.own().model_dump(mode="json")
    lines = _event_lines(points)
    folders = []
    for number in range(runs):
        folder = RunFolder(
            store.runs / f"20260101-{number // 3600:02}{number // 60 % 60:02}{number % 60:02}-{number:06x}"
        )
        folder.checkpoints.mkdir(parents=True)
        is_long, is_live = number >= runs - LONG, runs - LONG - LIVE <= number < runs - LONG
        _describe(folder, number, points, identity if is_live else None)
        folder.events_path.write_bytes(b"".join(lines if is_long else lines[:: max(points // 100, 1)]))
        folder.log_path.write_text("".join(f"step {step} loss {1 / (step + 1):.3f}\n" for step in range(50)))
        folders.append(folder)
    Registry(store).add_runs(folders)
    _rank(store, [folder.id for folder in folders[::GROUPS]])
    return store, folders[-LONG:], folders[-LONG - LIVE : -LONG]


def _rank(store: Store, runs: list[str]) -> None:
    """A stored selection of some runs, with a matrix such as a pool of models has that mostly agree."""
    dice = np.random.default_rng(0)
    matrix = np.clip(1 - dice.exponential(0.1, (len(runs), len(runs))), 0, 1)
    scores = (matrix.sum(0) + matrix.sum(1) - 2 * matrix.diagonal()) / (2 * (len(runs) - 1))
    ranking = [runs[index] for index in np.argsort(-scores)]
    method = {
        "scores": scores.tolist(), "ranking": ranking, "pick": ranking[0], "excluded": {}, "seconds": 1.0,
        "intervals": [[score - 0.01, score + 0.01] for score in scores.tolist()], "verdict": "tie",
        "medoid_probability": [1 / len(runs)] * len(runs), "warnings": [],
    }  # fmt: skip
    name = "20260102-000000-abcdef"
    content = {
        "id": name, "created": "2026-01-02T00:00:00+00:00", "runs": runs, "names": runs, "seed": 0,
        "matrix": matrix.tolist(), "methods": {"model-centrality": method},
    }  # fmt: skip
    (store.selections / name).mkdir()
    (store.selections / name / "ranking.json").write_bytes(orjson.dumps(content))


def _describe(folder: RunFolder, number: int, points: int, identity: dict[str, object] | None) -> None:
    now = time.time()
    spec = {
        "name": f"pool{number % GROUPS}-s{number}",
        "group": f"pool{number % GROUPS}",
        "seed": number,
        "method": {"name": "infogan-cr", "learning_rate": 1e-3 * (1 + number % 3)},
        "data": {"name": "minisprites"},
        "training": {"steps": points},
    }
    state = {
        "status": "running" if identity else ("finished", "failed", "stopped")[number % 3],
        "step": points,
        "total_steps": 2 * points if identity else points,
        "created": now - 60 * number,
        "device": "cpu",
        "scores": {"factor_vae": 0.5 + 0.4 * math.sin(number), "mig": 0.2},
        "supervisor": identity,
        "worker": identity,
        "heartbeat": now,
        "next_beat": now + 3600,
    }
    folder.spec_path.write_bytes(orjson.dumps(spec))
    folder.state_path.write_bytes(orjson.dumps(state))


def _event_lines(points: int) -> list[bytes]:
    generator = np.random.default_rng(0)
    noise = generator.standard_normal((points, len(SCALARS)))
    began = time.time() - points
    rows = []
    for step in range(points):
        values = {name: 2.0 / (1 + step / 9000) + 0.1 * noise[step, at] for at, name in enumerate(SCALARS)}
        rows.append({"step": step, "time": began + step, "kind": "train", "attempt": 1, **values})
    return [orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY) for row in rows]


class Writer(threading.Thread):
    """Appends to the live runs until told to stop."""

    def __init__(self, folders: list[RunFolder], first_step: int) -> None:
        super().__init__(daemon=True)
        self._logs = [EventLog(folder.events_path) for folder in folders]
        self._step = first_step
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.wait(1 / LIVE_ROWS_A_SECOND):
            self._step += 1
            for log in self._logs:
                log.write(self._step, "train", **dict.fromkeys(SCALARS, 1.0 / self._step))
                log.flush()


class Terminal:
    """The dashboard in a pseudo-terminal."""

    def __init__(self, store: Store, state: Path, report: Path | None, refresh: float) -> None:
        command = [sys.executable, "-m", "cr_tui", "--store", str(store.root), "dashboard", "--read-only"]
        if report:
            command = [sys.executable, __file__, "--child", str(store.root), "--report", str(report)]
        command += ["--refresh", str(refresh)]
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        environment |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "XDG_STATE_HOME": str(state)}
        self.began = time.monotonic()
        self.process = psutil.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
        )
        os.close(slave)

    def read_for(self, seconds: float, until: bytes | None = None) -> bytes:
        """What comes in some seconds, or until something does."""
        output, deadline = b"", time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self._master], [], [], left)[0]:
                try:
                    output += os.read(self._master, 65_536)
                except OSError:
                    break
                if until is not None and until in output:
                    break
        return output

    def press(self, key: str, seconds: float = 0.4) -> None:
        """Press a key and look on for a while."""
        os.write(self._master, key.encode())
        self.read_for(seconds)

    def cost(self, seconds: float) -> dict[str, float]:
        """Bytes a second and percent of a core, while nobody does anything."""
        before, began = self.process.cpu_times(), time.monotonic()
        output = self.read_for(seconds)
        after, took = self.process.cpu_times(), time.monotonic() - began
        cpu = after.user + after.system - before.user - before.system
        return {"bytes_per_second": len(output) / took, "cpu_percent": 100 * cpu / took}

    def quit(self) -> None:
        """Leave."""
        for _ in range(3):
            self.press("q", 1.0)
            if self.process.poll() is not None:
                break
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)


def child(store: str, refresh: float, report: Path) -> None:
    """The dashboard with a probe in its event loop."""
    from cr_tui.dashboard import run
    from cr_tui.dashboard.app import Dashboard

    lags: list[float] = []
    cpu: list[float] = []
    began: list[float] = []
    reading: dict[str, float] = {}

    async def probe(app: Dashboard) -> None:
        while True:
            asked, spent = time.perf_counter(), time.thread_time()
            await asyncio.sleep(PROBE_SECONDS)
            lags.append(time.perf_counter() - asked - PROBE_SECONDS)
            cpu.append(time.thread_time() - spent)
            began.append(asked)
            if len(app.session.curves) >= LONG and "done" not in reading:
                reading.setdefault("began", asked)
                if all(curves.complete for curves in app.session.curves.values()):
                    reading["done"] = asked

    # The handler of Textual's Ready event, which the dashboard has no use for: it has none.
    Dashboard.on_ready = lambda app: app.run_worker(probe(app), group="probe")  # type: ignore[attr-defined]
    run(Store.open(store), read_only=True, refresh=refresh)
    late, busy = np.array(lags) * 1000, np.array(cpu) * 1000
    found = {"worst_ms": float(late.max()), "p99_ms": float(np.percentile(late, 99))}
    found |= {"cpu_worst_ms": float(busy.max()), "cpu_p99_ms": float(np.percentile(busy, 99))}
    found |= {
        "p50_ms": float(np.percentile(late, 50)),
        "over_50_ms": (np.array(began)[late > 50] - began[0]).tolist(),
    }
    if "done" in reading:
        found["reading_s"] = reading["done"] - reading["began"]
    report.write_text(json.dumps(found))


def _painted(store: Store, state: Path, report: Path | None = None) -> Terminal:
    """A dashboard that has just shown the table."""
    terminal = Terminal(store, state, report, 1.0)
    terminal.read_for(60, until=b"pool")
    return terminal


def first_paints(store: Store, state: Path, starts: int) -> tuple[list[float], list[float]]:
    """Start the dashboard again and again until it shows the table: seconds, and seconds of the processor, of each."""
    took, busy = [], []
    for _ in range(starts):
        terminal = _painted(store, state)
        took.append(time.monotonic() - terminal.began)
        times = terminal.process.cpu_times()
        busy.append(times.user + times.system)
        terminal.quit()
    return took, busy


def measure(store: Store, long_runs: list[RunFolder], live: list[RunFolder], folder: Path, points: int) -> None:
    """Drive the dashboard and print what it costs."""
    fresh = folder / "state"
    paints, _ = first_paints(store, fresh, STARTS)
    times = f"median {np.median(paints):.2f} s, worst {max(paints):.2f} s of {STARTS}, from the start of the process"
    _say("first paint of the table", times)
    terminal = _painted(store, fresh)
    terminal.read_for(8)
    _cost("idle, 20 runs that say they run, none writes", terminal.cost(MEASURE_SECONDS))
    writer = Writer(live, points)
    writer.start()
    terminal.read_for(2)
    _cost("live, 20 runs write 2 rows a second each", terminal.cost(MEASURE_SECONDS))
    terminal.quit()

    report = folder / "report.json"
    terminal = _painted(store, fresh, report)
    terminal.read_for(5)
    for key in [*"jjjjjjjjjjkkkk", "o", *"name", "\r", "o", *"loss", "\r", *"OGgzzlh"]:
        terminal.press(key, 0.15)
    terminal.quit()
    _frames("table: walking, sorting, folding, 1,000 runs", report)

    terminal = _painted(store, fresh, report)
    terminal.read_for(5)
    terminal.press("3", 3.0)
    for key in "jjjjjlllll++--ss\tjjkk":
        terminal.press(key, 0.3)
    terminal.quit()
    ranked = -(-len(list(store.runs.iterdir())) // GROUPS)
    _frames(f"selection: opening {ranked} by {ranked}, walking, zooming", report)

    _remember_marks(fresh, store, [run.id for run in long_runs])
    terminal = _painted(store, fresh, report)
    terminal.press("2", READING_SECONDS)
    terminal.quit()
    _frames(f"charts: while {len(long_runs)} runs of {points:,} points are read", report)

    terminal = _painted(store, fresh, report)
    terminal.press("2", READING_SECONDS)
    for key in [*"ss", *"..>><", *"+++LLHH--0", *"yxby", "\r", *".>.", "\r", *"jjlhk", "d", "d"]:
        terminal.press(key, 0.4)
    terminal.quit()
    _frames("charts: reading, then smoothing, zooming, panning, cursor", report)

    terminal = _painted(store, fresh, report)
    terminal.press("2", READING_SECONDS)
    for key in [*"aAaA", *"ssS", *"++HH0", *"]K[", *"yo", "\r", *".>>", "\r", *"nnN", *"wW", "a", "a"]:
        terminal.press(key, 0.4)
    terminal.quit()
    writer.stopped.set()
    _frames(f"charts: means over {len(long_runs)} runs, smoothing, zooming, clipping", report)


def _remember_marks(state: Path, store: Store, run_ids: list[str]) -> None:
    path = state / "crtui" / "dashboard.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps({"stores": {str(store.root): {"marked": run_ids}}}))


def compare(folder: RunFolder, scratch: Path) -> None:
    """Read one long run by several readers."""
    size = folder.events_path.stat().st_size / 1e6

    def ours() -> int:
        follower = StoreFollower(folder)
        while follower.poll():
            pass
        return len(follower.history.points("train", SCALARS[0])[0])

    _time(f"this dashboard's reader ({size:.0f} MB of JSON lines)", ours)
    if importlib.util.find_spec("pandas"):
        import pandas

        _time("pandas.read_json(lines=True)", lambda: len(pandas.read_json(folder.events_path, lines=True)))
    else:
        _say("pandas", "not installed")
    if importlib.util.find_spec("tensorboard"):
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = _as_tensorboard(folder, scratch)

        def tensorboard() -> int:
            accumulator = EventAccumulator(str(events), size_guidance={"scalars": 0})
            accumulator.Reload()
            return len(accumulator.Scalars(SCALARS[0]))

        _time("TensorBoard's EventAccumulator", tensorboard)
    else:
        _say("TensorBoard", "not installed")


def _as_tensorboard(folder: RunFolder, scratch: Path) -> Path:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    target = scratch / "tensorboard"
    writer = EventFileWriter(str(target))
    for line in folder.events_path.read_bytes().splitlines():
        row = orjson.loads(line)
        values = [Summary.Value(tag=name, simple_value=row[name]) for name in SCALARS]
        writer.add_event(Event(step=row["step"], wall_time=row["time"], summary=Summary(value=values)))
    writer.close()
    return target


def _time(what: str, read: Callable[[], int]) -> None:
    began = time.perf_counter()
    count = read()
    _say(what, f"{time.perf_counter() - began:.2f} s for {count:,} rows")


def _cost(what: str, cost: dict[str, float]) -> None:
    _say(what, f"{cost['bytes_per_second']:.0f} bytes/s, {cost['cpu_percent']:.1f} % of a core")


def _frames(what: str, report: Path) -> None:
    if not report.exists():
        _say(what, "no report")
        return
    found = json.loads(report.read_text())
    report.unlink()
    over = "; ".join(f"{at:.1f} s" for at in found["over_50_ms"])
    text = f"worst {found['worst_ms']:.0f} ms (over 50 ms after: {over or 'never'}), "
    text += f"99th percentile {found['p99_ms']:.1f} ms, median {found['p50_ms']:.1f} ms"
    text += f"; of the processor: worst {found['cpu_worst_ms']:.0f} ms, 99th percentile {found['cpu_p99_ms']:.1f} ms"
    _say(what, text + (f"; all read in {found['reading_s']:.1f} s" if "reading_s" in found else ""))


def _say(what: str, text: str) -> None:
    print(f"{what:<62} {text}", flush=True)


def main() -> None:
    """Build, compare, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000, help="how many runs the store has")
    parser.add_argument("--points", type=int, default=100_000, help="points of each long run")
    parser.add_argument("--refresh", type=float, default=1.0, help=argparse.SUPPRESS)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--report", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child, arguments.refresh, arguments.report)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store, long_runs, live = build(folder / "store", arguments.runs, arguments.points)
        load = os.getloadavg()[0]
        _say("machine", f"{os.cpu_count()} cores, load before {load:.1f}, Python {sys.version.split()[0]}")
        compare(long_runs[0], folder)
        measure(store, long_runs, live, folder, arguments.points)


if __name__ == "__main__":
    main()
