"""How busy the machine is."""

from __future__ import annotations

import os
import stat
import threading
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from cr_tui.dashboard.app import Dashboard
from cr_tui.dashboard.store import machine
from cr_tui.dashboard.store.machine import MachineReader
from cr_tui.dashboard.system.machine_view import slot_title
from engine.storage.locks import lock_file

Build = Callable[..., Dashboard]
GIB = 2**30
Times = namedtuple("Times", "user nice system idle iowait")

NVIDIA_SMI = """#!/bin/sh
case "$1" in
  --query-gpu*)
    echo "0, GPU-aaaa, NVIDIA A100, 76, 40960, 81920, 63, 250.5"
    echo "1, GPU-bbbb, NVIDIA A100, [N/A], 0, 81920, [N/A], [Not Supported]"
    echo "broken line";;
  --query-compute-apps*) echo "GPU-aaaa, 4321"; echo "GPU-aaaa, 17";;
  -L) echo "GPU 0: NVIDIA A100 (UUID: GPU-aaaa)";;
esac
"""


async def test_shows_gauges_and_which_run_sits_where(dashboard: Build, source: Any, drive: Any) -> None:
    source.change(source.listed[3].id, device="cuda:0", pid=4321)
    strangers = {"core-0": "first (20260101-000000-abc) of the store /other"}
    source.machine_now = replace(source.machine_now, waiting={source.listed[6].id: 1}, strangers=strangers)
    app = dashboard()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await drive.settle(pilot)
        drive.press(app, "6")
        await drive.settle(pilot, lambda: "pool-s3 on cuda:0" in drive.text(app))
        text = drive.text(app)
        assert "43%" in text
        assert "12.0 of 64.0 GiB" in text
        assert "120.0 GiB free for the store" in text
        assert "63 °C  ·  250 W  ·  pool-s3" in text
        assert "no run" in text
        assert "2 of 4 taken" in text
        assert "● cuda:0" in text
        assert "core 0: first (20260101-000000-abc) of the store /other" in text
        assert "1 alone" in text
        drive.press(app, "escape")
        await drive.settle(pilot, lambda: "pool-s0" in drive.text(app))


async def test_a_machine_without_gpus_and_80_by_24(dashboard: Build, source: Any, drive: Any) -> None:
    source.machine_now = replace(source.machine_now, gpus=(), slots={f"core-{n}": n < 3 for n in range(64)})
    app = dashboard()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await drive.settle(pilot)
        drive.press(app, "6")
        await drive.settle(pilot, lambda: "nvidia-smi lists no GPU" in drive.text(app))
        assert "3 of 64 taken" in drive.text(app)
        drive.press(app, "G")
        await drive.settle(pilot, lambda: "Running" in drive.text(app))


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that alone is searched for programs, and slots of its own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("CRTUI_SLOTS", str(tmp_path / "slots"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return folder


def test_reads_what_nvidia_smi_says(tools: Path, tmp_path: Path) -> None:
    program = tools / "nvidia-smi"
    program.write_text(NVIDIA_SMI)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    found = MachineReader(tmp_path).read()
    first, second = found.gpus
    assert (first.index, first.utilisation, first.used_mib, first.celsius, first.watts) == (0, 76, 40960, 63, 250.5)
    assert first.pids == (4321, 17)
    assert (second.utilisation, second.celsius, second.watts, second.pids) == (None, None, None, ())
    assert slot_title("gpu-GPU-aaaa-0", found.gpus) == "cuda:0"
    assert slot_title("gpu-GPU-aaaa-1", found.gpus) == "cuda:0 #2"
    assert slot_title("core-3", found.gpus) == "core 3"


def test_reads_memory_disk_and_slots(tools: Path, tmp_path: Path) -> None:
    reader = MachineReader(tmp_path)
    found = reader.read()
    assert 0 < found.memory_used <= found.memory_total
    assert 0 < found.disk_free <= found.disk_total
    assert reader.read() is found
    assert found.slots
    assert not any(found.slots.values())
    taken = next(iter(found.slots))
    descriptor = lock_file(Path(os.environ["CRTUI_SLOTS"]) / taken)
    try:
        assert [name for name, held in MachineReader(tmp_path).read().slots.items() if held] == [taken]
    finally:
        os.close(descriptor)


def test_a_disk_that_is_gone_is_no_trouble(tools: Path, tmp_path: Path) -> None:
    found = MachineReader(tmp_path / "gone").read()
    assert (found.disk_free, found.disk_total) == (0, 0)


def test_processor_time_is_counted_between_readings_whatever_thread_reads(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = iter([Times(100, 0, 10, 890, 0), Times(130, 10, 20, 940, 0), Times(130, 10, 20, 940, 0)])
    monkeypatch.setattr(psutil, "cpu_times", lambda: next(readings))
    monkeypatch.setattr(machine, "_FRESH_SECONDS", 0.0)
    reader, found = MachineReader(tmp_path), []
    for _ in range(3):
        thread = threading.Thread(target=lambda: found.append(reader.read().cpu))
        thread.start()
        thread.join()
    # Of 100 seconds 50 were idle; then the clock had not moved on.
    assert found == [0.0, 50.0, 0.0]
