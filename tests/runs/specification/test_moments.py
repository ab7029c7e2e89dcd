"""What depends on a run's length: warnings, branches, and one method trained with shares and with iterations."""

from __future__ import annotations

import json

import pytest
import torch

from engine.errors import InputError
from engine.methods import METHODS, method_class
from engine.methods.base import Setup
from engine.runs.specification.moments import fixed, never_reached
from engine.runs.specification.resolving import resolve, validate
from engine.runs.specification.spec import BranchSettings


def late(*overrides: str, method: str = "infogan-cr", steps: int = 120, preset: str = "paper") -> list[str]:
    spec = resolve(method, preset=preset, overrides=overrides, flags={"training.steps": steps})[0]
    return never_reached(spec.method, spec.training.steps)


@pytest.mark.parametrize("method", METHODS)
def test_no_preset_has_a_change_that_never_comes_however_short_the_run(method: str) -> None:
    for preset in method_class(method).presets:
        for steps in (120, None):
            flags = {"training.steps": steps}
            spec = resolve(method, preset=preset, data="my-photos", flags=flags)[0]
            assert never_reached(spec.method, spec.training.steps) == []


def test_an_iteration_that_never_comes_is_named_with_what_the_value_stays_and_a_share_that_would_do() -> None:
    [sentence] = late("lambda_cr=[[0, 0], [288000, 2]]")
    assert sentence.startswith("lambda_cr changes at 288,000, but the run ends after 120 updates: it stays 0")
    assert '[[0, 0], ["90%", 2]]' in sentence
    assert late("lambda_cr=[[0, 0], [119, 2]]") == []
    assert len(late("lambda_cr=[[0, 0], [120, 2]]")) == 1


@pytest.mark.parametrize(("method", "key"), [("annealed-vae", "threshold"), ("ib-gan", "instance_noise_steps")])
def test_what_takes_longer_than_the_run_is_named(method: str, key: str) -> None:
    [sentence] = late(f"{key}=100000", method=method)
    assert sentence.startswith(f"{key} is 100,000, but the run ends after 120 updates")
    assert late(f"{key}=50%", method=method) == []
    with pytest.raises(InputError, match="must be 1 or more, or a share above 0%"):
        late(f"{key}=0%", method=method)


def test_shares_and_iterations_that_cross_are_refused() -> None:
    overrides = ["lambda_cr=[[0, 0], [100, 1], ['50%', 2]]"]
    assert resolve(overrides=overrides, flags={"training.steps": 400})
    with pytest.raises(InputError, match=r"^method\.lambda_cr: iterations must ascend.* 0, 100, 50 \(50%\)"):
        resolve(overrides=overrides, flags={"training.steps": 100})


def test_an_unquoted_share_is_answered_with_how_it_is_written() -> None:
    with pytest.raises(InputError, match='may be a share such as "90%"'):
        resolve(overrides=["lambda_cr=[[0,0],[90%,2]]"])


def test_a_branch_keeps_the_iterations_of_its_trunk_and_a_repetition_keeps_the_shares() -> None:
    trunk = resolve(preset="quick", flags={"name": "trunk"})[0]
    longer = {"training.steps": 8_000}
    [branch] = resolve(like=trunk, branch=BranchSettings(run="20260101-000000-abcdef", step=2_000), flags=longer)
    [repeated] = resolve(like=trunk, flags=longer)
    assert branch.method.lambda_cr.over(8_000).turning_points == (1_500,)
    assert repeated.method.lambda_cr.over(8_000).turning_points == (3_000,)


def test_a_specification_written_with_iterations_is_still_valid() -> None:
    tree = json.loads(resolve("annealed-vae", preset="paper")[0].model_dump_json())
    tree["method"]["threshold"] = 100_000
    assert validate(tree).method.threshold.in_run_of(7) == 100_000
    tree = json.loads(resolve("infogan-cr", preset="paper")[0].model_dump_json())
    tree["method"]["lambda_cr"] = [[0, 0.0], [288_000, 2.0]]
    assert validate(tree).model_dump(mode="json")["method"]["lambda_cr"] == [[0, 0.0], [288_000, 2.0]]


@pytest.mark.parametrize(
    ("method", "share", "iteration"),
    [
        ("infogan-cr", "lambda_cr=[[0, 0], ['50%', 1]]", "lambda_cr=[[0, 0], [3, 1]]"),
        ("annealed-vae", "threshold=50%", "threshold=3"),
        ("ib-gan", "instance_noise_steps=50%", "instance_noise_steps=3"),
    ],
)
def test_a_share_trains_bit_for_bit_as_its_iteration(method: str, share: str, iteration: str) -> None:
    ends = []
    for override in (share, iteration):
        spec = resolve(method, preset="quick", overrides=[override], flags={"training.steps": 6})[0]
        setup = Setup((16, 16, 1), images=64, seed=0, total_steps=6, device=torch.device("cpu"))
        trained = method_class(method)(spec.method, setup)
        draws = torch.Generator().manual_seed(1)
        for number in range(6):
            trained.update(torch.rand(4 * trained.batches_per_update, 1, 16, 16, generator=draws), number)
        ends.append(trained.networks.state_dict())
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_fixing_leaves_all_else_alone() -> None:
    spec = resolve("infogan-cr", preset="paper")[0]
    before, after = spec.method.model_dump(), fixed(spec.method, 322_560).model_dump()
    assert {key for key in before if before[key] != after[key]} == {"lambda_cr"}
