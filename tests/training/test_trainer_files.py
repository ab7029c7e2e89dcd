"""The state of a trainer comes back as it was, and no file of one can be code."""

from __future__ import annotations

import io
import json
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save

from engine.errors import InputError
from engine.training import checkpoints
from engine.training.checkpoints import describe_file
from engine.training.trainer_files import read_state, write_state


def state() -> dict[str, Any]:
    network = torch.nn.Linear(3, 2)
    optimiser = torch.optim.Adam(network.parameters(), betas=(0.5, 0.999))
    network(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    return {
        "optimiser": optimiser.state_dict(),
        "generator": torch.Generator().manual_seed(3).get_state(),
        "python": random.Random(5).getstate(),
        "numpy": np.random.PCG64(7).state,
        "odd": [None, True, 1.5e-300, float("inf"), 2**127, "\u2028", (), {}, torch.tensor(3), torch.empty(0, 2)],
    }


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def written(content: dict[str, Any]) -> io.BytesIO:
    file = io.BytesIO()
    write_state(content, file)
    file.seek(0)
    return file


def test_everything_comes_back_in_its_type() -> None:
    before = state()
    assert same(before, read_state(written(before)))


def test_tensors_that_share_memory_are_written_each() -> None:
    whole = torch.arange(6.0)
    file = written({"a": whole, "b": whole[2:], "c": whole.view(2, 3).T})
    assert torch.equal(read_state(file)["c"], whole.view(2, 3).T)


def test_what_is_no_plain_data_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot hold ndarray"):
        written({"x": np.zeros(3)})


@pytest.mark.parametrize(
    "header",
    [
        *("", "[]", "1", "[" * 100_000, '{"tensor": "9"}', '{"code": "x"}', '{"a": 1, "b": 2}'),
        *('{"mapping": [[{"list": []}, 1]]}', '{"mapping": 3}', '{"mapping": [[1]]}'),
    ],
)
def test_a_header_that_makes_no_sense_is_one_sentence(header: str) -> None:
    content = save({"0": torch.zeros(2)}, metadata={"state": header})
    with pytest.raises(InputError, match="does not hold the state of a trainer"):
        read_state(io.BytesIO(content))


@pytest.mark.parametrize("content", [b"", b"nonsense", pickle.dumps({"a": 1})])
def test_another_file_is_one_sentence(content: bytes) -> None:
    with pytest.raises(InputError, match="does not hold the state of a trainer"):
        read_state(io.BytesIO(content))


def test_checkpoints_of_format_1_are_read(tmp_path: Path) -> None:
    saved = checkpoints.save(tmp_path, 3, {"a": torch.ones(2)}, state(), {}, milestone=False)
    manifest = json.loads((saved.path / "manifest.json").read_text())
    (saved.path / checkpoints.TRAINER).unlink()
    torch.save(state(), saved.path / checkpoints.PICKLED_TRAINER)
    manifest["format"] = 1
    manifest["files"].pop(checkpoints.TRAINER)
    manifest["files"][checkpoints.PICKLED_TRAINER] = describe_file(saved.path / checkpoints.PICKLED_TRAINER)
    (saved.path / "manifest.json").write_text(json.dumps(manifest))
    read = checkpoints.load(saved.path)
    assert read.format == 1
    assert list(read.trainer_state()) == list(state())


def test_no_file_of_a_checkpoint_is_a_pickle(tmp_path: Path) -> None:
    saved = checkpoints.save(tmp_path, 3, {"a": torch.ones(2)}, state(), {}, milestone=False)
    assert {path.name for path in saved.path.iterdir()} == {
        "manifest.json",
        "trainer.safetensors",
        "weights.safetensors",
    }
