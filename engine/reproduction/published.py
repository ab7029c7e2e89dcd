"""Published tables as data: their numbers, and the settings behind each row."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from engine.errors import InputError
from engine.settings import Settings

FOLDER = Path(__file__).parent / "tables"


class Figure(NamedTuple):
    """A published number.

    Attributes:
        mean: the number.
        plus_minus: what stands after ±; None where nothing does.
    """

    mean: float
    plus_minus: float | None = None


def _figure(value: object) -> object:
    return (value,) if isinstance(value, int | float) else value


class Training(Settings):
    """Runs that differ in their seed alone.

    Attributes:
        method: the method, of a training that begins at the beginning.
        preset: the preset with the published settings.
        set: settings of the method beside the preset's.
        updates: settings that count updates, beside schedules; they shrink with a shorter length.
        branch_of: another training of the table, at whose checkpoint this one begins, with its settings.
        at: which checkpoint, at the published length.
    """

    method: str | None = None
    preset: str | None = None
    set: dict[str, Any] = Field(default_factory=dict)
    updates: tuple[str, ...] = ()
    branch_of: str | None = None
    at: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _begins_somewhere(self) -> Self:
        whole, branch = (self.method, self.preset), (self.branch_of, self.at)
        if (None in whole) == (None in branch) or (any(whole) and any(branch)):
            raise ValueError("a training has either a method and a preset, or branch_of and at")
        return self


class Row(Settings):
    """A row of a published table.

    Attributes:
        name: what ``--rows`` calls it.
        title: what tables call it.
        paper: published numbers by column; a column may be missing.
        paper_runs: how many runs they rest on, where that is known.
        training: whose runs are its models; none where the settings are not known.
        at: which checkpoint of them, at the published length; default: the last.
        pool: trainings out of whose runs one model is picked.
        selector: by which selection method.
        quoted: whether the paper quotes the row from other works. Then it is trained only if it is named.
        note: a sentence about it.
    """

    name: str
    title: str
    paper: dict[str, Annotated[Figure, BeforeValidator(_figure)]] = Field(default_factory=dict)
    paper_runs: int | None = Field(default=None, ge=1)
    training: str | None = None
    at: int | None = Field(default=None, ge=1)
    pool: tuple[str, ...] = ()
    selector: str | None = None
    quoted: bool = False
    note: str | None = None

    @property
    def trainings(self) -> tuple[str, ...]:
        """The trainings that it rests on."""
        return self.pool or ((self.training,) if self.training else ())


class PublishedTable(Settings):
    """A published table.

    Attributes:
        name: what commands call it.
        title: one line.
        data: the dataset.
        images: how many images that has.
        image_shape: ``(height, width, channels)`` of them. Both are here to foresee the cost of training without them.
        protocol: how models are scored, ``paper`` or ``lib``.
        notes: sentences to read it by.
        columns: for each column the score that stands in it.
        trainings: what is trained.
        rows: from top to bottom.
    """

    name: str
    title: str
    data: str
    images: int = Field(ge=1)
    image_shape: tuple[int, int, int]
    protocol: str
    notes: tuple[str, ...] = ()
    columns: dict[str, str] = Field(min_length=1)
    trainings: dict[str, Training] = Field(min_length=1)
    rows: tuple[Row, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        named = [row.name for row in self.rows]
        if len(set(named)) != len(named):
            raise ValueError("two rows have the same name")
        for training in self.trainings.values():
            if training.branch_of and self.trainings.get(training.branch_of, training).branch_of:
                raise ValueError(f"branch_of must be a training with a method, not '{training.branch_of}'")
        for row in self.rows:
            if unknown := [name for name in row.trainings if name not in self.trainings]:
                raise ValueError(f"row '{row.name}' names training '{unknown[0]}', which is not there")
            if unknown := [name for name in row.paper if name not in self.columns]:
                raise ValueError(f"row '{row.name}' has a number in column '{unknown[0]}', which is not there")
            if bool(row.pool) != bool(row.selector) or (row.pool and row.training):
                raise ValueError(f"row '{row.name}' has a training, or a pool and a selector, not parts of both")
        return self

    def choose(self, names: Sequence[str] | None) -> list[Row]:
        """The rows of these names, in the table's order; ``None`` for all.

        Raises:
            InputError: there is no such row.
        """
        known = [row.name for row in self.rows]
        for name in names or ():
            if name not in known:
                raise InputError(f"{self.name} has no row '{name[:80]}' (rows: {', '.join(known)})")
        return [row for row in self.rows if names is None or row.name in names]


def table_names() -> list[str]:
    """The tables that there are."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def read_table(name: str) -> PublishedTable:
    """Read a table.

    Args:
        name: one of :func:`table_names`.

    Raises:
        InputError: there is none of that name, or its file is damaged.
    """
    path = FOLDER / f"{name}.toml"
    if name not in table_names():
        raise InputError(f"there is no table '{name[:80]}' (tables: {', '.join(table_names())})")
    try:
        return PublishedTable.model_validate({"name": name} | tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"table file {path} cannot be used: {place + ': ' if place else ''}{message}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"table file {path} cannot be used: {error}") from error
