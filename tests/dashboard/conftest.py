"""A source of fixed data, so that screens can be tested without stores, processes and models."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from textual import events
from textual.css.query import NoMatches
from textual.keys import _character_to_key
from textual.pilot import Pilot

from cr_tui.dashboard.app import Dashboard
from cr_tui.dashboard.model.curves import History
from cr_tui.dashboard.model.data import (
    DiskUse,
    EncodedImage,
    Gpu,
    Machine,
    MatchedCode,
    ModelFacts,
    NoCheckpointError,
    Run,
    RunFacts,
    Worker,
)
from cr_tui.dashboard.model.new_runs import MethodChoice, MethodForm, NewRuns, RequestCheck
from cr_tui.dashboard.model.selections import Computation
from cr_tui.dashboard.shared.key_footer import KeyFooter
from cr_tui.dashboard.store.form_source import Checker, method_choices, method_form
from cr_tui.dashboard.store.train_call import TrainCall
from engine.choosing.request import SelectionRequest
from engine.choosing.result import MethodResult, SelectionResult
from engine.errors import ChangedDataError, InputError
from engine.launch.planning import Forecast
from engine.models.codes import Codes

NOW = 1_800_000_000.0


class FakeFollower:
    """Has everything at the first look and nothing after."""

    def __init__(self, steps: int, log: Sequence[str]) -> None:
        self.history = History()
        self.log = list(log)
        self._steps = steps

    def poll(self) -> bool:
        if self.history.names("train"):
            return False
        self.history.add(_rows(self._steps))
        return self._steps > 0


class FakeLog:
    """A log that is complete at the first look."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.source = lines
        self.lines: list[str] = []
        self.dropped = 0
        self.skipped = False

    @property
    def times(self) -> list[float | None]:
        return [NOW + number for number in range(len(self.lines))]

    def poll(self) -> bool:
        changed = self.lines != list(self.source)
        self.lines = list(self.source)
        return changed


