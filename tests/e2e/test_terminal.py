"""The product in a real terminal, with real processes."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

Call = Callable[..., subprocess.CompletedProcess[str]]
Open = Callable[..., Any]


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 50)])
def test_a_run_is_watched_and_outlives_the_dashboard(crtui: Call, terminal: Open, columns: int, rows: int) -> None:
    started = crtui("train", "--steps", "1000000", "--set", "score_every=0", "--name", "watched", "-d", "--json")
    assert started.returncode == 0, started.stderr
    (run,) = json.loads(started.stdout)
    try:
        window = terminal(columns, rows)
        window.wait_for("watched")
        window.wait_for("running")
        window.wait_for("losses")
        window.press("?")
        window.wait_for("Traverse")
        window.press("Escape", "q")
        assert window.gone()
        (listed,) = json.loads(crtui("runs", "list", "--json").stdout)
        assert listed["status"] == "running"
    finally:
        stopped = crtui("runs", "stop", run["id"])
    assert stopped.returncode == 0, stopped.stderr
    (listed,) = json.loads(crtui("runs", "list", "--json").stdout)
    assert listed["status"] == "stopped"


def test_a_killed_run_is_listed_as_crashed_and_resumes_to_its_end(crtui: Call) -> None:
    settings = ["--steps", "240", "--set", "checkpoint_every=40", "--set", "score_every=0"]
    (run,) = json.loads(crtui("train", *settings, "-d", "--json").stdout)

    def listed_when(holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + 120
        while True:
            (listed,) = json.loads(crtui("runs", "list", "--json").stdout)
            if holds(listed) or time.monotonic() > deadline:
                return dict(listed)
            time.sleep(0.2)

    listed = listed_when(lambda run: run["step"])
    assert listed["status"] == "running"
    os.kill(listed["pid"], 9)
    # Its supervisor needs a moment to see it.
    assert listed_when(lambda run: run["status"] != "running")["status"] == "crashed"
    resumed = crtui("runs", "resume", run["id"])
    assert resumed.returncode == 0, resumed.stderr
    listed = listed_when(lambda run: run["status"] not in ("queued", "running"))
    assert (listed["status"], listed["step"]) == ("finished", 240)
