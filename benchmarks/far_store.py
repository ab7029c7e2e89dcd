"""What a store on another machine costs: seconds until its runs are seen, and bytes a second on the line.

    python benchmarks/far_store.py --runs 1000                  # all ended
    python benchmarks/far_store.py --runs 100 --live 20         # twenty written to twice a second

Runs a real SSH server on loopback behind a line that is slower by ``--round-trip`` milliseconds and counts what it
carries, encrypted as it is. The list of runs is asked for and followed as the dashboard does, on one run's curves as
well with ``--follow``. The machine is looked at as the runs screen does.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import dashboard
from cr_tui.dashboard.far.source import FarSource
from engine.remote.address import FarStore
from engine.remote.connection import DEFAULT_RATE, Connection
from engine.runs.folder import RunFolder
from engine.storage.store import Store
from tests.ssh_server import SlowLine, ssh_server

QUIET_SECONDS = 3.0
MACHINE_SECONDS = 2.0
"""How often the runs screen looks how busy the machine is."""
VISIBLE = 30


def build(root: Path, runs: int, live: int, points: int) -> tuple[Store, list[RunFolder]]:
    """A store of ended runs, the newest with a long event log, and of some that are written to."""
    dashboard.LONG, dashboard.LIVE = min(runs - live, 1), live
    store, _, _ = dashboard.build(root, runs, points)
    folders = [RunFolder(path) for path in sorted(store.runs.iterdir())]
    return store, folders[len(folders) - live - 1 : -1]


class Sampler(threading.Thread):
    """Notes the most bytes that any second carried."""

    def __init__(self, line: SlowLine) -> None:
        super().__init__(daemon=True)
        self._line = line
        self.most = 0

    def run(self) -> None:
        """Look once a second."""
        while True:
            before = self._line.carried
            time.sleep(1.0)
            self.most = max(self.most, self._line.carried - before)


def measure(store: Store, live: list[RunFolder], line: SlowLine, options: argparse.Namespace) -> None:
    """Open the store through the line, and count."""
    sampler = Sampler(line)
    sampler.start()
    began = time.monotonic()
    connection = Connection(FarStore.parse(f"ssh://127.0.0.1:{line.port}{store.root}"), options.rate)
    connection.open()
    greeted = time.monotonic() - began
    source = FarSource(connection, 1.0)
    runs = source.runs()
    print(f"{len(runs)} runs, {len(live)} of them live, round trip {options.round_trip} ms")
    print(f"connected after {greeted:.1f} s, list after {time.monotonic() - began:.1f} s, {line.carried / 1000:.0f} kB")
    while not all(run.settings for run in source.runs()):
        time.sleep(0.1)
    print(f"with all settings after {time.monotonic() - began:.1f} s, {line.carried / 1000:.0f} kB")
    source.watch([run.id for run in runs[-VISIBLE:]])
    followers = [source.follow(run.id) for run in runs[-options.follow :]] if options.follow else []
    closed = threading.Event()

    def look() -> None:
        machine_at = 0.0
        while not closed.is_set():
            source.runs()
            if options.machine and time.monotonic() > machine_at:
                source.machine()
                machine_at = time.monotonic() + MACHINE_SECONDS
            grown = [follower.poll() for follower in followers]
            if not any(grown):
                time.sleep(0.1)

    thread = threading.Thread(target=look)
    thread.start()
    time.sleep(QUIET_SECONDS)
    if live:
        dashboard.Writer(live, 2000).start()
        time.sleep(QUIET_SECONDS)
    before = line.carried
    time.sleep(options.seconds)
    print(f"then {(line.carried - before) / options.seconds:.0f} bytes a second")
    print(f"at most {sampler.most / 1000:.1f} kB in any second")
    closed.set()
    thread.join()
    source.close()


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--live", type=int, default=0)
    parser.add_argument(
        "--points", type=int, default=2000, help="rows of an event log, for the newest run; others have 100"
    )
    parser.add_argument("--follow", type=int, default=1, help="runs whose curves are looked at")
    parser.add_argument("--no-machine", dest="machine", action="store_false", help="without the strip of the machine")
    parser.add_argument("--round-trip", type=int, default=200, help="milliseconds")
    parser.add_argument("--rate", type=int, default=DEFAULT_RATE, help="bytes a second, at most")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long the line is watched")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, ssh_server(Path(scratch) / "ssh") as server:
        os.environ |= server.variables({"CRTUI_SLOTS": f"{scratch}/slots"}) | {"XDG_CACHE_HOME": f"{scratch}/cache"}
        store, live = build(Path(scratch) / "store", options.runs, options.live, options.points)
        line = SlowLine(server.port, options.round_trip / 1000)
        measure(store, live, line, options)
        line.close()


if __name__ == "__main__":
    main()
