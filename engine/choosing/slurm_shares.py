"""Comparing the models of a pool in a job array: ``crtui select --launcher slurm``.

Each task is ``python -m engine.choosing.slurm_shares``. It compares one share of ModelCentrality's pairs and keeps them
in the store's cache, where the selection then finds them.
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

from engine.errors import CrtuiError, InputError, WorkError
from engine.launch.slurm import Demand, longest_array, submit
from engine.machine.cores import prepare_to_compute
from engine.machine.programs import program
from engine.progress import PhaseProgress
from engine.runs import slurm_jobs
from engine.runs.catalogue import RunRecord, find_among, list_runs
from engine.runs.specification.slurm_settings import SlurmSettings
from engine.selection import VOTING_PROTOCOLS
from engine.storage.descriptors import unlink
from engine.storage.files import read_tail
from engine.storage.store import Store

_TASK = program("engine.choosing.slurm_shares")
_POLL_SECONDS = 1.0
_EXCERPT = 400
_TAIL_BYTES = 64 * 1024
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
    protocol: str = VOTING_PROTOCOLS[0],
    votes: int | None = None,
    group_size: int | None = None,
    device: str = "auto",
    progress: PhaseProgress | None = None,
) -> None:
    """Compare the pairs that ModelCentrality needs of a pool in a Slurm job array, and wait for its end.

    Args:
        store: the store of the runs, on a file system that the nodes see under the same path.
        records: the pool.
        shares: how many tasks share the work.
        settings: what each task asks for.
        protocol: as of :func:`engine.choosing.choose.select_runs`.
        votes: as of ``select_runs``.
        group_size: as of ``select_runs``.
        device: on which each task computes.
        progress: told how many tasks are done.

    Raises:
        InputError: Slurm is not here or refuses, or there are too many shares.
        WorkError: Slurm does not answer, or a task failed. What the other tasks compared is kept.
    """
    slurm_jobs.require("sbatch")
    most = longest_array()
    if not 1 <= shares <= most:
        raise InputError(f"{shares} shares cannot be one job array; give 1 to {most}")
    options = {
        "--shares": shares,
        "--protocol": protocol,
        "--votes": votes,
        "--group-size": group_size,
        "--device": device,
    }
    given = [str(word) for name, value in options.items() if value is not None for word in (name, value)]
    demand = Demand(settings, settings.cpus or 1)
    task = [*_TASK, *given, str(store.root), *dict.fromkeys(record.id for record in records)]
    script = _SCRIPT.format(umask=store.umask, cpus=demand.cpus, task=shlex.join(task))
    # Slurm reads a single per cent sign as the start of a pattern.
    logs = f"{str(store.selections).replace('%', '%%')}/slurm-%A_%a.txt"
    array = submit(store, demand, shares, script, logs)
    names = [f"{array}_{number}" for number in range(shares)]
    try:
        _wait(names, progress)
    except BaseException:
        with contextlib.suppress(CrtuiError):
            slurm_jobs.call("scancel", array)
        raise
    failed = [name for name in names if _state(name) not in ("COMPLETED", None)]
    for name in set(names) - set(failed):
        with contextlib.suppress(OSError):
            unlink(_log(store, name), missing_ok=True)
    if failed:
        raise WorkError(f"Slurm job {failed[0]} ended {_state(failed[0])}: {_last_words(_log(store, failed[0]))}")


def _wait(names: Sequence[str], progress: PhaseProgress | None) -> None:
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
        text = read_tail(log, _TAIL_BYTES).decode(errors="replace")
        lines = [line for line in text.splitlines() if not line.startswith("srun:")]
    except OSError:
        return "it wrote nothing"
    return f"{lines[-1][:_EXCERPT] if lines else 'it wrote nothing'} (see {log})"


def main(arguments: Sequence[str]) -> None:
    """Compare one share."""
    prepare_to_compute()
    parser = argparse.ArgumentParser(
        prog="python -m engine.choosing.slurm_shares", description="Compute one share of a pool's pairs."
    )
    parser.add_argument("store", type=Path)
    parser.add_argument("runs", nargs="+", metavar="run", help="ids of the pool")
    parser.add_argument("--share", type=int, required=True)
    parser.add_argument("--shares", type=int, required=True)
    parser.add_argument("--protocol", default=VOTING_PROTOCOLS[0])
    parser.add_argument("--votes", type=int)
    parser.add_argument("--group-size", type=int)
    parser.add_argument("--device", default="auto")
    given = parser.parse_args(arguments)
    from engine.choosing.choose import compare_share

    store = Store(given.store)
    os.umask(store.umask)
    try:
        known = list_runs(store)
        records = [find_among(known, reference) for reference in given.runs]
        sizes = {"votes": given.votes, "group_size": given.group_size}
        compare_share(store, records, given.share, given.shares, protocol=given.protocol, device=given.device, **sizes)
    except CrtuiError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
