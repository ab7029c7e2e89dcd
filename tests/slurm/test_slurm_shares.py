"""A pool compared in a job array."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from engine.choosing.choose import select_runs
from engine.choosing.slurm_shares import compare_shares
from engine.errors import InputError, WorkError
from engine.launch.worker import main as train
from engine.runs.catalogue import RunRecord, list_runs, look_at
from engine.runs.run_folders import create_run_folders
from engine.runs.specification.resolving import resolve
from engine.runs.specification.slurm_settings import SlurmSettings, parse_slurm
from engine.runs.state import Status
from engine.storage.store import Store

from .cluster import Cluster
from .conftest import FakeSlurm, toy

SMALL = SlurmSettings(cpus=1, memory="1G")


def pool_of(store: Store, specs: list[object]) -> list[RunRecord]:
    for folder, lease in create_run_folders(store, specs):  # type: ignore[arg-type]
        os.close(lease)
        folder.update_state(lambda state: state.ended_as(Status.FINISHED))
    return list_runs(store)


def in_background(fake: FakeSlurm, state: str) -> None:
    """Let every job end as soon as it is submitted."""
    sbatch = fake.programs / "sbatch"
    sbatch.write_text(sbatch.read_text().replace("PENDING", state))


def test_each_task_is_given_its_share(fake: FakeSlurm, store: Store, tmp_path: Path) -> None:
    in_background(fake, "COMPLETED")
    records = pool_of(store, [toy(), toy()])
    seen: list[tuple[str, int, int]] = []
    settings = SlurmSettings(partition="gpu", cpus=2)
    compare_shares(
        store, records, 3, settings, protocol="paper", votes=50, device="cpu", progress=lambda *told: seen.append(told)
    )
    assert {"--array=0-2", "--partition=gpu", "--cpus-per-task=2"} <= set(fake.options())
    assert seen[-1][1:] == (3, 3)
    srun = fake.programs / "srun"
    srun.write_text('#!/bin/sh\necho "$*"\n')
    srun.chmod(0o700)
    environment = os.environ | {"SLURM_ARRAY_TASK_ID": "1"}
    said = subprocess.run(["bash"], input=fake.script(), env=environment, capture_output=True, text=True, check=True)
    assert re.search(r"--shares 3 --protocol paper --votes 50 --device cpu .*--share 2\n$", said.stdout)
    assert all(record.id in said.stdout for record in records)


def test_a_task_that_fails_is_named_with_its_last_words(fake: FakeSlurm, store: Store) -> None:
    in_background(fake, "FAILED")
    (store.selections / "slurm-100_0.txt").write_text("device 'cuda' is not available here\nsrun: error: exit code 1\n")
    with pytest.raises(WorkError, match="100_0 ended FAILED: device 'cuda' is not available here"):
        compare_shares(store, pool_of(store, [toy()]), 2, SMALL)


def test_whoever_interrupts_takes_the_job_along(fake: FakeSlurm, store: Store) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare_shares(store, pool_of(store, [toy()]), 2, SMALL, progress=interrupt)
    assert fake.cancelled == ["100"]


@pytest.mark.parametrize("shares", [0, 1001])
def test_there_must_be_some_shares_but_not_too_many(fake: FakeSlurm, store: Store, shares: int) -> None:
    with pytest.raises(InputError, match=f"{shares} shares"):
        compare_shares(store, pool_of(store, [toy()]), shares, SMALL)


def test_settings_from_the_command_line() -> None:
    words = ["partition=gpu", "cpus=4", "options=--qos=long", "options=--constraint=a100"]
    assert parse_slurm(words) == SlurmSettings(partition="gpu", cpus=4, options=("--qos=long", "--constraint=a100"))
    for wrong, message in {"nodes=1": "'nodes'", "gpu": "key=value", "cpus=many": "slurm.cpus"}.items():
        with pytest.raises(InputError, match=message):
            parse_slurm([wrong])


def test_a_real_array_leaves_nothing_to_compute(slurm: Cluster, store: Store) -> None:
    specs = resolve("infogan", overrides=["score_every=0"], seeds=[0, 1], flags={"training.steps": 2, "device": "cpu"})
    for folder, lease in create_run_folders(store, specs):
        os.close(lease)
        assert train([str(folder.path)]) == 0
        assert look_at(folder).status is Status.FINISHED
    pool = list_runs(store)
    compare_shares(store, pool, 2, SMALL, votes=20, group_size=5, device="cpu")
    result = select_runs(store, pool, votes=20, group_size=5, device="cpu")
    assert (result.compared_pairs, result.evaluated_pairs) == (4, 0)
    assert list(store.selections.glob("slurm-*.txt")) == []
