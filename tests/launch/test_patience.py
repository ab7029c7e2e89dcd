"""A store that refuses for a while is waited for, and not for ever."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from engine.errors import InputError, StoreError
from engine.launch import patience
from engine.launch.patience import Patience, patiently


class Refusing:
    """A store that refuses some times."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.waited: list[float] = []

    def __call__(self) -> str:
        if len(self.waited) < self.times:
            raise StoreError("state.json cannot be read: Permission denied")
        return "read"


def test_it_asks_again_less_and_less_often_and_says_so_once(capfd: pytest.CaptureFixture[str]) -> None:
    store = Refusing(8)
    assert patiently(store, store.waited.append) == "read"
    assert store.waited == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert capfd.readouterr().out.count("waiting until the store answers again") == 1


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Refusing(10**9)
    now = iter(range(0, 10**6, 100))
    monkeypatch.setattr(patience, "time", SimpleNamespace(monotonic=lambda: next(now)))
    with pytest.raises(StoreError, match="Permission denied"):
        patiently(store, store.waited.append, patience=1000.0)
    # From the first refusal on.
    assert len(store.waited) == 11


def test_once_it_is_over_nobody_waits_anew_until_something_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(0, 10**6, 100))
    monkeypatch.setattr(patience, "time", SimpleNamespace(monotonic=lambda: next(now)))
    waits = Patience("worker", lambda seconds: None, seconds=1000.0)
    for at_once in (False, True):
        store = Refusing(10**9)
        waits._wait = store.waited.append
        with pytest.raises(StoreError):
            waits(store)
        assert (store.waited == []) is at_once
    assert waits(lambda: "read") == "read"
    assert waits.waited == 0
    store = Refusing(3)
    waits._wait = store.waited.append
    assert waits(store) == "read"
    assert waits.waited > 0


def test_what_is_in_vain_is_not_waited_for() -> None:
    waits = Patience("worker", pytest.fail, in_vain=lambda error: "Permission" in str(error))
    with pytest.raises(StoreError, match="Permission denied"):
        waits(Refusing(1))


def test_what_will_not_pass_is_not_waited_for() -> None:
    def damaged() -> None:
        raise InputError("state.json is damaged")

    with pytest.raises(InputError):
        patiently(damaged, pytest.fail)
