"""When the dashboard looks for garbage."""

from __future__ import annotations

import gc
import sys
import weakref
from subprocess import run

from cr_tui.dashboard.garbage_collection import GarbageCollector


class Knot:
    """Refers to itself, so that only a search finds it once nobody else refers to it."""

    def __init__(self) -> None:
        self.itself = self


def test_young_garbage_goes_at_every_sweep() -> None:
    collector = GarbageCollector(0.0)
    collector.collect(0.0)
    knot = weakref.ref(Knot())
    gc.disable()
    try:
        collector.collect(1.0)
    finally:
        gc.enable()
    assert knot() is None


def test_everything_is_searched_only_when_nobody_is_there_and_seldom() -> None:
    collector = GarbageCollector(0.0)
    collector.collect(0.0)
    collector.user_is_active(100.0)
    looked = {now: collector.collect(float(now)) for now in (119, 121, 123, 240, 242)}
    assert looked == {119: 1, 121: 2, 123: 1, 240: 1, 242: 2}
    collector.user_is_active(500.0)
    assert collector.collect(501.0) == 1


def test_python_itself_no_longer_interrupts() -> None:
    look = "print(gc.isenabled(), gc.get_freeze_count() > 0)"
    code = f"import sys; sys.path[:] = {sys.path!r}\nimport gc\nfrom cr_tui.dashboard import garbage_collection\n"
    done = run([sys.executable, "-c", f"{code}garbage_collection.take_over(); {look}"], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"], done.stderr
