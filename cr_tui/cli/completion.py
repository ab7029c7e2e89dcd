"""What the shell offers when Tab is pressed: names of runs, groups, methods, datasets, presets, scores and keys.

Errors are swallowed: a shell has no place to show them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from engine.errors import CrtuiError

if TYPE_CHECKING:
    from engine.runs.registry import RunRow

_MOST = 200
Offer = list[tuple[str, str]]
"""Words to complete to, each with a remark."""


def complete_run(context: typer.Context, incomplete: str) -> Offer:
    """Runs by name and by id, the newest first."""
    rows = sorted(_rows(context), key=lambda row: row.id, reverse=True)
    by_name = [(row.name, f"{row.status}, {row.id}") for row in rows if row.name]
    return _beginning([*by_name, *((row.id, f"{row.status}, {row.name}") for row in rows)], incomplete)


def complete_model(context: typer.Context, incomplete: str) -> Offer:
    """Runs as :func:`complete_run` offers them, models that come with crtui, and folders where a slash is typed."""
    from engine.runs.pretrained import pretrained_names

    shipped = _beginning(((name, "comes with crtui") for name in pretrained_names()), incomplete)
    return (
        complete_run(context, incomplete) + shipped + [(path, "") for path in _paths(incomplete) if "/" in incomplete]
    )


def complete_group(context: typer.Context, incomplete: str) -> Offer:
    """Groups of runs."""
    return _beginning(((row.group, "") for row in _rows(context) if row.group), incomplete)


def complete_status(incomplete: str) -> Offer:
    """The statuses that runs have."""
    from engine.runs.state import Status

    return _beginning(((str(status), "") for status in Status), incomplete)


def complete_page(incomplete: str) -> Offer:
    """The pages of the documentation."""
    from cr_tui.cli.pages import pages

    return _beginning(((name, page.title) for name, page in pages().items()), incomplete)


def complete_method(incomplete: str) -> Offer:
    """The methods."""
    from engine.methods import METHODS

    return _beginning(((name, "") for name in METHODS), incomplete)


def complete_preset(context: typer.Context, incomplete: str) -> Offer:
    """The presets of the method that was named, else of the default one."""
    from engine.methods import method_class
    from engine.runs.specification.spec import DEFAULT_METHOD

    with contextlib.suppress(CrtuiError):
        presets = method_class(context.params.get("method") or DEFAULT_METHOD).presets
        return _beginning(((name, preset.description) for name, preset in presets.items()), incomplete)
    return []


def complete_dataset(incomplete: str) -> Offer:
    """The registered datasets, and the files and folders that begin so."""
    from engine.data import DATASETS

    named = _beginning(((name, entry.description) for name, entry in DATASETS.items()), incomplete)
    return named + [(path, "") for path in _paths(incomplete)]


def complete_score(incomplete: str) -> Offer:
    """The scores that ``score --metric`` computes."""
    from engine.metrics.registry import EXTRA_SCORES, SCORES

    return _beginning(((name, "") for name in [*SCORES, *EXTRA_SCORES, "all"]), incomplete)


def complete_key(context: typer.Context, incomplete: str) -> Offer:
    """Keys of the specification with an equals sign behind them, as ``--set`` and ``--sweep`` take them."""
    from engine.runs.specification.keys import known_keys
    from engine.runs.specification.spec import DEFAULT_METHOD

    with contextlib.suppress(CrtuiError):
        known = known_keys(context.params.get("method") or DEFAULT_METHOD)
        short = [key.rpartition(".")[2] for key in known]
        unambiguous = [name for name, key in zip(short, known, strict=True) if short.count(name) == 1 and name != key]
        return _beginning(((f"{key}=", "") for key in [*unambiguous, *known]), incomplete)
    return []


def complete_field(context: typer.Context, incomplete: str) -> Offer:
    """Fields that ``runs list`` sorts by and shows: of the last name between commas."""
    from cr_tui.cli.run_query import FIELDS
    from engine.metrics.registry import SCORES

    before, comma, last = incomplete.rpartition(",")
    fields = [
        *FIELDS,
        *(f"score.{name}" for row in _rows(context) for name in row.scores),
        *(f"score.{name}" for name in SCORES),
    ]
    return [(f"{before}{comma}{word}", remark) for word, remark in _beginning(((name, "") for name in fields), last)]


def _rows(context: typer.Context) -> list[RunRow]:
    """The registry's rows of the store that the command line names. Nothing is created, and no process looked at."""
    from engine.runs.registry import Registry
    from engine.storage.store import Store, default_store

    given = context.find_root().params.get("store")
    with contextlib.suppress(CrtuiError, OSError):
        return Registry(Store(Path(given).expanduser() if given else default_store())).rows()
    return []


def _beginning(offered: Iterable[tuple[str | None, str]], incomplete: str) -> Offer:
    found: dict[str, str] = {}
    for word, remark in offered:
        if word is not None and word.startswith(incomplete):
            found.setdefault(word, remark)
    return list(found.items())[:_MOST]


def _paths(incomplete: str) -> Iterator[str]:
    typed = Path(incomplete).expanduser() if incomplete else Path()
    folder, start = (typed, "") if not incomplete or incomplete.endswith("/") else (typed.parent, typed.name)
    prefix = incomplete[: len(incomplete) - len(start)]
    with contextlib.suppress(OSError, RuntimeError):
        entries = sorted(folder.iterdir())[: 5 * _MOST]
        yield from (
            f"{prefix}{entry.name}{'/' if entry.is_dir() else ''}"
            for entry in entries
            if entry.name.startswith(start) and not entry.name.startswith(".")
        )
