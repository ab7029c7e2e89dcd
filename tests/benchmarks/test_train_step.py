"""The benchmark of one iteration: its plain twins compute what the engine does, its operations and ratios are right."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import step_equality
import step_operations
import step_task
import train_step
from engine.methods.base import Method, Setup
from engine.methods.factor_vae import FactorVAE, FactorVAESettings
from engine.methods.infogan_cr import InfoGANCR, InfoGANCRSettings
from step_task import PLAIN, Task
from train_step import Comparison

SIDE = 16
BATCH = 8


@pytest.fixture
def double_precision() -> Iterator[None]:
    """Adam divides tiny gradients by tiny moments: only double precision tells a wrong formula from a rounding."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def setup_of(channels: int) -> Setup:
    return Setup((SIDE, SIDE, channels), images=1_000, seed=3, total_steps=100, device=torch.device("cpu"))


def small_celeba(lambda_cr: float) -> InfoGANCR:
    """The preset for CelebA with few channels."""
    preset = InfoGANCR.presets["paper-celeba"].method
    halving = {"channels": [4, 6, 8]}
    settings = InfoGANCRSettings(
        **{
            **preset,
            "noise": 3,
            "generator": {**preset["generator"], "dense": [16], "start_channels": 8, "channels": [6, 4]},
            "discriminator": {**preset["discriminator"], **halving},
            "contrastive": {**preset["contrastive"], **halving},
            "lambda_cr": lambda_cr,
        }
    )
    return InfoGANCR(settings, setup_of(3))


def small_factor_vae() -> FactorVAE:
    settings = FactorVAESettings(
        codes=4,
        encoder={"dense": [12], "channels": [4, 6]},
        decoder={"dense": [10], "channels": [6, 4]},
        discriminator_hidden=[12, 11],
    )
    return FactorVAE(settings, setup_of(1))


def both_iterate(method: Method, plain: Any, number: int, *weight: float) -> None:
    """One iteration of each on the same draws, with the same losses."""
    images = torch.rand(BATCH, *reversed(method.setup.image_shape), generator=torch.Generator().manual_seed(number))
    draws = step_task.next_draws(method, BATCH)
    found = method.update(images, number)
    for name, loss in plain.iterate(step_task.seen_by_plain(method, images), *draws, *weight).items():
        torch.testing.assert_close(found[name], loss, rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize(
    ("method", "weight"),
    [(small_celeba, (0.0,)), (small_celeba, (1.0,)), (small_factor_vae, ())],
    ids=["celeba without regulariser", "celeba", "factor-vae"],
)
def test_the_plain_twin_equals_the_engine(method: Any, weight: tuple[float, ...]) -> None:
    trained = method(*weight)
    # Large weights make every term matter: at the initial 0.02 most gradients vanish.
    with torch.no_grad():
        for parameter in trained.networks.parameters():
            if parameter.dim() > 1:
                parameter.mul_(10)
    plain = step_task.plain_twin(trained)
    for number in range(3):
        both_iterate(trained, plain, number, *weight)
    for ours, theirs in plain.origins:
        # The moving statistics of H serve nobody, and the engine does not move them.
        if not any(ours is buffer for name, buffer in trained.networks.named_buffers() if "trunk.norms" in name):
            torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-9)
    trained.update(torch.rand(BATCH, *reversed(trained.setup.image_shape)), 3)
    step_equality.follow(trained, plain)
    both_iterate(trained, plain, 4, *weight)


def test_a_plain_pair_shares_its_noise_and_one_code() -> None:
    plain = step_task.plain_twin(small_celeba(1.0))
    latent, first, second, shared = plain.draw(BATCH, torch.device("cpu"))
    assert latent.shape == first.shape == (BATCH, plain.inputs)
    same = first == second
    assert same[:, plain.codes :].all()
    assert torch.equal(same[:, : plain.codes], torch.nn.functional.one_hot(shared, plain.codes).bool())


