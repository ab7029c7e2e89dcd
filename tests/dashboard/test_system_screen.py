"""How busy the machine is."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import threading
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from cr_tui.dashboard.app import Dashboard
from cr_tui.dashboard.model.data import Worker
from cr_tui.dashboard.model.machine_history import MachineHistory
from cr_tui.dashboard.store import machine
from cr_tui.dashboard.store.machine import MachineReader
from cr_tui.dashboard.store.workers import WorkerReader
from cr_tui.dashboard.system.machine_view import slot_title
from engine.launch.slot_folder import slot_folder
from engine.runs.specification.resolving import resolve
from engine.storage.locks import lock_file
from tests.dashboard.conftest import NOW, make_machine

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
    strangers = {"core-1": "first (20260101-000000-abc) of the store /other"}
    slots = {**source.machine_now.slots, "core-1": True}
    source.machine_now = replace(source.machine_now, slots=slots, waiting={source.listed[6].id: 1}, strangers=strangers)
    source.working = [
        Worker(4321, source.listed[3].id, "pool-s3", "/store", ("gpu-GPU-aaaa-0",), 98.0, 512 * 2**20, 41.5),
        Worker(77, "x", "elsewhere", "/home/other/store", ("core-0",), None, 2**20),
    ]
    app = dashboard()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await drive.settle(pilot)
        drive.press(app, "6")
        await drive.settle(pilot, lambda: "cuda:0: pool-s3" in drive.text(app))
        text = drive.text(app)
        assert "43%" in text
        assert "12.0 of 64.0 GiB" in text
        assert "120.0 GiB free for the store" in text
        assert "63 °C  ·  250 W  ·  pool-s3" in text
        assert "no run" in text
        assert "1 of 4 slots free" in text
        assert "● core 0: elsewhere" in text
        assert "● core 1: first (20260101-000000-abc) of the store /other" in text
        assert re.search(r"pool-s3 +4321 +cuda:0 +98% +512 MiB +41.5  this", text)
        assert re.search(r"elsewhere +77 +core 0 +– +1 MiB +–  /home/other/store", text)
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
        assert "61 of 64 slots free" in drive.text(app)
        drive.press(app, "G")
        await drive.settle(pilot, lambda: "no run trains on this machine" in drive.text(app))


async def test_slots_are_counted_alike_everywhere(dashboard: Build, drive: Any) -> None:
    app = dashboard()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await drive.settle(pilot, lambda: "2 of 4 slots free" in drive.text(app))
        drive.press(app, "6")
        await drive.settle(pilot, lambda: "Slots  2 of 4 slots free" in drive.text(app))


async def test_the_last_hour_is_drawn_where_there_is_room(dashboard: Build, source: Any, drive: Any) -> None:
    app = dashboard()
    for number in range(30):
        app.session.machine.add(replace(source.machine_now, at=NOW - 60 * number, cpu=50.0 + number))
    assert len(app.session.machine.cpu[0]) == 1
    for number in range(30):
        app.session.machine.add(replace(source.machine_now, at=NOW + 60 * number, cpu=50.0 + number))
    async with app.run_test(size=(200, 50), notifications=True) as pilot:
        await drive.settle(pilot)
        drive.press(app, "6")
        await drive.settle(pilot, lambda: "The last hour" in drive.text(app))
        for title in ("cpu %", "memory GiB", "disk free GiB", "cuda:0 %"):
            assert title in drive.text(app)


def test_history_keeps_an_hour() -> None:
    history = MachineHistory()
    for minute in range(200):
        history.add(replace(make_machine(), at=60.0 * minute, cpu=float(minute)))
    minutes, values = history.cpu
    assert minutes[0] == -60
    assert minutes[-1] == 0
    assert values[-1] == 199


def test_finds_who_holds_a_slot_and_what_it_costs(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "other" / "runs" / "20260101-000000-aaaaaa"
    run.mkdir(parents=True)
    (run / "spec.json").write_text(resolve("vae", data="minisprites", flags={"name": "theirs"})[0].model_dump_json())
    row = '{"step": 1, "time": 1.0, "kind": "train", "iterations_per_second": 12.5}'
    rows = [row, '{"step": 1, "time": 1.0, "kind": "note"}', '{"kind": "tr']
    (run / "events.jsonl").write_text("\n".join(rows))
    slot = slot_folder() / "core-1"
    program = (
        "import fcntl\n"
        f"slot = open({str(slot)!r}, 'w')\n"
        "fcntl.flock(slot, fcntl.LOCK_EX)\n"
        "print('ready', flush=True)\n"
        "while True: sum(range(1000))\n"
    )
    command = [sys.executable, "-c", program, "engine.launch.worker", str(run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            reader = WorkerReader()
            assert [worker.cpu for worker in reader.read() if worker.pid == process.pid] == [None]
            while not (found := next(worker for worker in reader.read() if worker.pid == process.pid)).cpu:
                pass
        finally:
            process.kill()
    assert (found.run_id, found.name, found.store) == (run.name, "theirs", str(tmp_path / "other"))
    assert found.slots == ("core-1",)
    assert found.speed == 12.5
    assert found.memory > 2**20


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


def test_says_that_nvidia_smi_fails_and_shows_the_rest(tools: Path, tmp_path: Path) -> None:
    program = tools / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'it lost the driver'\nexit 9\n")
    program.chmod(0o700)
    found = MachineReader(tmp_path).read()
    assert found.gpus == ()
    assert found.gpu_fault.startswith("nvidia-smi fails (exit code 9: it lost the driver)")
    assert "core-0" in found.slots


async def test_gpus_are_unknown_where_nvidia_smi_fails(dashboard: Build, source: Any, drive: Any) -> None:
    source.machine_now = replace(source.machine_now, gpus=(), gpu_fault="nvidia-smi does not answer")
    app = dashboard()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await drive.settle(pilot)
        drive.press(app, "6")
        await drive.settle(pilot, lambda: "nvidia-smi does not answer" in drive.text(app))
        assert "train on the processor" not in drive.text(app)


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
    first = [Times(100, 0, 10, 890, 0), Times(190, 0, 10, 900, 0)]
    readings = iter([*first, Times(220, 10, 20, 950, 0), Times(220, 10, 20, 950, 0)])
    monkeypatch.setattr(psutil, "cpu_times", lambda: next(readings))
    monkeypatch.setattr(machine, "_FRESH_SECONDS", 0.0)
    reader, found = MachineReader(tmp_path), []
    for _ in range(3):
        thread = threading.Thread(target=lambda: found.append(reader.read().cpu))
        thread.start()
        thread.join()
    # The first look takes two readings; then of 100 seconds 50 were idle; then the clock had not moved on.
    assert found == [90.0, 50.0, 0.0]
