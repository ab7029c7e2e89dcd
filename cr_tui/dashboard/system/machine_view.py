"""Draws how busy this machine is, and which run uses what."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence

import numpy as np
from rich.cells import set_cell_size
from rich.segment import Segment
from textual import events

from cr_tui.dashboard.model.data import LIVE_STATUSES, Gpu, Machine, Run
from cr_tui.dashboard.shared.cells_view import CellsView
from cr_tui.dashboard.theme import Look, look_of, rgb
from cr_tui.render.cells import Cells, style_of
from cr_tui.render.curves.sparkline import sparkline
from cr_tui.text import clean

_GIB = 2**30
_MIB_A_GIB = 1024
_REMEMBERED = 240
_NAME = 10
_BAR = 24
_NARROW_BAR = 12
_FULL = 0.9
_NARROW = 100
_GPU_SLOT = re.compile(r"gpu-((?:GPU|MIG)-.+)-(\d+)")
Line = tuple[Segment, ...]


class MachineView(CellsView):
    """A line for processors, memory and disk, two for each GPU, then the slots and who waits for one."""

    DEFAULT_CSS = """
    MachineView { height: auto; padding: 1 2; }
    """

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(widget_id=widget_id)
        self._machine: Machine | None = None
        self._runs: Sequence[Run] = ()
        self._past: dict[str, deque[float]] = {}

    def show_machine(self, machine: Machine) -> None:
        """Show new values, and remember them for the traces."""
        self._machine = machine
        self._remember("cpu", machine.cpu)
        self._remember("memory", 100 * machine.memory_used / max(machine.memory_total, 1))
        for gpu in machine.gpus:
            if gpu.utilisation is not None:
                self._remember(gpu.uuid, gpu.utilisation)
        self.redraw()

    def show_runs(self, runs: Sequence[Run]) -> None:
        """Show which runs use what."""
        self._runs = [run for run in runs if run.status in LIVE_STATUSES]
        self.redraw()

    def _remember(self, what: str, value: float) -> None:
        self._past.setdefault(what, deque(maxlen=_REMEMBERED)).append(value)

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
            pen.gauge("cpu", machine.cpu / 100, f"{machine.cpu:.0f}%", self._trace("cpu", pen)),
            pen.gauge(
                "memory",
                machine.memory_used / max(machine.memory_total, 1),
                f"{machine.memory_used / _GIB:.1f} of {machine.memory_total / _GIB:.1f} GiB",
                self._trace("memory", pen),
            ),
            pen.gauge(
                "disk",
                1 - machine.disk_free / max(machine.disk_total, 1),
                f"{machine.disk_free / _GIB:.1f} GiB free for the store",
                "",
            ),
            (),
        ]
        lines += self._gpu_lines(machine, pen)
        lines += self._slot_lines(machine, pen)
        self.show(Cells(tuple(lines)))

    def _trace(self, what: str, pen: _Pen) -> str:
        return sparkline(np.array(self._past.get(what, ())), pen.trace_width, bounds=(0.0, 100.0))

    def _gpu_lines(self, machine: Machine, pen: _Pen) -> list[Line]:
        if not machine.gpus:
            return [pen.title("GPUs", "none: nvidia-smi lists no GPU, so runs train on the processor"), ()]
        lines = [pen.title("GPUs", f"{len(machine.gpus)}")]
        for gpu in machine.gpus:
            here = [run for run in self._runs if run.pid in gpu.pids or run.device == f"cuda:{gpu.index}"]
            facts = [clean(gpu.name, 30)]
            facts += [f"{gpu.celsius:.0f} °C"] if gpu.celsius is not None else []
            facts += [f"{gpu.watts:.0f} W"] if gpu.watts is not None else []
            facts.append(", ".join(clean(run.name, 24) for run in here) or _strangers(gpu))
            busy = (gpu.utilisation or 0.0) / 100
            used, total = gpu.used_mib or 0.0, gpu.total_mib or 0.0
            text = "–" if gpu.utilisation is None else f"{gpu.utilisation:.0f}%"
            lines.append(pen.gauge(f"cuda:{gpu.index}", busy, text, self._trace(gpu.uuid, pen)))
            memory = f"{used / _MIB_A_GIB:.1f} of {total / _MIB_A_GIB:.1f} GiB" if total else "–"
            lines.append(pen.gauge("", used / max(total, 1.0), memory, ""))
            lines.append(pen.plain(" " * _NAME + "  ·  ".join(facts)))
        return [*lines, ()]

    def _slot_lines(self, machine: Machine, pen: _Pen) -> list[Line]:
        if not machine.slots:
            return []
        taken = sum(machine.slots.values())
        lines = [pen.title("Slots", f"{taken} of {len(machine.slots)} taken")]
        named = [("● " if held else "○ ") + slot_title(name, machine.gpus) for name, held in machine.slots.items()]
        lines += [pen.plain(text) for text in _filled(named, pen.width)]
        running = [run for run in self._runs if run.status == "running"]
        if running:
            texts = [f"{clean(run.name, 30)} on {clean(run.device, 12) or 'cpu'}" for run in running]
            lines += [
                (),
                pen.title("Running", f"{len(running)}"),
                *(pen.plain(text) for text in _filled(texts, pen.width)),
            ]
        if machine.strangers:
            slots_of: dict[str, list[str]] = {}
            for name, words in machine.strangers.items():
                slots_of.setdefault(words, []).append(slot_title(name, machine.gpus))
            texts = [f"{', '.join(names)}: {clean(words)}" for words, names in slots_of.items()]
            lines += [(), pen.title("Held by others", f"{len(texts)}"), *map(pen.plain, texts)]
        if machine.waiting:
            names = {run.id: run.name for run in self._runs}
            ordered = sorted(machine.waiting.items(), key=lambda item: item[1])
            texts = [f"{place} {clean(names.get(run_id, run_id), 40)}" for run_id, place in ordered]
            lines += [
                (),
                pen.title("In line", f"{len(texts)}"),
                *(pen.plain(text) for text in _filled(texts, pen.width)),
            ]
        return lines


class _Pen:
    """Writes lines in the colours of a look, within a width."""

    def __init__(self, look: Look, width: int) -> None:
        self.width = width
        self._bar = _BAR if width >= _NARROW else _NARROW_BAR
        self.trace_width = max(min(width - _NAME - self._bar - 34, 60), 0)
        self._look = look

    def title(self, text: str, facts: str) -> Line:
        heading, faint = style_of(rgb(self._look.heading)), style_of(rgb(self._look.faint))
        return (Segment(set_cell_size(text, len(text)) + "  ", heading), Segment(clean(facts), faint))

    def gauge(self, name: str, share: float, text: str, trace: str) -> Line:
        look = self._look
        share = min(max(share, 0.0), 1.0)
        filled = round(share * self._bar)
        colour = look.alert if share >= _FULL else look.heading
        faint = style_of(rgb(look.faint))
        return (
            Segment(name.ljust(_NAME), faint),
            Segment("━" * filled, style_of(rgb(colour))),
            Segment("─" * (self._bar - filled), faint),
            Segment(f"  {text:<30}"),
            Segment(trace, style_of(rgb(look.heading))),
        )

    def plain(self, text: str) -> Line:
        return (Segment(clean(text, self.width), style_of(rgb(self._look.faint))),)


def _strangers(gpu: Gpu) -> str:
    count = len(gpu.pids)
    return "no run" if not count else f"no run of this store, {count} other process{'' if count == 1 else 'es'}"


def _filled(texts: Sequence[str], width: int) -> list[str]:
    """Texts in columns, as many as fit."""
    widest = max(len(text) for text in texts) + 3
    across = max(width // widest, 1)
    return ["".join(text.ljust(widest) for text in texts[at : at + across]) for at in range(0, len(texts), across)]


def slot_title(name: str, gpus: tuple[Gpu, ...]) -> str:
    """A slot as a person reads it: ``core 3``, ``cuda:1``, ``cuda:1 #2``."""
    if match := _GPU_SLOT.fullmatch(name):
        number = next((gpu.index for gpu in gpus if match[1].startswith(gpu.uuid)), None)
        device = match[1][:12] if number is None else f"cuda:{number}"
        return device if match[2] == "0" else f"{device} #{int(match[2]) + 1}"
    return name.replace("-", " ")
