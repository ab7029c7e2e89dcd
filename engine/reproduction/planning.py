"""Which runs a published table takes, and which of them a store has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from engine.errors import InputError
from engine.launch.taking_up import WORTH
from engine.reproduction.length import Length, at_length, shrunk
from engine.reproduction.published import PublishedTable, Row
from engine.runs.catalogue import RunRecord
from engine.runs.specification.keys import complete, known_keys, parse, split
from engine.runs.specification.resolving import resolve, validate
from engine.runs.specification.spec import BranchSettings, RunSpec, default_threads
from engine.runs.specification.trees import assign
from engine.training.step_folders import steps as checkpoint_steps

_PUBLISHED_TRAINING = ("training.steps", "training.batch_size")


@dataclass(frozen=True)
class Order:
    """What is asked for.

    Attributes:
        seeds: of every training.
        length: of the runs.
        flags: how runs are started, by dotted key of a specification; ``None`` where it was not given.
        overrides: ``training.key=value`` strings.
    """

    seeds: tuple[int, ...]
    length: Length = field(default_factory=Length)
    flags: Mapping[str, Any] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlannedRun:
    """A run that a table takes.

    Attributes:
        training: the training.
        spec: what it is.
        begins: updates that the run it branches off has done for it.
        waits: whether it cannot start yet, because the run that it branches off has not come so far.
        record: the run of the store, if there is one.
    """

    training: str
    spec: RunSpec
    begins: int = 0
    waits: bool = False
    record: RunRecord | None = None

    @property
    def seed(self) -> int:
        """The seed."""
        return self.spec.seed

    @property
    def steps(self) -> int:
        """Updates at the end, those before a branch included."""
        return self.spec.training.steps

    @property
    def status(self) -> str:
        """The run's, or ``missing``, or ``waiting`` for the run that it branches off."""
        return str(self.record.status) if self.record else "waiting" if self.waits else "missing"

    @property
    def updates_done(self) -> int:
        """Updates that need not be done any more."""
        return self.steps if self.status == "finished" else max(self.begins, self.record.step if self.record else 0)


def plan(table: PublishedTable, rows: Iterable[Row], order: Order, known: Sequence[RunRecord]) -> list[PlannedRun]:
    """The runs that rows take, trainings in the table's order, seeds innermost.

    A run of the store is taken, whatever it is called, if it has the same method, settings, data, seed, length and
    number type. Of several, the one that got farthest.

    Args:
        table: the table.
        rows: some of its rows.
        order: seeds, length and how to start.
        known: the runs of the store.

    Raises:
        InputError: a length that cannot be, or a setting that a published row cannot take.
    """
    wanted = {name for row in rows for name in row.trainings}
    trunks = {table.trainings[name].branch_of for name in wanted} - {None}
    chosen = [name for name in table.trainings if name in wanted | trunks]
    # Runs that branch off come last, because they wait.
    chosen.sort(key=lambda name: table.trainings[name].branch_of is not None)
    order = replace(order, flags=_flags(table, order, len(chosen)))
    planned: list[PlannedRun] = []
    for name in chosen:
        training = table.trainings[name]
        if training.branch_of is None:
            planned += [_found(name, spec, known) for spec in _specs(table, name, order)]
        else:
            begun = [run for run in planned if run.training == training.branch_of]
            planned += [_branch(table, name, run, order, known) for run in begun]
    return planned


def published_steps(table: PublishedTable, training: str) -> int:
    """The published length of a training's runs, in updates."""
    settings = table.trainings[training]
    (spec,) = resolve(settings.method, preset=settings.preset) if settings.method else (None,)
    return spec.training.steps if spec else published_steps(table, str(settings.branch_of))


def checkpoint_of(table: PublishedTable, row: Row, run: PlannedRun) -> int:
    """The step of the checkpoint of a run that a row shows."""
    return run.steps if row.at is None else at_length(row.at, run.steps, published_steps(table, run.training))


def _flags(table: PublishedTable, order: Order, trainings: int) -> dict[str, Any]:
    """What all runs are given, by dotted key."""
    flags = {key: value for key, value in order.flags.items() if value is not None}
    flags.setdefault("threads", default_threads(len(order.seeds) * trainings))
    for text in order.overrides:
        name, value = split(text, "--set")
        key = complete(name, known_keys("infogan-cr"))
        if not key.startswith("training.") or key in _PUBLISHED_TRAINING:
            raise InputError(
                f"--set {key} would not reproduce {table.name}: only keys of training other than steps and batch_size "
                "can be set here; train other settings with 'crtui train'"
            )
        flags[key] = parse(value)
    return flags


def _specs(table: PublishedTable, name: str, order: Order) -> list[RunSpec]:
    """The runs of a training that begins at the beginning."""
    training = table.trainings[name]
    settings = {f"method.{key}": value for key, value in training.set.items()}
    (published,) = resolve(training.method, data=table.data, preset=training.preset, flags=settings)
    flags = (
        settings | shrunk(published, order.length, training.updates) | dict(order.flags) | _names(table, name, order)
    )
    specs = []
    for seed in order.seeds:
        own = flags | {"seed": seed, "name": f"{flags['name']}-s{seed}"}
        specs += resolve(training.method, data=table.data, preset=training.preset, flags=own)
    return specs


def _names(table: PublishedTable, name: str, order: Order) -> dict[str, str]:
    group = f"{table.name}{order.length.suffix}"
    return {"name": f"{group}-{name}", "group": group}


def _branch(
    table: PublishedTable, name: str, trunk: PlannedRun, order: Order, known: Sequence[RunRecord]
) -> PlannedRun:
    """The run that branches off a trunk."""
    training = table.trainings[name]
    assert training.at is not None
    published = published_steps(table, name)
    at = at_length(training.at, trunk.steps, published)
    names = _names(table, name, order)
    flags: dict[str, Any] = {}
    for key, value in training.set.items():
        is_schedule = isinstance(value, list)
        flags[f"method.{key}"] = (
            [[at_length(start, trunk.steps, published), number] for start, number in value] if is_schedule else value
        )
    flags |= dict(order.flags) | names | {"name": f"{names['name']}-s{trunk.seed}"}
    if trunk.record is None or at not in checkpoint_steps(trunk.record.folder.checkpoints):
        tree = trunk.spec.model_dump(mode="json")
        for key, value in flags.items():
            assign(tree, key, value)
        return PlannedRun(name, validate(tree), begins=at, waits=True)
    begun = BranchSettings(run=trunk.record.id, step=at)
    (spec,) = resolve(flags=flags, like=trunk.record.folder.spec(), branch=begun)
    return replace(_found(name, spec, known), begins=at)


def _found(training: str, spec: RunSpec, known: Sequence[RunRecord]) -> PlannedRun:
    """A run as it is planned, with the run of the store that got farthest."""
    best: RunRecord | None = None
    for record in known:
        row = (record.method, record.data, record.seed, record.total_steps)
        if row != (spec.method.name, spec.data.name, spec.seed, spec.training.steps):
            continue
        if best is not None and WORTH[record.status] <= WORTH[best.status]:
            continue
        try:
            if _trains_the_same(record.folder.spec(), spec):
                best = record
        except InputError:
            # Its specification is damaged, so nobody knows what it is.
            continue
    return PlannedRun(training, spec, record=best)


def _trains_the_same(one: RunSpec, other: RunSpec) -> bool:
    """Whether two runs differ in nothing that changes what is learnt."""
    return all(getattr(one, key) == getattr(other, key) for key in ("seed", "method", "data", "branch")) and all(
        getattr(one.training, key) == getattr(other.training, key) for key in ("steps", "batch_size", "precision")
    )
