"""Whether runs can be started, and how many of them at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import InputError
from engine.launch import planning, slots
from engine.launch.planning import Forecast, forecast, require_startable
from engine.runs.specification.resolving import resolve
from engine.runs.specification.spec import RunSpec


@pytest.fixture(autouse=True)
def four_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRTUI_SLOTS", str(tmp_path / "slots"))
    monkeypatch.setattr(slots, "usable_cores", lambda: 4)
    monkeypatch.setattr(slots, "visible_gpus", list)


def specs(count: int, **changes: object) -> list[RunSpec]:
    return resolve("vae", preset="quick", seeds=range(count), flags=changes)


def test_as_many_start_as_there_are_free_slots() -> None:
    assert forecast(specs(6)) == Forecast(starting=4, waiting=2, ahead=0, free=4, slots=4)
    assert forecast(specs(6, threads=3)) == Forecast(starting=1, waiting=5, ahead=0, free=4, slots=4)


def test_slots_that_others_have_and_those_who_wait_already_count() -> None:
    lease = slots.Waiter(slots.plan("cpu", threads=3), 1.0, "a").poll()
    assert lease is not None
    assert forecast(specs(2)) == Forecast(starting=1, waiting=1, ahead=0, free=1, slots=4)
    waiter = slots.Waiter(slots.plan("cpu", threads=2), 2.0, "b")
    assert waiter.poll() is None
    assert slots.queue_lengths() == {"cpu": 1}
    behind = forecast(specs(2))
    assert (behind.starting, behind.waiting, behind.ahead) == (0, 2, 1)
    waiter.close()
    lease.close()
    assert forecast(specs(2)).starting == 2


def test_forecasting_takes_nothing() -> None:
    forecast(specs(4))
    lease = slots.Waiter(slots.plan("cpu", threads=4), 1.0, "a").poll()
    assert lease is not None
    lease.close()


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="cuda"):
        forecast(specs(1, device="cuda:3"))


def test_runs_for_slurm_wait_there() -> None:
    assert forecast(specs(2, launcher="slurm")) == Forecast(0, 2, 0, 0, 0)


def test_data_are_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    require_startable(specs(2), tmp_path)
    asked: list[object] = []
    monkeypatch.setattr(planning, "check", lambda name, root, **options: asked.append((name, root, options["size"])))
    require_startable(specs(3), tmp_path)
    assert asked == [("minisprites", tmp_path, None)]