class FakeSource:
    """Answers from what it holds and remembers what it was asked to change."""

    location = "/store"

    def __init__(self) -> None:
        self.listed: list[Run] = []
        self.stored: list[SelectionResult] = []
        self.computing: list[Computation] = []
        self.damaged = 0
        self.log: list[str] = [f"step {step} loss 0.{step}" for step in range(100, 130)]
        self.refusal: str | None = None
        self.trouble: str | None = None
        self.asked: list[tuple[str, object]] = []
        self.closed = False
        self.checks = 0
        self.removed: dict[str, Run] = {}
        self.changed_data: set[str] = set()
        self.watched: tuple[str, ...] = ()
        self.machine_now = make_machine()
        self.working: list[Worker] = []
        self.codes = Codes(continuous=4, noise=1)
        self.checkpoints: tuple[int, ...] = (1000, 2000, 4000)
        self.facts_now = RunFacts(
            "", elapsed=754.0, at=NOW, checkpoints=self.checkpoints, size=31_457_280, preset="quick"
        )
        self.decoded: list[tuple[str, int, np.ndarray]] = []

    def runs(self) -> list[Run]:
        if self.trouble:
            raise InputError(self.trouble)
        return list(self.listed)

    def follow(self, run_id: str) -> FakeFollower:
        run = next(run for run in self.listed if run.id == run_id)
        return FakeFollower(run.step, self.log)

    def watch(self, run_ids: Sequence[str]) -> None:
        self.watched = tuple(run_ids)

    def follow_log(self, run_id: str) -> FakeLog:
        return FakeLog(self.log)

    def settings(self, run_id: str) -> dict[str, object]:
        run = next(run for run in self.listed if run.id == run_id)
        return {"seed": run.seed, "method.name": run.method, "training.steps": 4000, **run.settings}

    def facts(self, run_id: str) -> RunFacts:
        return replace(self.facts_now, run_id=run_id, settings=self.settings(run_id))

    def annotate(self, run_id: str, tags: Sequence[str], note: str) -> None:
        self._refuse()
        self.asked.append(("annotate", (run_id, list(tags), note)))
        self.facts_now = replace(self.facts_now, tags=tuple(tags), note=note)

    def template(self, run_id: str) -> NewRuns:
        self._refuse()
        run = next(run for run in self.listed if run.id == run_id)
        texts = {"data.name": run.data, "group": run.group, "seed": str(run.seed), "training.steps": "4000"}
        return NewRuns(run.method, "paper", texts)

    def workers(self) -> list[Worker]:
        return list(self.working)

    def machine(self) -> Machine:
        return self.machine_now

    def selections(self) -> list[SelectionResult]:
        return list(self.stored)

    def damaged_selections(self) -> int:
        return self.damaged

    def model(self, run_id: str, step: int | None = None) -> ModelFacts:
        self.asked.append(("model", (run_id, step)))
        self._refuse()
        if not self.checkpoints:
            raise NoCheckpointError("there is no checkpoint yet")
        return ModelFacts(self.codes, step or self.checkpoints[-1], self.checkpoints, (32, 32, 1))

    def decode(self, run_id: str, step: int, latents: np.ndarray) -> np.ndarray:
        self._refuse()
        self.decoded.append((run_id, step, latents))
        return _discs(latents)

    def encode(self, run_id: str, step: int, number: int) -> EncodedImage:
        self.asked.append(("encode", (run_id, step, number)))
        self._refuse()
        if number >= 640:
            raise InputError(f"the dataset has no image {number}; it has 0 to 639")
        codes = np.array([0.5, -0.5, 0.25, 0.0], dtype=np.float32)[: self.codes.count]
        return EncodedImage(_discs(np.array([[0.5, -0.5, 0.5, 1.0, 0.0]], dtype=np.float32))[0], codes, number, 640)

    def match(self, run_id: str, step: int, other_id: str, other_step: int) -> list[MatchedCode]:
        self.asked.append(("match", (run_id, step, other_id, other_step)))
        self._refuse()
        return [MatchedCode(0, 1, 0.98), MatchedCode(1, 0, 0.91, -1), MatchedCode(2, 2, 0.77)]

    def methods(self) -> list[MethodChoice]:
        return method_choices()

    def method_form(self, method: str) -> MethodForm:
        self._refuse()
        return method_form(method)

    def check(self, request: NewRuns) -> RequestCheck:
        self.checks += 1
        free = 2
        return Checker(
            foresee=lambda specs: Forecast(min(len(specs), free), max(len(specs) - free, 0), 0, free, 4)
        ).check(request)

    def start(self, request: NewRuns) -> list[str]:
        self._refuse()
        names = [spec.name for spec in TrainCall.of(request).resolve()]
        self.asked.append(("start", request))
        return names

    def stop(self, run_id: str) -> None:
        self._act("stop", run_id)

    def resume(self, run_id: str, *, accept_data: bool = False) -> None:
        if run_id in self.changed_data and not accept_data:
            raise ChangedDataError(f"the data of run {run_id} are others")
        self._act("accept and resume" if accept_data else "resume", run_id)

    def disk_use(self, run_ids: Sequence[str]) -> DiskUse:
        return DiskUse(4 * len(run_ids), 30_000_000 * len(run_ids))

    def remove(self, run_id: str) -> None:
        self._act("remove", run_id)
        self.removed |= {run.id: run for run in self.listed if run.id == run_id}
        self.listed = [run for run in self.listed if run.id != run_id]

    def bring_back(self, run_id: str) -> None:
        self._act("bring_back", run_id)
        self.listed = sorted([*self.listed, self.removed.pop(run_id)], key=lambda run: run.id)

    def select(self, request: SelectionRequest) -> None:
        self._act("select", request)
        self.computing = [Computation(True, "comparing models", request.id, request.runs, 2, 9, 60.0, NOW - 30)]

    def computations(self) -> list[Computation]:
        return list(self.computing)

    def cancel_selection(self, computation_id: str) -> None:
        self._act("cancel", computation_id)

    def forget_selection(self, computation_id: str) -> None:
        self._act("forget", computation_id)
        self.computing = []

    def close(self) -> None:
        self.closed = True

    def change(self, run_id: str, **changes: object) -> None:
        self.listed = [replace(run, **changes) if run.id == run_id else run for run in self.listed]  # type: ignore[arg-type]

    def _act(self, verb: str, argument: object) -> None:
        self._refuse()
        self.asked.append((verb, argument))

    def _refuse(self) -> None:
        if self.refusal:
            raise InputError(self.refusal)