@pytest.mark.parametrize(
    ("networks", "lambda_cr"),
    [("dsprites", 0.0), ("dsprites", 2.0), ("factor-vae", None), ("celeba", 0.0), ("celeba", 1.0)],
)
def test_the_operations_needed_are_about_those_that_the_engine_does(networks: str, lambda_cr: float | None) -> None:
    method, _ = Task(networks, lambda_cr, None, PLAIN, 1, "cpu").build()
    images = step_task.squares(2, method.setup.image_shape, torch.Generator())
    with FlopCounterMode(display=False) as counter:
        method.update(images, 0)
    # The counter sees products with weights in spectral normalisation and Q's answers to real images as well.
    assert step_operations.needed_gflop(method, 2, lambda_cr) == pytest.approx(
        counter.get_total_flops() / 1e9, rel=1e-2
    )


def test_the_ratio_is_the_median_of_pairs_of_turns() -> None:
    comparison = Comparison.of([4.0, 9.0, 8.0], [2.0, 3.0, 8.0], floor=0.5)
    assert (comparison.plain_ms, comparison.engine_ms, comparison.floor_ms) == (8_000, 3_000, 500)
    assert (comparison.lowest, comparison.ratio, comparison.highest) == (1, 2, 3)


def test_squares_are_white_on_black_unless_there_are_colours() -> None:
    white = step_task.squares(BATCH, (SIDE, SIDE, 1), torch.Generator().manual_seed(0))
    assert set(white.unique().tolist()) == {0.0, 1.0}
    coloured = step_task.squares(BATCH, (SIDE, SIDE, 3), torch.Generator().manual_seed(0))
    assert coloured.shape == (BATCH, 3, SIDE, SIDE)
    assert coloured.max() <= 1


def test_a_process_of_the_engine_is_settled_and_a_plain_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"):
        monkeypatch.delenv(name, raising=False)
    of_plain, of_engine = (
        train_step.environment_of(Task("dsprites", 0.0, 2, precision, 2, "cpu")) for precision in (PLAIN, "float32")
    )
    assert of_plain == dict(os.environ)
    assert of_engine.keys() - of_plain.keys() == {"OMP_NUM_THREADS", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"}


def test_a_process_is_settled_before_torch_is_imported() -> None:
    code = "import sys, train_step; sys.exit('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], cwd=Path(train_step.__file__).parent, check=False).returncode == 0
    )


def test_both_processes_take_turns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "step.json"
    options = ["--iterations", "4", "--turn", "2", "--batch", "2", "--threads", "1", "--json", str(file)]
    train_step.main(["--networks", "factor-vae", "--precision", "float32", *options])
    figures = json.loads(file.read_text())
    assert figures["machine"]["threads"] == 1
    (row,) = figures["rows"]
    assert (row["networks"], row["batch"], row["precision"]) == ("factor-vae", 2, "float32")
    assert len(row["wall"]["plain_turns_ms"]) == len(row["processor"]["engine_turns_ms"]) == 2
    assert row["processor"]["floor_ms"] > 0
    assert "x floor" in capsys.readouterr().out


def test_equality_compares_each_loss_from_the_same_and_from_its_own_state(tmp_path: Path) -> None:
    file = tmp_path / "equality.json"
    options = ["--equality", "2", "--batch", "2", "--threads", "1", "--json", str(file)]
    train_step.main(["--networks", "factor-vae", *options])
    rows = json.loads(file.read_text())["differences"]
    compared = {(*row["compared"], row["from"]) for row in rows}
    assert compared == {
        ("float32", "plain", "same state"),
        ("float32", "plain", "own state"),
        ("nudged", "plain", "own state"),
        ("bfloat16", "float32", "same state"),
        ("bfloat16", "float32", "own state"),
    }
    assert {row["loss"] for row in rows} >= {"loss", "kl", "loss_discriminator"}
    assert all(row["largest"]["2"] < 1e-4 for row in rows if row["compared"][0] == "float32")
