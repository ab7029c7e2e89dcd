"""How a published table is printed, ours under theirs; and what it will cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cr_tui.cli.output import put, stdout_console
from cr_tui.text import clean, short_duration, with_noise

if TYPE_CHECKING:
    from rich.text import Text

    from engine.reproduction.comparison import ComparedRow, Measured
    from engine.reproduction.cost import Cost
    from engine.reproduction.planning import Order
    from engine.reproduction.published import Figure, PublishedTable

_MISSING = "–"
_DECIMALS = 2
"""As in print."""
_TITLES = {
    "factor_vae": "FactorVAE",
    "dci": "DCI",
    "sap": "SAP",
    "explicitness": "Explicit.",
    "modularity": "Modular.",
    "mig": "MIG",
    "beta_vae": "BetaVAE",
}
_CELLS = 7
"""Cells of a number such as ``.82±.01``."""
_HOUR = 3600.0


def put_table(table: PublishedTable, order: Order, compared: Sequence[ComparedRow], repeats: int) -> None:
    """Print a table: for each row the paper's numbers, ours, and how much single runs differ."""
    put(table.title)
    put(
        f"seeds {_in_words(order.seeds)}; protocol '{table.protocol}'; evaluation seeds of a model: {repeats}; "
        f"± standard error"
    )
    runs = {(run.training, run.seed): run.status for found in compared for run in found.runs}
    counts = Counter(runs.values())
    put(f"runs: {', '.join(f'{count} {status}' for status, count in counts.items()) or 'none'}")
    if order.overrides:
        put(f"not as published: {', '.join(order.overrides)}")
    if order.length.suffix:
        put(f"NOT THE PUBLISHED LENGTH, but {_length(order)}: such numbers neither confirm nor refute the paper's")
    put()
    console = stdout_console()
    for line in _lines(table, compared):
        console.print(line, soft_wrap=True)
    put()
    for note in table.notes:
        put(f"- {note}")
    for found in compared:
        if found.row.note:
            put(f"- {found.row.title}: {found.row.note}.")
        if found.pick:
            put(f"- {found.row.title}: the pick is {found.pick}.")


def _lines(table: PublishedTable, compared: Sequence[ComparedRow]) -> Iterator[Text]:
    """The header, and for each row its title, the paper's numbers, ours, and how much these differ."""
    from rich.text import Text

    titles = [_TITLES.get(column, clean(column, 9)) for column in table.columns]
    blocks = [(_title(table, found), _cells(table, found)) for found in compared]
    labels = max(len(cells[0]) for _, lines in blocks for cells, _ in lines)
    widths = [labels, *(max(len(title), _CELLS) for title in titles)]

    def line(cells: Sequence[str], style: str = "") -> Text:
        padded = [cells[0].ljust(labels), *map(str.rjust, cells[1:], widths[1:])]
        return Text(" ".join(padded), style=style)

    yield line(["", *titles], "bold")
    for title, lines in blocks:
        yield Text(title, style="bold")
        for cells, style in lines:
            yield line(cells, style)


def _title(table: PublishedTable, found: ComparedRow) -> str:
    from engine.reproduction.planning import checkpoint_of, published_steps

    if not found.runs:
        return found.row.title
    run = found.runs[0]
    updates, published = checkpoint_of(table, found.row, run), found.row.at or published_steps(table, run.training)
    shorter = "" if updates == published else f" of {published:,}"
    return f"{found.row.title} · {updates:,}{shorter} updates"


def _cells(table: PublishedTable, found: ComparedRow) -> list[tuple[list[str], str]]:
    """The lines of a row with their styles."""
    row, picked = found.row, bool(found.row.selector)
    ours = [found.measured.get(score) for score in table.columns.values()]
    source = f", {row.paper_runs} runs" if row.paper_runs else ", quoted" if row.quoted else ""
    lines = [
        ([f"  paper{source}", *(_published(row.paper.get(column)) for column in table.columns)], "dim"),
        ([_our_label(found), *map(_our_mean, ours)], ""),
    ]
    deviations = [_our_deviation(measured, picked) for measured in ours]
    if set(deviations) != {_MISSING}:
        lines.append((["  sd of its scores" if picked else "  sd of a run", *deviations], "dim"))
    return lines