def make_machine(**changes: object) -> Machine:
    gib = 2**30
    gpus = (
        Gpu(0, "NVIDIA A100", "GPU-aaaa", 76.0, 40_960.0, 81_920.0, 63.0, 250.0, (4321,)),
        Gpu(1, "NVIDIA A100", "GPU-bbbb"),
    )
    slots = {"gpu-GPU-aaaa-0": True, "gpu-GPU-bbbb-0": False, "core-0": True, "core-1": False}
    machine = Machine("box", 8, 43.0, 3.5, 12 * gib, 64 * gib, 120 * gib, 500 * gib, gpus, slots, {}, NOW)
    return replace(machine, **changes)  # type: ignore[arg-type]


def make_run(number: int, status: str = "finished", **changes: object) -> Run:
    run = Run(
        id=f"20261123-0600{number:02}-abc{number:03}",
        name=f"pool-s{number}",
        group="pool",
        method="infogan-cr",
        data="minisprites",
        seed=number,
        status=status,
        step=4000 if status == "finished" else 1200,
        total_steps=4000,
        created=NOW - 600 * (number + 1),
        updated=NOW,
        scores={"factor_vae": 0.7 + 0.03 * number, "mig": 0.2 + 0.02 * number},
        device="cpu",
        losses=tuple(1.4 - 0.04 * k + 0.05 * (-1) ** k for k in range(16)),
    )
    return replace(run, **changes)  # type: ignore[arg-type]


def make_selection(runs: Sequence[Run]) -> SelectionResult:
    n = len(runs)
    generator = np.random.default_rng(1)
    matrix = np.clip(0.55 + 0.08 * np.arange(n)[:, None] + 0.05 * generator.standard_normal((n, n)), 0, 1)
    scores = tuple(float(score) for score in (matrix.sum(1) + matrix.sum(0)) / (2 * n))
    ranking = tuple(runs[i].id for i in np.argsort(scores)[::-1])
    ids = tuple(run.id for run in runs)
    methods = {"model-centrality": MethodResult(scores=scores, ranking=ranking)}
    return SelectionResult(id="sel-1", runs=ids, methods=methods, matrix=matrix, created=NOW - 120)


@pytest.fixture
def source() -> FakeSource:
    """Six runs of one pool in every state, three of them ranked, and one run of its own."""
    fake = FakeSource()
    fake.listed = [
        make_run(0),
        make_run(1),
        make_run(2),
        make_run(3, "running", eta=252.0),
        make_run(4, "failed", reason="the loss became NaN at step 1200", device="cuda:1"),
        make_run(5, "crashed", reason="its processes vanished (killed, or out of memory)"),
        make_run(6, "queued", step=0, scores={}, name="alone", group="", method="infogan"),
    ]
    fake.stored = [make_selection(fake.listed[:3])]
    return fake


class Driver:
    """Drives the application as a person does, and sees what a person sees."""

    answering = (
        "runs",
        "read",
        "act",
        "traverse",
        "compute",
        "machine",
        "settings",
        "draw",
        "decode",
        "form",
        "check",
        "facts",
    )
    """Groups of workers that end by themselves."""

    async def settle(self, pilot: Pilot[None], until: Callable[[], bool] | None = None) -> None:
        """Let threads answer and messages pass, until something is so."""
        for _ in range(800):
            await asyncio.sleep(0.03)
            idle = not any(worker.group in self.answering and not worker.is_finished for worker in pilot.app.workers)
            with contextlib.suppress(NoMatches):
                if idle and (until is None or until()):
                    # What followed from it is on the screen by then.
                    await pilot.pause()
                    return
        raise AssertionError("it never came to that:\n" + self.text(pilot.app))

    def press(self, app: Dashboard, *keys: str) -> None:
        """Send keys as fast as a terminal would when they are pasted; `Pilot.press` waits between them."""
        for key in keys:
            event = events.Key(_character_to_key(key), key) if len(key) == 1 else events.Key(key, None)
            app.post_message(event)

    def text(self, app: Dashboard) -> str:
        """What is on the screen."""
        width, height = app.size
        strips = app.screen._compositor.render_strips(app.size)
        return "\n".join("".join(segment.text for segment in strip)[:width] for strip in strips[:height])

    def footer(self, app: Dashboard) -> dict[str, bool]:
        """Labels of the footer with whether they can be used."""
        return {
            binding.binding.description: binding.enabled
            for binding in app.screen.active_bindings.values()
            if binding.binding.show and app.screen.query(KeyFooter)
        }

    def focused(self, app: Dashboard) -> str | None:
        """The id of the widget that keys go to."""
        return app.focused.id if app.focused is not None else None


