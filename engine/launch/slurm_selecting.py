"""Comparing the models of a pool in a job array: ``crtui select --launcher slurm``.

Each task is ``python -m engine.launch.slurm_selecting``, which computes one share of ModelCentrality's pairs into the
cache of the store; the selection itself then finds them there.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from engine.cores import prepare_to_compute
from engine.errors import CrtuiError, InputError, WorkError
from engine.launch.evaluating import Progress
from engine.launch.slurm import Demand, longest_array, submit
from engine.runs import slurm_jobs
from engine.runs.catalogue import RunRecord, find_among, list_runs
from engine.runs.slurm_settings import SlurmSettings
from engine.runs.store import Store

_TASK = (sys.executable, "-P", "-m", "engine.launch.slurm_selecting")
_POLL_SECONDS = 1.0
_EXCERPT = 400
_SCRIPT = """\
#!/bin/bash
# One share of the pairs of a pool of crtui for each task of the array.
umask {umask:03o}
exec srun --ntasks=1 --cpus-per-task={cpus} --mpi=none --input=none {task} --share "$((SLURM_ARRAY_TASK_ID + 1))"
"""


def compare_shares(
    store: Store,
    records: Sequence[RunRecord],
    shares: int,
    settings: SlurmSettings,
    *,
    votes: int | None = None,
    group_size: int | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> None:
    """Compute the pairs that ModelCentrality needs of a pool in Slurm, and wait until that is done.

    Args:
        store: the store of the runs, on a file system that the nodes see under the same path.
        records: the pool.
        shares: how many tasks share the work.
        settings: what each task asks for.
        votes: as of :func:`engine.launch.selecting.select_runs`.
        group_size: likewise.
        device: of the tasks.
        progress: told how many tasks are done.

    Raises:
        InputError: Slurm is not here or refuses, or there are too many shares.
        WorkError: Slurm does not answer, or a task failed; what the others computed is kept.
    """
    slurm_jobs.require("sbatch")
    most = longest_array()
    if not 1 <= shares <= most:
        raise InputError(f"{shares} shares cannot be one job array; give 1 to {most}")
    numbers = {"--shares": shares, "--votes": votes, "--group-size": group_size, "--device": device}
    given = [str(word) for name, value in numbers.items() if value is not None for word in (name, value)]
    demand = Demand(settings, settings.cpus or 1)
    task = [*_TASK, *given, str(store.root), *dict.fromkeys(record.id for record in records)]
    script = _SCRIPT.format(umask=store.umask, cpus=demand.cpus, task=shlex.join(task))
    # Slurm would take a per cent sign for one of its own patterns.
    logs = f"{str(store.selections).replace('%', '%%')}/slurm-%A_%a.txt"
    array = submit(demand, shares, script, logs)
    names = [f"{array}_{number}" for number in range(shares)]
    try:
        _wait(names, progress)
    except BaseException:
        with contextlib.suppress(CrtuiError):
            slurm_jobs.call("scancel", array)
        raise
    failed = [name for name in names if _state(name) not in ("COMPLETED", None)]
    for name in set(names) - set(failed):
        _log(store, name).unlink(missing_ok=True)
    if failed:
        raise WorkError(f"Slurm job {failed[0]} ended {_state(failed[0])}: {_last_words(_log(store, failed[0]))}")


def _wait(names: Sequence[str], progress: Progress | None) -> None:
    while True:
        states = Counter(_has_ended(name) for name in names)
        if progress is not None:
            progress("comparing models in Slurm", states[True], len(names))
        if not states[False]:
            return
        time.sleep(_POLL_SECONDS)


def _has_ended(name: str) -> bool:
    job = slurm_jobs.look_up(name)
    return job is None or job.has_ended


def _state(name: str) -> str | None:
    job = slurm_jobs.look_up(name)
    return None if job is None else job.state


def _log(store: Store, name: str) -> Path:
    return store.selections / f"slurm-{name}.txt"


def _last_words(log: Path) -> str:
    try:
        lines = [line for line in log.read_text(errors="replace").splitlines() if not line.startswith("srun:")]
    except OSError:
        return "it wrote nothing"
    return f"{lines[-1][:_EXCERPT] if lines else 'it wrote nothing'} (see {log})"


def main(arguments: Sequence[str]) -> None:
    """Compute one share."""
    prepare_to_compute()
    parser = argparse.ArgumentParser(
        prog="python -m engine.launch.slurm_selecting", description="Compute one share of a pool's pairs."
    )
    parser.add_argument("store", type=Path)
    parser.add_argument("runs", nargs="+", metavar="run", help="ids of the pool")
    parser.add_argument("--share", type=int, required=True)
    parser.add_argument("--shares", type=int, required=True)
    parser.add_argument("--votes", type=int)
    parser.add_argument("--group-size", type=int)
    parser.add_argument("--device", default="auto")
    given = parser.parse_args(arguments)
    from engine.launch.selecting import compare_share

    store = Store(given.store)
    os.umask(store.umask)
    try:
        known = list_runs(store)
        records = [find_among(known, reference) for reference in given.runs]
        sizes = {"votes": given.votes, "group_size": given.group_size}
        compare_share(store, records, given.share, given.shares, device=given.device, **sizes)
    except CrtuiError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
