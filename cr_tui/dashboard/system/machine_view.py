"""Draws how busy this machine is, and which run uses what."""

from __future__ import annotations

import itertools
import re
import textwrap
from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from textual import events

from cr_tui.dashboard.model.data import LIVE_STATUSES, Gpu, Machine, Run, Worker
from cr_tui.dashboard.model.machine_history import Curve, MachineHistory
from cr_tui.dashboard.shared.cells_view import CellsView
from cr_tui.dashboard.shared.slots_text import slots_text
from cr_tui.dashboard.theme import Look, look_of, rgb
from cr_tui.render.cells import Cells, style_of
from cr_tui.render.curves.chart import Scale, chart
from cr_tui.render.curves.series import Series
from cr_tui.short_names import cut_in_the_middle, short_names
from cr_tui.text import clean

_GIB, _MIB = 2**30, 2**20
_MIB_A_GIB = 1024
_NAME, _BETWEEN = 10, "  ·  "
_LEAST_NAME, _MOST_FACT = 8, 24
"""Cells that names and stores have at least, and other columns at most, in the table of processes."""
_BAR = 24
_NARROW_BAR = 12
_FULL = 0.9
_NARROW = 100
_AROUND = 4
"""Lines of the screen that are not the view's: title, footer, padding."""
_WIDE = 150
"""Cells from which on slots and processes stand beside the gauges, not below them."""
_LEAST_CHART, _LEAST_CHART_WIDTH, _GAP = 5, 38, 2
_SHAPE = 4
"""Cells across that are worth as much to a chart as a line."""
_GPU_SLOT = re.compile(r"gpu-((?:GPU|MIG)-.+)-(\d+)")
Line = tuple[Segment, ...]