@pytest.fixture
def drive() -> Driver:
    """How tests drive the application."""
    return Driver()


class At:
    """A dashboard that runs, as a test sees and drives it.

    Args:
        app: the application.
        drive: presses keys and waits.
        pilot: Textual's own driver, for what only that can do: the mouse, the size of the terminal.
    """

    def __init__(self, app: Dashboard, drive: Driver, pilot: Pilot[None]) -> None:
        self.app, self.drive, self.pilot = app, drive, pilot

    @property
    def text(self) -> str:
        """What is on the screen."""
        return self.drive.text(self.app)

    @property
    def screen(self) -> Any:
        """The screen in front."""
        return self.app.screen

    @property
    def focused(self) -> str | None:
        """The id of the widget that keys go to."""
        return self.drive.focused(self.app)

    @property
    def footer(self) -> dict[str, bool]:
        """Labels of the footer with whether they can be used."""
        return self.drive.footer(self.app)

    def send(self, *keys: str) -> None:
        """Press keys and wait for nothing."""
        self.drive.press(self.app, *keys)

    async def press(self, *keys: str, until: str | Callable[[], bool]) -> None:
        """Press keys, then wait as :meth:`until` does."""
        self.send(*keys)
        await self.until(until)

    async def until(self, so: str | Callable[[], bool]) -> None:
        """Wait until something is so; a text is waited for on the screen."""
        await self.drive.settle(self.pilot, (lambda: so in self.text) if isinstance(so, str) else so)

    async def resize(self, size: tuple[int, int]) -> None:
        """Give the terminal another size, then wait as :meth:`settle` does."""
        await self.pilot.resize_terminal(*size)
        await self.settle()

    async def settle(self) -> None:
        """Wait until nothing is being read or drawn."""
        await self.drive.settle(self.pilot)


@pytest.fixture
def frozen_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ages that do not depend on the day."""
    monkeypatch.setattr("time.time", lambda: NOW)


@pytest.fixture
def dashboard(source: FakeSource, frozen_time: None) -> Callable[..., Dashboard]:
    """Builds the application on the fake source; ticks rarely, so that tests decide when something is read."""

    def build(**settings: object) -> Dashboard:
        return Dashboard(source, **{"refresh_seconds": 60.0, **settings})  # type: ignore[arg-type]

    return build


def _rows(steps: int) -> list[dict[str, object]]:
    generator = np.random.default_rng(0)
    rows: list[dict[str, object]] = []
    for step in range(0, steps, 50):
        noise = generator.standard_normal(4) * 0.03
        rows.append(
            {
                "step": step,
                "time": NOW + step / 10,
                "kind": "train",
                "loss_discriminator": 1.38 - step / 9000 + noise[0],
                "loss_generator": 0.7 + step / 7000 + noise[1],
                "loss_contrastive": 1.6 * np.exp(-step / 1500) + noise[2],
                "real_probability": 0.6 + noise[3],
                "fake_probability": 0.4 - noise[3],
                "cr_accuracy": min(0.25 + step / 5000, 0.95),
                "lambda_cr": 2.0 if step >= 2000 else 0.0,
                "gap": 0.0,
            }
        )
        if step % 400 == 0:
            rows.append({"step": step, "time": NOW + step / 10, "kind": "score", "factor_vae": 0.4 + 0.4 * step / 4000})
    return rows


def _discs(latents: np.ndarray) -> np.ndarray:
    """Discs by their codes: x, y, size, brightness; of a categorical model the last codes are its categories."""
    side = 32
    axis = np.arange(side) + 0.5
    x, y, size, light = (latents[:, column, None, None] for column in range(4))
    distance = np.hypot(axis[None, None, :] - 16 - 7 * x, axis[None, :, None] - 16 - 7 * y)
    coverage = np.clip(5.5 + 2 * size - distance + 0.5, 0, 1)
    return np.rint(255 * coverage * (0.65 + 0.35 * light)).clip(0, 255).astype(np.uint8)[..., None]
