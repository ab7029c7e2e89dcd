from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.errors import InputError, WorkError
from engine.launch import slots
from engine.launch.slots import HeldSlots, Request, Waiter
from engine.machine.cores import usable_cores
from engine.machine.gpus import visible_gpus
from tests.launch.places import places

fork = multiprocessing.get_context("fork")
TWO_GPUS = """\
GPU 0: NVIDIA A100 (UUID: GPU-aaaa)
GPU 1: NVIDIA A100 (UUID: GPU-bbbb)
"""
PARTITIONED = """\
GPU 0: NVIDIA A100 (UUID: GPU-aaaa)
  MIG 3g.20gb     Device  0: (UUID: MIG-1111)
  MIG 3g.20gb     Device  1: (UUID: MIG-2222)
GPU 1: NVIDIA A100 (UUID: GPU-bbbb)
"""


@pytest.fixture(autouse=True)
def slot_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRTUI_SLOTS", str(tmp_path / "slots"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("CRTUI_PER_GPU", raising=False)
    return tmp_path / "slots"


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that answers like nvidia-smi -L; its answer, and ``processes`` beside it, can be overwritten."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "nvidia-smi"
    program.write_text(f'#!/bin/sh\nif [ "$1" = -L ]; then cat {folder}/answer; else cat {folder}/processes; fi\n')
    program.chmod(0o700)
    (folder / "answer").write_text(TWO_GPUS)
    (folder / "processes").write_text("")
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder / "answer"


def cores(wanted: int, of: int = 2) -> Request:
    return Request("cpu", {f"core-{i}": "cpu" for i in range(of)}, wanted)


def release(lease: HeldSlots | None) -> None:
    assert lease is not None
    for descriptor in lease.descriptors:
        os.close(descriptor)


def test_cpu_run_needs_a_core_per_thread_and_at_most_all() -> None:
    assert slots.plan("cpu", threads=1).count == 1
    assert slots.plan("cpu", threads=10_000).count == usable_cores()
    assert slots.plan("cpu", threads=1).environments["cpu"] == {"CUDA_VISIBLE_DEVICES": ""}


def test_auto_is_a_gpu_where_there_is_one(nvidia_smi: Path) -> None:
    request = slots.plan("auto", threads=4)
    assert request.devices == {"gpu-GPU-aaaa-0": "cuda:0", "gpu-GPU-bbbb-0": "cuda:1"}
    assert request.count == 1
    nvidia_smi.write_text("No devices found.\n")
    assert set(slots.plan("auto", threads=4).devices.values()) == {"cpu"}


def test_second_run_goes_to_the_idle_gpu(nvidia_smi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRTUI_PER_GPU", "2")
    leases = [Waiter(slots.plan("cuda", threads=1), since=1.0, name=name).poll() for name in "abcd"]
    assert [lease.device for lease in leases if lease] == ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]
    assert leases[1] is not None
    assert leases[1].environment == {"CUDA_VISIBLE_DEVICES": "GPU-bbbb"}
    assert Waiter(slots.plan("cuda:1", threads=1), since=1.0, name="e").poll() is None
    for lease in leases:
        release(lease)


@pytest.mark.parametrize(("device", "expected"), [("GPU-bbbb", "cuda:1"), ("GPU-b", "cuda:1"), ("cuda:0", "cuda:0")])
def test_gpu_can_be_named_by_uuid(nvidia_smi: Path, device: str, expected: str) -> None:
    request = slots.plan(device, threads=1)
    assert set(request.devices.values()) == {expected}
    # One line for each GPU, however it is named.
    assert request.queue == slots.plan(expected, threads=1).queue


@pytest.mark.parametrize("device", ["GPU-cccc", "MIG-1111"])
def test_uuid_must_name_one_gpu(nvidia_smi: Path, device: str) -> None:
    with pytest.raises(InputError, match=f"device '{device}' is not there: the GPUs are cuda:0 GPU-aaaa, cuda:1"):
        slots.plan(device, threads=1)


