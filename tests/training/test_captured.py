"""A recorded update against the unrecorded one. The recorder here is not a GPU's but keeps its promise: it runs nothing
while it records, and a replay sees its images and results in the same places every time."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from engine.errors import WorkError
from engine.methods import method_class
from engine.methods.base import Method, Setup
from engine.training.captured import WARM_UP, CapturedUpdate, Program, Scalars

GAN: dict[str, Any] = {
    "generator": {"dense": [8], "channels": [4]},
    "discriminator": {"dense": [8], "channels": [4]},
    "learning_rate_decay_from": 0.2,
}
CASES = {
    "infogan": GAN,
    "infogan-cr": GAN
    | {"contrastive": {"dense": [8], "channels": [4]}, "lambda_cr": [[0, 0.0], [8, 1.0]], "gap": [[0, 0.5], [9, 0.0]]},
    "annealed-vae": {"encoder": {"dense": [8], "channels": []}, "decoder": {"dense": [8], "channels": []}},
    "ib-gan": {
        "generator": {"dense": [8], "channels": []},
        "reconstructor": {"dense": [8], "channels": []},
        "discriminator": {"dense": [8], "channels": []},
        "instance_noise": 0.5,
        "instance_noise_steps": 9,
    },
}
UPDATES = 20


class Recorder:
    """Counts what it records."""

    def __init__(self) -> None:
        self.recorded = 0

    def __call__(self, program: Program, streams: Sequence[torch.Generator]) -> tuple[Callable[[], object], Scalars]:
        self.recorded += 1
        results: Scalars = {}

        def replay() -> None:
            for name, value in program().items():
                if name in results:
                    results[name].copy_(value)  # type: ignore[union-attr]
                else:
                    results[name] = value

        return replay, results


def build(name: str) -> Method:
    cls = method_class(name)
    setup = Setup((8, 8, 1), 1_000, seed=3, total_steps=UPDATES, device=torch.device("cpu"))
    return cls(cls.settings_type(name=name, **CASES[name]), setup)


def images(iteration: int) -> torch.Tensor:
    return torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(iteration))


@pytest.mark.parametrize("name", CASES)
def test_recorded_updates_equal_unrecorded_ones_bit_for_bit(name: str) -> None:
    plain, method, recorder = build(name), build(name), Recorder()
    captured = CapturedUpdate(method, recorder)
    for iteration in range(UPDATES):
        expected = plain.update(images(iteration), iteration)
        found = captured(images(iteration), iteration)
        assert {key: float(value) for key, value in found.items()} == {
            key: float(value) for key, value in expected.items()
        }
    for a, b in zip(method.networks.state_dict().values(), plain.networks.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    assert recorder.recorded > 0


def test_each_phase_is_recorded_once_after_its_warm_up() -> None:
    recorder = Recorder()
    captured = CapturedUpdate(build("infogan-cr"), recorder)
    recorded = []
    for iteration in range(UPDATES):
        captured(images(iteration), iteration)
        recorded.append(recorder.recorded)
    # lambda_cr changes at 8 and the gap at 9, before its phase is warm.
    first, second = WARM_UP, 9 + WARM_UP
    assert recorded == [0] * first + [1] * (second - first) + [2] * (UPDATES - second)


def test_another_batch_size_is_another_program() -> None:
    recorder = Recorder()
    captured = CapturedUpdate(build("infogan"), recorder)
    for iteration in range(WARM_UP + 1):
        captured(images(iteration), iteration)
    captured(images(9)[:4], WARM_UP + 1)
    assert recorder.recorded == 1


def test_without_a_gpu_nothing_is_recorded() -> None:
    plain, captured = build("infogan"), CapturedUpdate(build("infogan"))
    for iteration in range(WARM_UP + 2):
        expected, found = plain.update(images(iteration), iteration), captured(images(iteration), iteration)
        assert float(found["loss_generator"]) == float(expected["loss_generator"])


def test_what_cannot_be_recorded_is_said_with_the_way_round_it() -> None:
    def refuse(program: Program, streams: Sequence[torch.Generator]) -> tuple[Callable[[], object], Scalars]:
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nmore")

    captured = CapturedUpdate(build("infogan"), refuse)
    for iteration in range(WARM_UP):
        captured(images(iteration), iteration)
    with pytest.raises(WorkError, match=r"not permitted when stream is capturing\); resume with training.cuda_graph"):
        captured(images(WARM_UP), WARM_UP)
