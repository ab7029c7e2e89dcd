"""Runs that start from another run's checkpoint."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from engine.errors import InputError
from engine.launch import worker
from engine.runs.branching import find_trunk
from engine.runs.events import read_events
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders, run_folders
from engine.runs.specification.resolving import resolve
from engine.runs.specification.spec import BranchSettings, RunSpec
from engine.storage.store import Store
from engine.training import checkpoints

SETTINGS = ("checkpoint_every=4", "log_every=2", "score_every=0", "batch_size=8")
NEVER: Any = SimpleNamespace(requested=False)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


def make(store: Store, specs: list[RunSpec]) -> list[RunFolder]:
    made = create_run_folders(store, specs)
    for _, lease in made:
        os.close(lease)
    Registry(store).add_runs(folder for folder, _ in made)
    return [folder for folder, _ in made]


def specification(*overrides: str, **more: Any) -> list[RunSpec]:
    flags = {"training.steps": 8, "threads": 1, "device": "cpu", "name": "trunk"} | more.pop("flags", {})
    return resolve(overrides=[*SETTINGS, *overrides], flags=flags, **more)


@pytest.fixture
def trunk(store: Store) -> RunFolder:
    (folder,) = make(store, specification("lambda_cr=0", "learning_rate_decay_from=1", "precision=bfloat16"))
    worker.run(folder, NEVER)
    return folder


def branches(store: Store, reference: str, **more: Any) -> list[RunSpec]:
    trunk, branch = find_trunk(store, reference)
    return resolve(like=trunk, branch=branch, **more)


def weights(folder: RunFolder, step: int) -> dict[str, torch.Tensor]:
    return checkpoints.load(folder.checkpoints / f"step-{step:08d}").weights()


def test_a_branch_has_the_settings_of_its_trunk_but_for_what_is_given(store: Store, trunk: RunFolder) -> None:
    given = {"overrides": ["lambda_cr=[[0,0],[8,1.5]]"], "flags": {"training.steps": 12, "name": "branch"}}
    (spec,) = branches(store, "trunk", **given)
    old, new = trunk.spec().model_dump(mode="json"), spec.model_dump(mode="json")
    assert new["branch"] == {"run": trunk.id, "step": 8}
    assert new["method"].pop("lambda_cr") == [[0, 0.0], [8, 1.5]]
    assert (new["name"], new["group"], new["training"].pop("steps")) == ("branch", None, 12)
    for tree in (old, new):
        tree["method"].pop("lambda_cr", None)
        tree["training"].pop("steps", None)
        for key in ("name", "group", "branch"):
            del tree[key]
    assert new == old


def test_a_branch_that_changes_nothing_is_the_trunk_trained_on(store: Store, trunk: RunFolder) -> None:
    (longer,) = make(store, specification("lambda_cr=0", "learning_rate_decay_from=1", "precision=bfloat16",
                                          flags={"training.steps": 12, "name": "longer"}))  # fmt: skip
    worker.run(longer, NEVER)
    (branch,) = make(store, branches(store, f"{trunk.id}@8", flags={"training.steps": 12, "name": "branch"}))
    assert worker.run(branch, NEVER).step == 12
    ours, expected = weights(branch, 12), weights(longer, 12)
    assert all(torch.equal(ours[name], expected[name]) for name in expected)
    steps = [row["step"] for row in read_events(branch.events_path, kinds=["train"]).rows]
    assert steps == [10, 12]


def test_an_earlier_checkpoint_can_be_named_and_a_sweep_branches_as_often(store: Store, trunk: RunFolder) -> None:
    specs = branches(store, "trunk@4", sweep=["lambda_cr=0,2"], flags={"training.steps": 6, "name": "arm"})
    folders = make(store, specs)
    assert [spec.name for spec in specs] == ["arm-lambda_cr-0-s0", "arm-lambda_cr-2-s0"]
    for folder in folders:
        start = weights(folder, 4)
        assert all(torch.equal(start[name], tensor) for name, tensor in weights(trunk, 4).items())
        assert worker.run(folder, NEVER).step == 6


def test_the_trunk_may_be_deleted_once_its_branch_is_made(store: Store, trunk: RunFolder) -> None:
    (branch,) = make(store, branches(store, "trunk", flags={"training.steps": 9}))
    trunk.delete()
    assert worker.run(branch, NEVER).step == 9


def test_a_branch_of_what_is_gone_leaves_nothing_behind(store: Store, trunk: RunFolder) -> None:
    specs = branches(store, "trunk", flags={"training.steps": 9})
    trunk.delete()
    with pytest.raises(InputError, match="which a branch is to start from, is gone"):
        create_run_folders(store, specs)
    assert run_folders(store) == []


def test_a_linked_file_is_not_copied(store: Store, trunk: RunFolder, tmp_path: Path) -> None:
    specs = branches(store, "trunk", flags={"training.steps": 9})
    secret = tmp_path / "private"
    secret.write_text("private")
    path = trunk.checkpoints / "step-00000008" / checkpoints.WEIGHTS
    path.unlink()
    path.symlink_to(secret)
    with pytest.raises(InputError, match=r"weights\.safetensors cannot be copied: it is a symbolic link"):
        create_run_folders(store, specs)
    assert not any(
        "private" in p.read_text(errors="replace") for p in store.root.rglob("*") if p.is_file() and not p.is_symlink()
    )


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("trunk@5", "has no checkpoint at step 5 (there: 4, 8)"),
        ("trunk@x", "'trunk@x' is not RUN@STEP: 'x' is no number of updates"),
        ("nobody", "nobody"),
    ],
)
def test_what_cannot_be_branched_off_is_one_sentence(
    store: Store, trunk: RunFolder, reference: str, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        find_trunk(store, reference)
    assert message in str(caught.value)


def test_a_run_without_checkpoint_has_no_branch(store: Store) -> None:
    make(store, specification())
    with pytest.raises(InputError, match="has no checkpoint yet, so nothing can branch off it"):
        find_trunk(store, "trunk")


def test_a_branch_must_be_longer_than_its_trunk(store: Store, trunk: RunFolder) -> None:
    with pytest.raises(InputError, match=r"training\.steps is 8, but the branch starts at step 8"):
        branches(store, "trunk")


@pytest.mark.parametrize(
    "other",
    [{"method": "beta-vae"}, {"data": "dsprites"}, {"overrides": ["data.name=cdsprites"]}, {"preset": "paper"}],
)
def test_a_branch_keeps_method_and_data(store: Store, trunk: RunFolder, other: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="a branch of 'trunk' has"):
        branches(store, "trunk", **({"flags": {"training.steps": 12}} | other))


def test_networks_that_do_not_fit_are_named(store: Store, trunk: RunFolder) -> None:
    (branch,) = make(store, branches(store, "trunk", overrides=["codes=3"], flags={"training.steps": 12}))
    with pytest.raises(InputError, match="does not fit"):
        worker.run(branch, NEVER)


def test_a_branch_is_written_as_a_run_and_a_step() -> None:
    with pytest.raises(InputError, match="branch"):
        resolve(flags={"branch": "trunk"})
    assert BranchSettings(run="r", step=1).model_dump() == {"run": "r", "step": 1}
