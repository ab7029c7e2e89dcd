"""A store that refuses for a while is waited for, and not for ever."""

from __future__ import annotations

import pytest

from engine.errors import InputError, StoreError
from engine.launch.supervising import patience
from engine.launch.supervising.patience import patiently


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
    monkeypatch.setattr(patience.time, "monotonic", lambda: next(now))
    with pytest.raises(StoreError, match="Permission denied"):
        patiently(store, store.waited.append, patience=1000.0)
    assert len(store.waited) == 10


def test_what_will_not_pass_is_not_waited_for() -> None:
    def damaged() -> None:
        raise InputError("state.json is damaged")

    with pytest.raises(InputError):
        patiently(damaged, pytest.fail)