class MachineView(CellsView):
    """Gauges of processors, memory, disk and GPUs; slots, processes that train, who waits; charts of the last hour."""

    DEFAULT_CSS = """
    MachineView { height: auto; padding: 1 2; }
    """

    def __init__(self, history: MachineHistory, *, widget_id: str | None = None) -> None:
        super().__init__(widget_id=widget_id)
        self._history = history
        self._machine: Machine | None = None
        self._workers: Sequence[Worker] = ()
        self._runs: Sequence[Run] = ()
        self._store = ""

    def show_machine(self, machine: Machine, workers: Sequence[Worker], store: str) -> None:
        """Show new values.

        Args:
            machine: how busy the machine is.
            workers: the processes that train.
            store: the folder of this store; the others are named.
        """
        self._machine, self._workers, self._store = machine, workers, store
        self.redraw()

    def show_runs(self, runs: Sequence[Run]) -> None:
        """Show which runs use what."""
        self._runs = [run for run in runs if run.status in LIVE_STATUSES]
        self.redraw()

    def on_resize(self, event: events.Resize) -> None:
        self.redraw()

    def redraw(self) -> None:
        """Draw all of it."""
        machine, width = self._machine, self.content_size.width
        if machine is None or not width:
            return
        look = look_of(self.app)
        beside = width >= _WIDE
        pen = _Pen(look, width // 2 - _GAP if beside else width)
        gauges = [
            pen.title(f"{clean(machine.host, 40)}", f"{machine.cores} cores, load {machine.load:.1f}"),
            pen.gauge("cpu", machine.cpu / 100, f"{machine.cpu:.0f}%"),
            pen.gauge(
                "memory",
                machine.memory_used / max(machine.memory_total, 1),
                f"{machine.memory_used / _GIB:.1f} of {machine.memory_total / _GIB:.1f} GiB",
            ),
            pen.gauge(
                "disk",
                1 - machine.disk_free / max(machine.disk_total, 1),
                f"{machine.disk_free / _GIB:.1f} GiB free for the store",
            ),
            (),
            *self._gpu_lines(machine, pen),
        ]
        users = self._slot_lines(machine, pen)
        users += worker_lines(self._workers, machine, self._store, pen)
        users += self._waiting_lines(machine, pen)
        lines = _beside(gauges, users, width // 2) if beside else [*gauges, *users]
        room = self.screen.size.height - len(lines) - _AROUND
        lines += history_lines(self._history, machine, width, room, look)
        self.show(Cells(tuple(lines)))

    def _gpu_lines(self, machine: Machine, pen: _Pen) -> list[Line]:
        if machine.gpu_fault:
            words = textwrap.wrap(clean(machine.gpu_fault), pen.width)
            return [pen.title("GPUs", "unknown"), *(pen.plain(text) for text in words), ()]
        if not machine.gpus:
            return [pen.title("GPUs", "none: nvidia-smi lists no GPU, so runs train on the processor"), ()]
        lines = [pen.title("GPUs", f"{len(machine.gpus)}")]
        for gpu in machine.gpus:
            here = [run for run in self._runs if run.pid in gpu.pids or run.device == f"cuda:{gpu.index}"]
            facts = [clean(gpu.name, 30)]
            facts += [f"{gpu.celsius:.0f} °C"] if gpu.celsius is not None else []
            facts += [f"{gpu.watts:.0f} W"] if gpu.watts is not None else []
            busy = (gpu.utilisation or 0.0) / 100
            used, total = gpu.used_mib or 0.0, gpu.total_mib or 0.0
            text = "–" if gpu.utilisation is None else f"{gpu.utilisation:.0f}%"
            lines.append(pen.gauge(f"cuda:{gpu.index}", busy, text))
            memory = f"{used / _MIB_A_GIB:.1f} of {total / _MIB_A_GIB:.1f} GiB" if total else "–"
            lines.append(pen.gauge("", used / max(total, 1.0), memory))
            text = " " * _NAME + _BETWEEN.join(facts)
            runs = _named(here, pen.width - _NAME) or _strangers(gpu)
            if cell_len(text + _BETWEEN + runs) <= pen.width:
                lines.append(pen.plain(text + _BETWEEN + runs))
            else:
                lines += [pen.plain(text), pen.plain(" " * _NAME + runs)]
        return [*lines, ()]

    def _slot_lines(self, machine: Machine, pen: _Pen) -> list[Line]:
        if not machine.slots:
            return []
        free = len(machine.slots) - sum(machine.slots.values())
        holders = {slot: worker for worker in self._workers for slot in worker.slots}
        named = []
        for name, held in machine.slots.items():
            title = slot_title(name, machine.gpus)
            holder = holders.get(name)
            if holder:
                who = cut_in_the_middle(clean(holder.name), 24)
            else:
                # Another user's process is not among the workers, but its slot says whose it is.
                who = clean(machine.strangers.get(name, "held")) if held else "free"
            named.append(f"{'●' if held else '○'} {title}: {who}")
        return [
            pen.title("Slots", slots_text(free, len(machine.slots))),
            *(pen.plain(text) for text in _filled(named, pen.width)),
            (),
        ]

    def _waiting_lines(self, machine: Machine, pen: _Pen) -> list[Line]:
        if not machine.waiting:
            return []
        names = {run.id: run.name for run in self._runs}
        ordered = sorted(machine.waiting.items(), key=lambda item: item[1])
        texts = [f"{place} {cut_in_the_middle(clean(names.get(run_id, run_id)), 40)}" for run_id, place in ordered]
        return [
            pen.title("In line", f"{len(texts)}"),
            *(pen.plain(text) for text in _filled(texts, pen.width)),
            (),
        ]


def worker_lines(workers: Sequence[Worker], machine: Machine, store: str, pen: _Pen) -> list[Line]:
    """A table of the processes that train or hold slots; other stores are named."""
    if not workers:
        return [pen.title("Processes", "no run trains on this machine"), ()]
    others = any(worker.store not in ("", store) for worker in workers)
    facts = [
        (
            str(worker.pid),
            ", ".join(slot_title(slot, machine.gpus) for slot in worker.slots) or "no slot",
            "–" if worker.cpu is None else f"{worker.cpu:.0f}%",
            f"{worker.memory / _MIB:,.0f} MiB",
            "–" if worker.speed is None else f"{worker.speed:.3g}",
        )
        for worker in workers
    ]
    titles = ("PID", "Where", "CPU", "Memory", "it/s")
    widths = [min(max(map(cell_len, column)), _MOST_FACT) for column in zip(titles, *facts, strict=True)]
    stores = ["this" if worker.store == store else worker.store or "–" for worker in workers] if others else []
    # What is left is shared by names and stores, as far as these need it.
    left = pen.width - sum(widths) - 2 * (len(widths) + others)
    store_width = min(max(map(cell_len, ["Store", *stores])), max(left // 2, _LEAST_NAME)) if others else 0
    names = short_names([worker.name for worker in workers], max(min(left - store_width, 40), _LEAST_NAME))
    longest = max(4, *(cell_len(name) for name in names))
    header = [("Run", -longest), *zip(titles, widths, strict=True)] + ([("Store", -store_width)] if others else [])
    lines = [pen.title("Processes", f"{len(workers)}"), pen.row(header, faint=True)]
    for number, name in enumerate(names):
        cells = [(name, -longest), *zip(facts[number], widths, strict=True)]
        lines.append(pen.row(cells + ([(stores[number], -store_width)] if others else [])))
    return [*lines, ()]


def history_lines(history: MachineHistory, machine: Machine, width: int, room: int, look: Look) -> list[Line]:
    """Charts of the last hour, as many as fit into the room that is left; none in too little."""
    percent = (0.0, 100.0)
    # What is busy most often comes first: where there is little room, the rest is left out.
    charts: list[tuple[str, Curve, tuple[float, float] | None]] = [
        ("cpu %", history.cpu, percent),
        *((f"cuda:{gpu.index} %", history.gpu(gpu.uuid), percent) for gpu in machine.gpus),
        ("memory GiB", history.memory, (0.0, machine.memory_total / _GIB)),
        *((f"cuda:{gpu.index} GiB", history.gpu_memory(gpu.uuid), None) for gpu in machine.gpus),
        ("disk free GiB", history.disk, None),
    ]
    charts = [entry for entry in charts if len(entry[1][0]) > 1]
    across, rows = _grid(len(charts), width, room - 1)
    if not charts or rows < 1:
        return []
    height = (room - 1) // rows - 1
    cells = width // across - _GAP
    lines: list[Line] = [_Pen(look, width).title("The last hour", "minutes before now")]
    for row in range(rows):
        drawn = [
            chart(
                [Series("", *curve, rgb(look.heading))],
                cells,
                height,
                title=title,
                scale=Scale(bounds=bounds),
                ink=look.ink,
            ).lines
            for title, curve, bounds in charts[row * across : (row + 1) * across]
        ]
        for parts in zip(*drawn, strict=True):
            line: list[Segment] = []
            for part in parts:
                line += Segment.adjust_line_length(list(part), cells, None)
                line.append(Segment(" " * _GAP))
            lines.append(tuple(line))
        lines.append(())
    return lines


def _grid(count: int, width: int, room: int) -> tuple[int, int]:
    """How many charts stand side by side, and in how many rows, so that each is as large as it can be.

    If not all have room, the most that have.
    """
    most = max(width // _LEAST_CHART_WIDTH, 1)
    grids = [(across, -(-count // across)) for across in range(1, most + 1)]
    usable = [(across, rows) for across, rows in grids if rows and room // rows > _LEAST_CHART]
    if not usable:
        return most, min(-(-count // most), room // (_LEAST_CHART + 1))
    return max(usable, key=lambda grid: min(width // grid[0], _SHAPE * (room // grid[1])))


def _beside(left: Sequence[Line], right: Sequence[Line], cells: int) -> list[Line]:
    """Two columns, the right one beginning after so many cells."""
    pairs = itertools.zip_longest(left, right, fillvalue=())
    return [(*Segment.adjust_line_length(list(one), cells, None), *other) for one, other in pairs]


def _named(runs: Sequence[Run], width: int) -> str:
    """Names of runs in at most so many cells; of those that have no room, the number."""
    names = [cut_in_the_middle(clean(run.name), 24) for run in runs]
    for count in range(len(names), 0, -1):
        text = ", ".join(names[:count]) + (f" and {len(names) - count} more" if count < len(names) else "")
        if cell_len(text) <= width or count == 1:
            return text
    return ""


class _Pen:
    """Writes lines in the colours of a look, within a width."""

    def __init__(self, look: Look, width: int) -> None:
        self.width = width
        self._bar = _BAR if width >= _NARROW else _NARROW_BAR
        self._look = look

    def title(self, text: str, facts: str) -> Line:
        heading, faint = style_of(rgb(self._look.heading)), style_of(rgb(self._look.faint))
        return (Segment(f"{text}  ", heading), Segment(clean(facts), faint))

    def gauge(self, name: str, share: float, text: str) -> Line:
        look = self._look
        share = min(max(share, 0.0), 1.0)
        filled = round(share * self._bar)
        colour = look.alert if share >= _FULL else look.heading
        faint = style_of(rgb(look.faint))
        return (
            Segment(name.ljust(_NAME), faint),
            Segment("━" * filled, style_of(rgb(colour))),
            Segment("─" * (self._bar - filled), faint),
            Segment(f"  {text}"),
        )

    def row(self, cells: Sequence[tuple[str, int]], *, faint: bool = False) -> Line:
        """A line of a table: texts with their widths, negative where they are set to the left."""
        text = ""
        for value, width in cells:
            cut = cut_in_the_middle(clean(value), abs(width))
            blank = " " * (abs(width) - cell_len(cut))
            text += (cut + blank if width < 0 else blank + cut) + "  "
        return (Segment(clean(text.rstrip(), self.width), style_of(rgb(self._look.faint)) if faint else None),)

    def plain(self, text: str) -> Line:
        return (Segment(clean(text, self.width), style_of(rgb(self._look.faint))),)


def _strangers(gpu: Gpu) -> str:
    count = len(gpu.pids)
    return "no run" if not count else f"no run of this store, {count} other process{'' if count == 1 else 'es'}"


def _filled(texts: Sequence[str], width: int) -> list[str]:
    """Texts in columns, as many as fit."""
    widest = max(cell_len(text) for text in texts) + 3
    across = max(width // widest, 1)
    rows = (texts[at : at + across] for at in range(0, len(texts), across))
    return ["".join(text + " " * (widest - cell_len(text)) for text in row) for row in rows]


def slot_title(name: str, gpus: tuple[Gpu, ...]) -> str:
    """A slot as a person reads it: ``core 3``, ``cuda:1``, ``cuda:1 #2``."""
    if match := _GPU_SLOT.fullmatch(name):
        number = next((gpu.index for gpu in gpus if match[1].startswith(gpu.uuid)), None)
        device = match[1][:12] if number is None else f"cuda:{number}"
        return device if match[2] == "0" else f"{device} #{int(match[2]) + 1}"
    return name.replace("-", " ")
