"""What a run asks of Slurm: the table ``slurm`` of a specification."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from engine.errors import InputError, most_like
from engine.settings import Settings

_OPTION = re.compile(r"--([a-z][a-z0-9-]*)(=[^\n\r\0]*)?")
_ALLOWED = frozenset(
    (
        # Which nodes, and what of them.
        *(
            "constraint",
            "prefer",
            "nodelist",
            "exclude",
            "nodes",
            "exclusive",
            "oversubscribe",
            "contiguous",
            "switches",
        ),
        *("gpus", "gpus-per-node", "gpus-per-socket", "gpus-per-task", "cpus-per-gpu", "mem-per-cpu", "mem-per-gpu"),
        *("mincpus", "cores-per-socket", "sockets-per-node", "threads-per-core", "core-spec", "thread-spec", "tmp"),
        *("extra-node-info", "distribution", "hint", "mem-bind", "gpu-bind", "tres-bind", "tres-per-task", "network"),
        *("cpu-freq", "gpu-freq", "use-min-nodes", "spread-job", "segment"),
        # When, and on whose account.
        *("qos", "reservation", "licenses", "wckey", "priority", "nice", "hold", "begin", "deadline", "time-min"),
        *("dependency", "kill-on-invalid-dep", "delay-boot"),
        # What is said of it.
        *("comment", "mail-type", "mail-user", "acctg-freq", "profile"),
    )
)
"""Options of sbatch that choose where and when a job runs, by their full names. Of the others, some are set by the
launcher, some run other programs or other code (``container``, ``image``, ``bbf``, ``export``), and what later versions
of Slurm or a cluster's plug-ins add cannot be known."""
_KEYS = {
    "partition": "partition",
    "account": "account",
    "gres": "gres",
    "time": "time",
    "mem": "memory",
    "cpus-per-task": "cpus",
    "signal": "warning",
}
"""Options that a setting of its own stands for."""
_EARLY_SECONDS = 60
"""Slurm may send a signal so much earlier than asked for (manual of sbatch)."""


def _text_of_number(value: object) -> object:
    """In TOML, ``time = 60`` means the same as ``time = "60"``."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.,@/-]{0,199}$")]


class SlurmSettings(Settings):
    """What a job asks of Slurm. For what is not given, Slurm's defaults and ``$SBATCH_...`` apply."""

    partition: _Word | None = Field(default=None, description="partition, or several with commas between")
    account: _Word | None = Field(default=None, description="account that pays")
    gres: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_:.,()*/-]{0,199}$",
        description="generic resources of a run, such as gpu:1 or gpu:a100:1",
    )
    time: Annotated[str, BeforeValidator(_text_of_number)] | None = Field(
        default=None,
        pattern=r"^(\d+-)?\d+(:\d+){0,2}$",
        description="time limit of a job: minutes, hours:minutes:seconds, or days-hours",
    )
    cpus: int | None = Field(default=None, ge=1, le=4096, description="cores of a run; default: its threads")
    memory: Annotated[str, BeforeValidator(_text_of_number)] | None = Field(
        default=None, pattern=r"^\d+[KMGT]?$", description="memory of a run, in MiB or with a unit: 16G"
    )
    at_once: int | None = Field(default=None, ge=1, description="most runs of an array that run at the same time")
    warning: int = Field(
        default=90,
        ge=1,
        le=65535,
        description="seconds before its time limit at which a job writes a checkpoint and goes back into the queue",
    )
    options: tuple[str, ...] = Field(
        default=(), max_length=50, description="other options of sbatch, such as --constraint=a100"
    )

    @field_validator("options")
    @classmethod
    def _harmless_options(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for option in value:
            match = _OPTION.fullmatch(option)
            if match is None:
                raise ValueError(f"'{option[:80]}' is no option of sbatch; write --name or --name=value")
            if match[1] in _KEYS:
                raise ValueError(f"sbatch's option --{match[1]} is set by slurm.{_KEYS[match[1]]}")
            # Nor any shorter form of it, which sbatch would accept.
            if match[1] not in _ALLOWED:
                near = most_like(match[1], _ALLOWED)
                hint = f"; did you mean --{near}?" if near else ""
                raise ValueError(f"sbatch's option --{match[1]} cannot be set here{hint}")
        return value

    @model_validator(mode="after")
    def _time_to_train(self) -> SlurmSettings:
        if self.time is not None and seconds_of(self.time) < (least := self.warning + _EARLY_SECONDS + 60):
            raise ValueError(
                f"time {self.time} leaves no time to train: Slurm may warn up to a minute before slurm.warning = "
                f"{self.warning} seconds; give at least {math.ceil(least / 60)} minutes, or less warning"
            )
        return self


def seconds_of(time_limit: str) -> int:
    """The seconds of a time limit in Slurm's notation: ``M``, ``M:S``, ``H:M:S``, ``D-H``, ``D-H:M`` or ``D-H:M:S``."""
    days, dash, clock = time_limit.rpartition("-")
    parts = [int(part) for part in clock.split(":")]
    units = (3600, 60, 1) if dash or len(parts) == 3 else (60, 1)
    return int(days or 0) * 86_400 + sum(part * unit for part, unit in zip(parts, units, strict=False))


def parse_slurm(assignments: Sequence[str]) -> SlurmSettings:
    """Settings from ``key=value`` strings; ``options`` may be given several times.

    Raises:
        InputError: a key is unknown, or a value is not valid.
    """
    given: dict[str, object] = {}
    options: list[str] = []
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise InputError(f"--slurm takes key=value, not '{assignment[:80]}'")
        if key == "options":
            options.append(value)
        else:
            given[key] = value
    return settings_from(given | {"options": options})


def settings_from(tree: Mapping[str, object]) -> SlurmSettings:
    """Settings from plain data.

    Raises:
        InputError: a key is unknown, or a value is not valid.
    """
    try:
        return SlurmSettings.model_validate(dict(tree))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = str(first["loc"][0]) if first["loc"] else "time"
        if first["type"] == "extra_forbidden":
            raise InputError(
                f"Slurm's settings have no '{key}'; use {', '.join(SlurmSettings.model_fields)}"
            ) from error
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"slurm.{key} = {str(tree.get(key))[:80]!r}: {message}") from error
