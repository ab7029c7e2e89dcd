"""The product as its users call it: the ``crtui`` command, and what is asked of its answers."""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gpu_stages.stage import Stage

Row = dict[str, Any]
_POLL_SECONDS = 1.0
_LEAST_SECONDS = 5.0
_LONGEST_ANSWER = 2000
_ENDED = ("finished", "stopped", "failed", "crashed")

_PAPER = ("infogan-cr", "--data", "dsprites", "--preset", "paper", "--device", "cuda")
_TINY = (
    *("infogan-cr", "--data", "minisprites", "--preset", "quick", "--device", "cpu", "--threads", "1"),
    *("--set", "score_every=0", "--set", "log_every=5"),
)


class CommandError(Exception):
    """A command that did not do what it should."""


class Crtui:
    """Calls ``crtui --store STORE … --json`` and keeps what each call took.

    Args:
        stage: who calls.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._prefix = [*stage.request.crtui, "--store", str(store_of(stage))]

    def call(self, *arguments: str, seconds: float = 60.0, codes: Sequence[int] = (0,)) -> Any:
        """Run a command to its end.

        Args:
            arguments: the command, without ``--json``.
            seconds: how long it may take, unless the stage has less time left.
            codes: exit codes that are well.

        Returns:
            The JSON document that it printed.

        Raises:
            CommandError: another exit code, or no end in time.
        """
        began = time.monotonic()
        try:
            return self._ask(arguments, seconds, codes)
        finally:
            took = {"command": " ".join(arguments), "seconds": round(time.monotonic() - began, 2)}
            self._stage.add("commands", took)

    def rows(self, runs: Sequence[str]) -> dict[str, Row]:
        """What ``runs list`` says of some runs, by id."""
        return {row["id"]: row for row in self._ask(("runs", "list"), 60.0, (0,)) if row["id"] in runs}

    def show(self, run: str) -> Row:
        """All that is known of a run."""
        return dict(self._ask(("runs", "show", run), 60.0, (0,)))

    def losses(self, run: str) -> list[Row]:
        """The rows of losses that a run has written, oldest first."""
        return [row for row in self._ask(("runs", "metrics", run), 60.0, (0,)) if row["kind"] == "train"]

    def wait(self, runs: Sequence[str], holds: Callable[[Mapping[str, Row]], bool], seconds: float) -> dict[str, Row]:
        """Look at runs again and again until something holds of them.

        Returns:
            What ``runs list`` says of them then, or at the end of the seconds.
        """
        ends = time.monotonic() + seconds
        while not holds(rows := self.rows(runs)) and time.monotonic() < ends:
            time.sleep(_POLL_SECONDS)
        return rows

    def require_losses(self, runs: Sequence[str], seconds: float) -> None:
        """Wait until runs have written their first losses.

        Raises:
            CommandError: one has ended before, or has not written any in time.
        """
        ends = time.monotonic() + seconds
        waiting = list(runs)
        while waiting := [run for run in waiting if not self.losses(run)]:
            for run, row in self.rows(waiting).items():
                if row["status"] in _ENDED:
                    raise CommandError(f"run {run} is {row['status']}: {row['reason']}")
            if time.monotonic() > ends:
                raise CommandError(f"no losses of {', '.join(waiting)} after {seconds:.0f} seconds")

    def finish(self, runs: Sequence[str], seconds: float) -> dict[str, Row]:
        """Wait for the end of runs; those that have not ended by themselves after some seconds are stopped."""
        alive = [run for run, row in self.wait(runs, all_ended, seconds).items() if row["status"] not in _ENDED]
        if alive:
            self.call("runs", "stop", *alive)
        return self.rows(runs)

    def _ask(self, arguments: Sequence[str], seconds: float, codes: Sequence[int]) -> Any:
        limit = max(min(seconds, self._stage.remaining()), _LEAST_SECONDS)
        command = [*self._prefix, *arguments, "--json"]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise CommandError(f"crtui {' '.join(arguments)}: no end after {limit:.0f} seconds") from error
        if done.returncode not in codes:
            said = (done.stderr.strip() or done.stdout.strip())[-_LONGEST_ANSWER:]
            raise CommandError(f"crtui {' '.join(arguments)}: exit code {done.returncode}: {said}")
        return json.loads(done.stdout)


def all_ended(rows: Mapping[str, Row]) -> bool:
    """Whether nothing more will happen to any of the runs."""
    return all(row["status"] in _ENDED for row in rows.values())


def training(stage: Stage) -> tuple[str, ...]:
    """What to train: the paper's dSprites configuration, or a small one in a rehearsal."""
    return _TINY if stage.rehearses else _PAPER


def device_arguments(stage: Stage) -> tuple[str, str]:
    """Where ``score`` and ``select`` compute."""
    return "--device", stage.request.device


def store_of(stage: Stage) -> Path:
    """The store that all stages share."""
    return Path(stage.request.work) / "store"


def median_rate(rows: Sequence[Row]) -> float | None:
    """Median iterations a second of rows of losses; ``None`` without a row."""
    rates = [row["iterations_per_second"] for row in rows]
    return statistics.median(rates) if rates else None
