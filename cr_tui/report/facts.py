"""What stands on a report, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Picture:
    """A figure or animation.

    Attributes:
        title: of its section.
        caption: what is to be seen.
        kind: ``svg+xml``, ``png`` or ``gif``.
        content: of the file.
        still: the same as a PNG file, for readers who asked their system for less motion.
        still_caption: what is to be seen in that.
        width: pixels across on the page; None for the file's own.
    """

    title: str
    caption: str
    kind: str
    content: bytes
    still: bytes | None = None
    still_caption: str = ""
    width: int | None = None


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        head: titles of the columns.
        rows: cells; the first of a row names it.
        marked: rows to point out.
        caption: what it holds.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: frozenset[int] = frozenset()
    caption: str = ""


@dataclass
class Report:
    """Everything on the page, in its order. What is None or empty is left out.

    Attributes:
        title: of the page.
        facts: what was reported on, and by which program.
        findings: sentences: the picks, and how far to trust them.
        configurations: scores, a row a configuration.
        differences: what sets configurations apart, a row a key.
        runs: scores, a row a run.
        curves: training curves.
        ranking: the ranking with its uncertainty.
        matrix: the cross-scores.
        traversals: animations of the best models.
        specification: of the first pick, as ``key = value`` lines.
        specification_of: its name.
        notes: what is missing from the page, and why.
    """

    title: str
    facts: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    configurations: Table | None = None
    differences: Table | None = None
    runs: Table | None = None
    curves: Picture | None = None
    ranking: Picture | None = None
    matrix: Picture | None = None
    traversals: list[Picture] = field(default_factory=list)
    specification: str = ""
    specification_of: str = ""
    notes: list[str] = field(default_factory=list)