def _our_label(found: ComparedRow) -> str:
    whole = len(found.runs)
    finished = sum(run.status == "finished" for run in found.runs)
    if not found.runs:
        return "  ours"
    if found.pick:
        return f"  ours, 1 of {finished}"
    return f"  ours, {finished} runs" if finished == whole else f"  ours, {finished}/{whole} runs"


def _published(figure: Figure | None) -> str:
    if figure is None:
        return _MISSING
    plus_minus = "" if figure.plus_minus is None else f"±{figure.plus_minus:.{_DECIMALS}f}"
    return _bare(f"{figure.mean:.{_DECIMALS}f}{plus_minus}")


def _our_mean(measured: Measured | None) -> str:
    """Mean ± standard error over runs, to the digit that the error bears, and no finer than the paper's."""
    if measured is None:
        return _MISSING
    error = measured.standard_error if measured.n > 1 else measured.noise
    if error is None:
        return _bare(f"{measured.mean:.{_DECIMALS}f}")
    return _bare(with_noise(measured.mean, error, _DECIMALS))


def _our_deviation(measured: Measured | None, of_evaluation: bool) -> str:
    if measured is None:
        return _MISSING
    deviation = measured.noise if of_evaluation else measured.deviation
    return _MISSING if deviation is None else _bare(f"{deviation:.{_DECIMALS}f}")


def _bare(text: str) -> str:
    """Numbers as papers print them: without the zero before the point."""
    return text.replace("±0.", "±.").removeprefix("0") if text.startswith("0.") else text.replace("±0.", "±.")


def _in_words(seeds: Sequence[int]) -> str:
    """Seeds as people write them: ``0-4, 7``."""
    parts: list[list[int]] = []
    for seed in sorted(seeds):
        if parts and seed == parts[-1][-1] + 1:
            parts[-1].append(seed)
        else:
            parts.append([seed])
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def _length(order: Order) -> str:
    if order.length.steps is not None:
        return f"{order.length.steps:,} updates a run"
    return f"{order.length.share:.3g} of the published updates"


def put_costs(costs: Sequence[Cost], slots: int) -> None:
    """Print what is left to do, and how long it takes by updates that were timed here."""
    from rich.table import Table

    if not costs:
        put("nothing is left to train")
        return
    drawn = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for title in ("Training", "Runs", "Updates", "ms/update", "Time a run", "Time"):
        drawn.add_column(title, justify="left" if title == "Training" else "right", no_wrap=True)
    for cost in costs:
        drawn.add_row(
            cost.training,
            str(cost.runs),
            f"{cost.updates:,}",
            f"{1000 * cost.seconds / cost.updates:,.1f}",
            short_duration(cost.seconds / cost.runs),
            short_duration(cost.seconds),
        )
    stdout_console().print(drawn)
    total = sum(cost.seconds for cost in costs)
    put(f"one run at a time, {costs[0].threads} thread(s) each on {costs[0].device}: {short_duration(total)}")
    at_once = _at_once(costs, slots)
    if at_once > 1:
        put(f"{at_once} at a time, if they do not slow each other down: {short_duration(total / at_once)}")
    put("updates were timed on this machine just now; scoring, choosing and preparing data come on top")


def costs_to_json(table: PublishedTable, order: Order, costs: Sequence[Cost], slots: int) -> dict[str, Any]:
    """The JSON object of ``crtui reproduce --dry-run``."""
    hours = sum(cost.seconds for cost in costs) / _HOUR
    return {
        "table": table.name,
        "seeds": list(order.seeds),
        "published_length": not order.length.suffix,
        "trainings": [
            {
                "training": cost.training,
                "runs": cost.runs,
                "updates": cost.updates,
                "hours": cost.seconds / _HOUR,
                "device": cost.device,
                "threads": cost.threads,
            }
            for cost in costs
        ],
        "hours": hours,
        "at_once": _at_once(costs, slots),
    }


def _at_once(costs: Sequence[Cost], slots: int) -> int:
    """How many runs have room on this machine: on the CPU each takes a core for each thread."""
    if not costs:
        return 1
    threads = max(cost.threads for cost in costs) if costs[0].device == "cpu" else 1
    return max(min(slots // threads, sum(cost.runs for cost in costs)), 1)
