"""The options of commands that start runs: where they run, and what they ask for there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.errors import InputError
from engine.runs.launcher_names import LAUNCHERS

if TYPE_CHECKING:
    from engine.runs.specification.spec import RunSpec

DeviceOption = Annotated[
    str | None, typer.Option("--device", metavar="auto|cpu|cuda|cuda:N|mps|UUID", help="Where to compute.")
]
ThreadsOption = Annotated[int | None, typer.Option("--threads", metavar="N", help="CPU threads of each run.")]
PriorityOption = Annotated[
    int | None,
    typer.Option("--priority", metavar="N", help="Runs of higher priority get a device first; default: 0."),
]
RetriesOption = Annotated[
    int | None,
    typer.Option("--retries", metavar="N", help="After a crash, go on from the newest checkpoint, at most N times."),
]
PerGpuOption = Annotated[
    int | None,
    typer.Option("--per-gpu", metavar="N", help="How many runs may share a GPU; default: $CRTUI_PER_GPU, else 1."),
]
DetachOption = Annotated[bool, typer.Option("--detach", "-d", help="Return at once; the runs go on in the background.")]
LauncherOption = Annotated[
    str | None, typer.Option("--launcher", metavar="|".join(LAUNCHERS), help="Where runs are started.")
]
PartitionOption = Annotated[str | None, typer.Option("--partition", metavar="NAME", help="With Slurm: the partition.")]
AccountOption = Annotated[str | None, typer.Option("--account", metavar="NAME", help="With Slurm: the account.")]
GresOption = Annotated[
    str | None, typer.Option("--gres", metavar="gpu:1", help="With Slurm: generic resources of a run.")
]
TimeOption = Annotated[str | None, typer.Option("--time", metavar="D-HH:MM:SS", help="With Slurm: a job's time limit.")]
CpusOption = Annotated[int | None, typer.Option("--cpus", metavar="N", help="With Slurm: cores of a run.")]
MemoryOption = Annotated[str | None, typer.Option("--memory", metavar="16G", help="With Slurm: memory of a run.")]
SlurmOptionsOption = Annotated[
    list[str] | None,
    typer.Option("--slurm-option", metavar="--NAME=VALUE", help="Another option of sbatch; repeatable."),
]


def slurm_flags(
    partition: str | None,
    account: str | None,
    gres: str | None,
    time: str | None,
    cpus: int | None,
    memory: str | None,
    options: Sequence[str] | None,
) -> dict[str, Any]:
    """What is asked of Slurm, by dotted key of a specification; ``None`` where it was not given."""
    return {
        "slurm.partition": partition,
        "slurm.account": account,
        "slurm.gres": gres,
        "slurm.time": time,
        "slurm.cpus": cpus,
        "slurm.memory": memory,
        "slurm.options": options or None,
    }


def require_slurm(for_slurm: Mapping[str, Any], specs: Sequence[RunSpec]) -> None:
    """Refuse options for Slurm where no run goes there.

    Raises:
        InputError: one was given.
    """
    given = sorted(key for key, value in for_slurm.items() if value is not None)
    if given and all(spec.launcher != "slurm" for spec in specs):
        raise InputError(f"{given[0]} is for Slurm; add --launcher slurm")
