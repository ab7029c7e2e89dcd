"""Who holds what a run waits for."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from pathlib import Path

import pytest

from engine.launch import slot_folder as slot_folders
from engine.launch.owners import Owner, read_owner, write_owner
from engine.launch.slots import Request, Waiter
from engine.launch.waits import Holder, Wait, waits
from engine.storage.store import Store

OURS, THEIRS = "20260101-000000-abc", "20260101-000000-def"


@pytest.fixture(autouse=True)
def slot_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(slot_folders.FOLDER_VARIABLE, str(tmp_path / "slots"))
    return slot_folders.slot_folder()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


def cores(wanted: int, of: int = 3) -> Request:
    return Request("cpu", {f"core-{i}": "cpu" for i in range(of)}, wanted)


def test_a_waiting_run_knows_the_store_and_run_of_those_who_hold_its_device(store: Store) -> None:
    theirs = Owner(THEIRS, "theirs", "/home/other/store")
    ours = Owner(OURS, "ours", str(store.root))
    with contextlib.ExitStack() as held:
        for owner, count in ((theirs, 2), (ours, 1)):
            lease = Waiter(cores(count), since=1.0, name=owner.run, owner=owner).poll()
            assert lease is not None
            held.enter_context(contextlib.closing(lease))
        waiter = held.enter_context(contextlib.closing(Waiter(cores(1), since=2.0, name="late")))
        assert waiter.poll() is None
        [wait] = waits().values()
        assert wait == Wait(1, "cpu", (Holder(2, theirs), Holder(1, ours)))
        assert wait.sentence(store) == (
            f"first in line for cores, held by theirs ({THEIRS}) of the store /home/other/store and ours"
        )
        assert wait.holders[0].to_json() == {"run": THEIRS, "name": "theirs", "store": "/home/other/store", "slots": 2}
    assert waits() == {}


def test_those_who_wait_for_several_slots_do_not_wait_for_themselves() -> None:
    lease = Waiter(cores(1), since=1.0, name="holder").poll()
    assert lease is not None
    wide, narrow = Waiter(cores(3), since=2.0, name="wide"), Waiter(cores(1), since=3.0, name="narrow")
    with contextlib.closing(lease), contextlib.closing(wide), contextlib.closing(narrow):
        assert wide.poll() is None
        found = waits()
        assert found["wide"].holders == (Holder(1, Owner("holder")),)
        assert {holder.owner.run: holder.slots for holder in found["narrow"].holders if holder.owner} == {
            "holder": 1,
            "wide": 2,
        }


def test_programs_without_a_slot_are_named_as_such(store: Store) -> None:
    slot = "gpu-GPU-aaaa-0"
    request = Request("gpu", {slot: "cuda:0"}, 1, taken=lambda: frozenset({slot}))
    with contextlib.closing(Waiter(request, since=1.0, name="a")) as waiter:
        assert waits()["a"].sentence(store) == "first in line for GPUs"
        assert waiter.poll() is None
        assert waits()["a"].sentence(store) == "first in line for GPUs, held by programs other than crtui"


def test_many_holders_are_counted(store: Store) -> None:
    holders = tuple(Holder(1, Owner(f"r{number}", store=str(store.root))) for number in range(6))
    sentence = Wait(2, "cpu", holders).sentence(store)
    assert sentence == "number 2 in line for cores, held by r0, r1, r2, r3 and 2 more"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"run": 1, "name": "", "store": "", "others": 0}', b"\xff\0"])
def test_a_holder_that_does_not_say_who_it_is_is_no_error(slot_folder: Path, content: bytes) -> None:
    lease = Waiter(cores(3), since=1.0, name="holder").poll()
    assert lease is not None
    (slot_folder / "core-0").write_bytes(content)
    with contextlib.closing(lease), contextlib.closing(Waiter(cores(1), since=2.0, name="late")):
        assert Holder(1, None) in waits()["late"].holders


def test_an_owner_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "core-0"
    for owner in (Owner("r", "a name \n with \udcff", "/s", 3), Owner("shorter")):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
        write_owner(descriptor, owner)
        os.close(descriptor)
        assert dataclasses.asdict(read_owner(path) or Owner("")) == dataclasses.asdict(owner)
