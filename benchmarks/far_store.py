"""What a store on another machine costs: seconds until its runs are seen, and bytes a second on the line.

    python benchmarks/far_store.py --runs 1000                  # all ended
    python benchmarks/far_store.py --runs 100 --live 20         # twenty written to twice a second

Runs a real SSH server on loopback behind a line that is slower by ``--round-trip`` milliseconds and counts what it
carries, encrypted as it is. The list of runs is asked for and followed as the dashboard does, on one run's curves as
well with ``--follow``. Then a run's weights of ``--weights`` MiB are fetched.
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
VISIBLE = 30


def build(root: Path, runs: int, live: int) -> tuple[Store, list[RunFolder]]:
    """A store of ended runs, the newest of which are written to."""
    dashboard.LONG, dashboard.LIVE = 0, live
    store, _, _ = dashboard.build(root, runs, 2000)
    folders = [RunFolder(path) for path in sorted(store.runs.iterdir())]
    return store, folders[len(folders) - live :]


def measure(store: Store, live: list[RunFolder], line: SlowLine, options: argparse.Namespace) -> None:
    """Open the store through the line, and count."""
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
        while not closed.is_set():
            source.runs()
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
    closed.set()
    thread.join()
    source.close()


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--live", type=int, default=0)
    parser.add_argument("--follow", type=int, default=1, help="runs whose curves are looked at")
    parser.add_argument("--round-trip", type=int, default=200, help="milliseconds")
    parser.add_argument("--rate", type=int, default=DEFAULT_RATE, help="bytes a second, at most")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long the line is watched")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, ssh_server(Path(scratch) / "ssh") as server:
        os.environ |= server.variables({"CRTUI_SLOTS": f"{scratch}/slots"}) | {"XDG_CACHE_HOME": f"{scratch}/cache"}
        store, live = build(Path(scratch) / "store", options.runs, options.live)
        line = SlowLine(server.port, options.round_trip / 1000)
        measure(store, live, line, options)
        line.close()


if __name__ == "__main__":
    main()
