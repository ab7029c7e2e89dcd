"""What Linux lists of its processors, and systems that list nothing."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.machine import processor


@pytest.fixture(autouse=True)
def linux(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty list of processors, on Linux."""
    listing = tmp_path / "cpuinfo"
    fake = SimpleNamespace(system=lambda: "Linux", processor=lambda: "", machine=lambda: "x86_64")
    monkeypatch.setattr(processor, "_CPUINFO", listing)
    monkeypatch.setattr(processor, "platform", fake)
    return listing


def test_the_first_processor_counts(linux: Path) -> None:
    linux.write_text(
        "processor\t: 0\nmodel name\t: AMD EPYC 9R14\nflags\t\t: fpu amx_bf16\n\nprocessor\t: 1\nflags\t\t: fpu\n"
    )
    assert processor.processor_flags.__wrapped__() == {"fpu", "amx_bf16"}
    assert processor.processor_name.__wrapped__() == "AMD EPYC 9R14"


def test_without_a_list_the_architecture_is_the_name() -> None:
    assert processor.processor_flags.__wrapped__() == frozenset()
    assert processor.processor_name.__wrapped__() == "x86_64"