def test_number_of_runs_per_gpu_can_be_the_runs_own(nvidia_smi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRTUI_PER_GPU", "3")
    assert len(slots.plan("cuda:0", threads=1).devices) == 3
    assert list(slots.plan("cuda", threads=1, per_gpu=2).devices.values()) == ["cuda:0", "cuda:1"] * 2


def test_gpu_that_others_compute_on_is_left_to_them(nvidia_smi: Path) -> None:
    processes = nvidia_smi.with_name("processes")
    with subprocess.Popen(["sleep", "60"]) as foreign:
        processes.write_text(f"GPU-aaaa, {foreign.pid}\nGPU-cccc, 1\nno such thing\n")
        lease = Waiter(slots.plan("cuda", threads=1), since=1.0, name="a").poll()
        assert lease is not None
        assert lease.device == "cuda:1"
        second = Waiter(slots.plan("cuda", threads=1), since=2.0, name="b")
        assert second.poll() is None
        # Where two may share a GPU, the other process is one of the two.
        sharing = [Waiter(slots.plan("cuda:0", 1, per_gpu=2), since=1.0, name=name) for name in "cd"]
        leases = [waiter.poll() for waiter in sharing]
        assert [lease and lease.slots for lease in leases] == [("gpu-GPU-aaaa-0",), None]
        foreign.kill()
    for waiter in (second, sharing[1]):
        waiter.close()
    for held in (lease, leases[0]):
        release(held)


def test_own_runs_are_no_strangers_to_their_gpu(nvidia_smi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = Waiter(slots.plan("cuda:0", threads=1, per_gpu=2), since=1.0, name="a").poll()
    assert lease is not None
    # This process has the slot open, as a worker has.
    nvidia_smi.with_name("processes").write_text(f"GPU-aaaa, {os.getpid()}\n")
    second = Waiter(slots.plan("cuda:0", threads=1, per_gpu=2), since=2.0, name="b").poll()
    # A number of another namespace says nothing; the leased slot does.
    nvidia_smi.with_name("processes").write_text("GPU-aaaa, 999999999\n")
    third = Waiter(slots.plan("cuda:0", threads=1, per_gpu=3), since=3.0, name="c").poll()
    for held in (lease, second, third):
        release(held)


def test_higher_priority_goes_first_and_positions_say_so() -> None:
    holder = Waiter(cores(2), since=0.0, name="holder").poll()
    ranks = {"low": -1, "first": 0, "second": 0, "high": 7}
    waiters = {
        name: Waiter(cores(1), since=float(since), name=name, priority=priority)
        for since, (name, priority) in enumerate(ranks.items(), start=1)
    }
    other_line = Waiter(Request("gpu-GPU-aaaa", {"gpu-GPU-aaaa-0": "cuda:0"}, 2), since=9.0, name="20260101-000000-abc")
    order = ["high", "first", "second", "low"]
    expected = {name: place for place, name in enumerate(order, start=1)}
    assert places() == expected | {"20260101-000000-abc": 1}
    release(holder)
    for name in order:
        assert all(waiters[later].poll() is None for later in order[order.index(name) + 1 :])
        release(waiters[name].poll())
    other_line.close()
    assert places() == {}


def test_partitions_stand_for_their_gpu(nvidia_smi: Path) -> None:
    nvidia_smi.write_text(PARTITIONED)
    assert visible_gpus() == ["MIG-1111", "MIG-2222", "GPU-bbbb"]


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ("1", ["GPU-bbbb"]),
        ("1,0", ["GPU-bbbb", "GPU-aaaa"]),
        ("GPU-b", ["GPU-bbbb"]),
        ("", []),
        ("0,-1,1", ["GPU-aaaa"]),
    ],
)
def test_visible_devices_are_heeded(
    nvidia_smi: Path, monkeypatch: pytest.MonkeyPatch, visible: str, expected: list[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert visible_gpus() == expected


@pytest.mark.parametrize("device", ["cuda:2", "tpu", "cuda:", "cuda:-1", ""])
def test_device_that_is_not_there_is_refused(nvidia_smi: Path, device: str) -> None:
    with pytest.raises(InputError, match=f"device '{device}'"):
        slots.plan(device, threads=1)


def test_gpu_without_driver_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(InputError, match="nvidia-smi, which lists GPUs, is not installed"):
        slots.plan("cuda", threads=1)


@pytest.mark.parametrize("device", ["auto", "cuda", "cuda:0"])
def test_nvidia_smi_that_fails_is_not_taken_for_no_gpu(nvidia_smi: Path, device: str) -> None:
    nvidia_smi.with_name("nvidia-smi").write_text("#!/bin/sh\nexit 9\n")
    with pytest.raises(WorkError, match=r"nvidia-smi fails \(exit code 9: it says nothing\)"):
        slots.plan(device, threads=1)
    assert set(slots.plan("cpu", threads=1).devices.values()) == {"cpu"}


def test_no_slot_is_taken_while_nobody_knows_who_computes(nvidia_smi: Path) -> None:
    waiter = Waiter(slots.plan("cuda", threads=1), since=1.0, name="first")
    nvidia_smi.with_name("nvidia-smi").write_text("#!/bin/sh\nexit 9\n")
    with pytest.raises(WorkError, match="nvidia-smi fails"):
        waiter.poll()
    waiter.close()


@pytest.mark.parametrize("text", ["0", "-1", "two", "1e3", "65"])
def test_bad_number_of_runs_per_gpu_is_refused(nvidia_smi: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CRTUI_PER_GPU", text)
    with pytest.raises(InputError, match="CRTUI_PER_GPU"):
        slots.plan("cuda", threads=1)


def test_slot_is_free_again_when_the_last_descriptor_is_closed() -> None:
    lease = Waiter(cores(2), since=1.0, name="first").poll()
    assert lease is not None
    inherited = [os.dup(descriptor) for descriptor in lease.descriptors]
    release(lease)
    second = Waiter(cores(1), since=2.0, name="second")
    assert second.poll() is None
    os.close(inherited[0])
    release(second.poll())
    os.close(inherited[1])


def test_deleted_folder_costs_neither_the_slot_nor_the_place(slot_folder: Path) -> None:
    held = Waiter(cores(1), since=1.0, name="first").poll()
    waiter = Waiter(cores(2), since=2.0, name="second")
    assert waiter.poll() is None
    shutil.rmtree(slot_folder)
    assert held is not None
    slot_folder.mkdir(mode=0o700)
    held.refresh()
    assert waiter.poll() is None
    assert places() == {"second": 1}
    late = Waiter(cores(1), since=3.0, name="third")
    assert late.poll() is None
    held.close()
    second = waiter.poll()
    assert second is not None
    assert set(second.slots) == {"core-0", "core-1"}
    second.close()
    release(late.poll())


def test_wide_run_is_not_overtaken() -> None:
    holders = [Waiter(cores(1), since=1.0, name=name).poll() for name in "ab"]
    wide = Waiter(cores(2), since=2.0, name="wide")
    narrow = Waiter(cores(1), since=3.0, name="narrow")
    release(holders[0])
    assert narrow.poll() is None
    assert wide.poll() is None
    assert narrow.poll() is None
    release(holders[1])
    assert narrow.poll() is None
    lease = wide.poll()
    assert lease is not None
    assert set(lease.slots) == {"core-0", "core-1"}
    assert narrow.poll() is None
    release(lease)
    release(narrow.poll())


def test_late_comer_who_waits_for_longer_is_let_past() -> None:
    holder = Waiter(cores(1), since=0.0, name="holder").poll()
    second = Waiter(cores(2), since=2.0, name="second")
    assert second.poll() is None
    first = Waiter(cores(2), since=1.0, name="first")
    release(holder)
    assert second.poll() is None
    release(first.poll())
    release(second.poll())


def test_waiter_that_was_killed_holds_nobody_up(slot_folder: Path) -> None:
    program = (
        "from engine.launch.slots import *; import time;"
        "waiter = Waiter(Request('cpu', {'core-0': 'cpu', 'core-1': 'cpu'}, 3), 1.0, 'dead'); waiter.poll();"
        "print('waiting', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=_environment()) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"waiting\n"
        waiter = Waiter(cores(1), since=2.0, name="next")
        assert waiter.poll() is None
        process.kill()
    release(waiter.poll())
    assert sorted(path.name for path in slot_folder.iterdir()) == ["core-0", "core-1"]


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(slots.__file__).parents[2])}


def take_turns(folder: Path, number: int, rounds: int) -> None:
    for turn in range(rounds):
        waiter = Waiter(cores(1 + (number + turn) % 2), since=time.time(), name=f"{number}-{turn}")
        while (lease := waiter.poll()) is None:
            time.sleep(0.001)
        for slot in lease.slots:
            # Fails if someone else is in the slot.
            (folder / slot).mkdir()
        time.sleep(0.001)
        for slot in lease.slots:
            (folder / slot).rmdir()
        for descriptor in lease.descriptors:
            os.close(descriptor)


def test_no_slot_is_ever_granted_twice(tmp_path: Path) -> None:
    occupied = tmp_path / "occupied"
    occupied.mkdir()
    processes = [fork.Process(target=take_turns, args=(occupied, number, 20)) for number in range(6)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 6
