"""What one call of ``crtui`` was given before its command, and the options that commands share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cr_tui.cli.output import say
from engine.errors import InputError

if TYPE_CHECKING:
    from engine.runs.store import Store

MOST_SEEDS = 10_000


@dataclass(frozen=True)
class Invocation:
    """The options that stand before the command.

    Attributes:
        store_path: ``--store``; ``None`` where it was not given.
        quiet: ``--quiet``: only results, warnings and errors are shown.
    """

    store_path: Path | None = None
    quiet: bool = False

    def open_store(self) -> Store:
        """The store, created if need be.

        Raises:
            InputError: it cannot be made or written.
        """
        from engine.runs.store import Store

        return Store.open(self.store_path)

    def note(self, text: str) -> None:
        """Say on stderr what is going on."""
        if not self.quiet:
            say(text)


def invocation_of(context: typer.Context) -> Invocation:
    """The call that a command belongs to."""
    invocation = context.find_object(Invocation)
    assert invocation is not None
    return invocation


JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run: its id, the beginning of it, or its name.")]
RunsArgument = Annotated[
    list[str], typer.Argument(metavar="RUN", help="Runs: ids, beginnings of them, or names.", show_default=False)
]
OptionalRunsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="RUN", help="Runs: ids, beginnings of them, or names.", show_default=False),
]


def parse_seeds(text: str) -> list[int]:
    """Seeds written as numbers and ranges: ``0-4``, ``0,2,5``, ``0-2,7``.

    Raises:
        InputError: it is not that, or a seed is there twice.
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        if not _is_seed(first) or (dash and not _is_seed(last)):
            raise InputError(f"--seeds takes numbers and ranges such as 0-4 or 0,2,5, not '{text[:80]}'")
        start, stop = int(first), int(last) if dash else int(first)
        if stop < start:
            raise InputError(f"--seeds range '{part.strip()}' ends before it begins; write {stop}-{start}")
        if stop - start >= MOST_SEEDS or len(seeds) >= MOST_SEEDS:
            raise InputError(f"--seeds '{text[:80]}' names more than {MOST_SEEDS} runs")
        seeds += range(start, stop + 1)
    repeated = next(
        (seed for seed, after in zip(sorted(seeds), sorted(seeds)[1:], strict=False) if seed == after), None
    )
    if repeated is not None:
        raise InputError(f"--seeds '{text[:80]}' names seed {repeated} twice; give each seed once")
    return seeds


def _is_seed(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20
