"""Which device computes, and what is said where nobody knows whether there is a GPU."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engine.errors import InputError, WorkError
from engine.machine.devices import given_device, usable_device

ROOT = Path(__file__).parents[2]


@pytest.fixture
def _no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.parametrize("name", ["cpu", "cpu:0", "auto"])
def test_devices_that_are_there(name: str) -> None:
    assert usable_device(name).split(":")[0] in ("cpu", "cuda")


@pytest.mark.parametrize("name", ["cpu:1", "cuda:99", "cuda:x", "", "gpu"])
def test_devices_that_are_not(name: str) -> None:
    with pytest.raises(InputError, match="not available here"):
        usable_device(name)


@pytest.mark.usefixtures("_no_cuda")
@pytest.mark.parametrize("choose", [usable_device, given_device])
def test_auto_is_no_guess(
    fake_nvidia_smi: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, choose: Callable[[str], str]
) -> None:
    fake_nvidia_smi("echo 'no driver'; exit 9")
    with pytest.raises(WorkError, match=r"nvidia-smi fails \(exit code 9: no driver\).*--device cpu"):
        choose("auto")
    assert choose("cpu") == "cpu"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert choose("auto") == "cpu"


@pytest.mark.usefixtures("_no_cuda")
def test_a_gpu_that_pytorch_cannot_use_is_told(fake_nvidia_smi: Callable[[str], None]) -> None:
    fake_nvidia_smi("echo 'GPU 0: NVIDIA A100 (UUID: GPU-aaaa)'")
    with pytest.raises(WorkError, match=r"lists GPU-aaaa, but PyTorch .* cannot use it; .* --device cpu"):
        usable_device("auto")


@pytest.mark.usefixtures("_no_cuda")
def test_auto_is_the_processor_where_there_is_no_gpu(fake_nvidia_smi: Callable[[str], None]) -> None:
    fake_nvidia_smi("echo 'No devices were found'; exit 6")
    assert usable_device("auto") == "cpu"


def test_nothing_else_asks_pytorch_whether_there_is_a_gpu() -> None:
    asking = re.compile(r"cuda\.is_available")
    files = [path for package in ("engine", "cr_tui") for path in (ROOT / package).rglob("*.py")]
    assert [path.name for path in files if asking.search(path.read_text())] == ["devices.py"]
