"""Draws how busy this machine is, and which run uses what."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from textual import events

from cr_tui.dashboard.model.data import LIVE_STATUSES, Gpu, Machine, Run, Worker
from cr_tui.dashboard.model.machine_history import Curve, MachineHistory
from cr_tui.dashboard.shared.cells_view import CellsView
from cr_tui.dashboard.shared.short_names import cut_in_the_middle, short_names
from cr_tui.dashboard.shared.slots_text import slots_text
from cr_tui.dashboard.theme import Look, look_of, rgb
from cr_tui.render.cells import Cells, style_of
from cr_tui.render.curves.chart import Scale, chart
from cr_tui.render.curves.series import Series
from cr_tui.text import clean

_GIB, _MIB = 2**30, 2**20
_MIB_A_GIB = 1024
_NAME = 10
_BAR = 24
_NARROW_BAR = 12
_FULL = 0.9
_NARROW = 100
_AROUND = 4
"""Lines of the screen that are not the view's: title, footer, padding."""
_LEAST_CHART, _MOST_CHART, _LEAST_CHART_WIDTH, _GAP = 5, 14, 38, 2
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
        pen = _Pen(look, width)
        lines: list[Line] = [
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
        ]
        lines += self._gpu_lines(machine, pen)
        lines += self._slot_lines(machine, pen)
        lines += worker_lines(self._workers, machine, self._store, pen)
        lines += self._waiting_lines(machine, pen)
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
            facts.append(", ".join(cut_in_the_middle(clean(run.name), 24) for run in here) or _strangers(gpu))
            busy = (gpu.utilisation or 0.0) / 100
            used, total = gpu.used_mib or 0.0, gpu.total_mib or 0.0
            text = "–" if gpu.utilisation is None else f"{gpu.utilisation:.0f}%"
            lines.append(pen.gauge(f"cuda:{gpu.index}", busy, text))
            memory = f"{used / _MIB_A_GIB:.1f} of {total / _MIB_A_GIB:.1f} GiB" if total else "–"
            lines.append(pen.gauge("", used / max(total, 1.0), memory))
            lines.append(pen.plain(" " * _NAME + "  ·  ".join(facts)))
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
    widths = {"PID": 8, "Where": 16, "CPU": 6, "Memory": 10, "it/s": 8}
    store_width = min(max(pen.width // 4, 12), 40) if others else 0
    room = pen.width - sum(widths.values()) - store_width - 2 * (len(widths) + others)
    names = short_names([worker.name for worker in workers], max(min(room, 40), 8))
    longest = max(4, *(cell_len(name) for name in names))
    header = [("Run", -longest), *((title, width) for title, width in widths.items())]
    header += [("Store", -store_width)] if others else []
    lines = [pen.title("Processes", f"{len(workers)}"), pen.row([(text, width) for text, width in header], faint=True)]
    for worker, name in zip(workers, names, strict=True):
        where = ", ".join(slot_title(slot, machine.gpus) for slot in worker.slots) or "no slot"
        cells = [
            (name, -longest),
            (str(worker.pid), widths["PID"]),
            (where, widths["Where"]),
            ("–" if worker.cpu is None else f"{worker.cpu:.0f}%", widths["CPU"]),
            (f"{worker.memory / _MIB:,.0f} MiB", widths["Memory"]),
            ("–" if worker.speed is None else f"{worker.speed:.3g}", widths["it/s"]),
        ]
        own = worker.store == store
        cells += [("this" if own else worker.store or "–", -store_width)] if others else []
        lines.append(pen.row(cells))
    return [*lines, ()]


def history_lines(history: MachineHistory, machine: Machine, width: int, room: int, look: Look) -> list[Line]:
    """Charts of the last hour, as many as fit into the room that is left; none in too little."""
    percent = (0.0, 100.0)
    charts: list[tuple[str, Curve, tuple[float, float] | None]] = [
        ("cpu %", history.cpu, percent),
        ("memory GiB", history.memory, (0.0, machine.memory_total / _GIB)),
        ("disk free GiB", history.disk, None),
    ]
    for gpu in machine.gpus:
        charts.append((f"cuda:{gpu.index} %", history.gpu(gpu.uuid), percent))
        charts.append((f"cuda:{gpu.index} GiB", history.gpu_memory(gpu.uuid), None))
    charts = [entry for entry in charts if len(entry[1][0]) > 1]
    across = max(min(width // _LEAST_CHART_WIDTH, len(charts)), 1)
    rows = min(-(-len(charts) // across), (room - 1) // (_LEAST_CHART + 1))
    if not charts or rows < 1:
        return []
    height = min((room - 1) // rows - 1, _MOST_CHART)
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
