"""One line on how busy this machine is."""

from __future__ import annotations

from rich.text import Text
from textual import events

from cr_tui.dashboard.model.data import Gpu, Machine
from cr_tui.dashboard.shared.slots_text import slots_text
from cr_tui.dashboard.shared.text_line import TextLine
from cr_tui.dashboard.theme import Look, look_of
from cr_tui.text import clean

_GIB = 2**30
_MIB_A_GIB = 1024
_FULL_PERCENT = 90.0
_LITTLE_SPACE = 5 * _GIB
_GPU_FACTS = 3


class MachineStrip(TextLine):
    """Processors, memory, disk and GPUs in a line; what is nearly full is coloured."""

    DEFAULT_CSS = """
    MachineStrip { padding: 0 1; background: $surface; }
    """

    def __init__(self) -> None:
        super().__init__(widget_id="machine")
        self._machine: Machine | None = None

    def on_resize(self, event: events.Resize) -> None:
        self.redraw()

    def show_machine(self, machine: Machine) -> None:
        """Show new values."""
        self._machine = machine
        self.redraw()

    def redraw(self) -> None:
        """Write the line again."""
        machine, look = self._machine, look_of(self.app)
        if machine is None:
            return
        lines = [self._line(machine, look, facts) for facts in range(_GPU_FACTS, -1, -1)]
        self.write(next((line for line in lines if line.cell_len <= self.content_size.width), lines[-1]))

    def _line(self, machine: Machine, look: Look, gpu_facts: int) -> Text:
        """The line with so many facts of each GPU; with none, the slots are left out and one fact stays."""
        share = 100 * machine.memory_used / max(machine.memory_total, 1)
        memory = f"{machine.memory_used / _GIB:.1f}/{machine.memory_total / _GIB:.1f}G"
        line = Text()
        for name, value, alarming in (
            ("cpu", f"{machine.cpu:.0f}%", False),
            ("memory", memory, share > _FULL_PERCENT),
            ("disk", f"{machine.disk_free / _GIB:.0f}G free", machine.disk_free < _LITTLE_SPACE),
        ):
            line.append("   " if line else "").append(f"{name} ", style=look.faint)
            line.append(value, style=look.alert if alarming else "")
        if machine.slots and gpu_facts:
            free = len(machine.slots) - sum(machine.slots.values())
            line.append("   ").append(slots_text(free, len(machine.slots)), style=look.faint)
        for gpu in machine.gpus:
            line.append(f"   cuda:{gpu.index} ", style=look.faint).append_text(gpu_text(gpu, look, gpu_facts or 1))
        return line


def gpu_text(gpu: Gpu, look: Look, most: int = _GPU_FACTS) -> Text:
    """Utilisation, memory and temperature of a GPU, the first so many of those that are known; else its name."""
    parts = []
    if gpu.utilisation is not None:
        parts.append(f"{gpu.utilisation:.0f}%")
    if gpu.used_mib is not None and gpu.total_mib is not None:
        parts.append(f"{gpu.used_mib / _MIB_A_GIB:.1f}/{gpu.total_mib / _MIB_A_GIB:.0f}G")
    if gpu.celsius is not None:
        parts.append(f"{gpu.celsius:.0f}°C")
    return Text(" ".join(parts[:most]) or clean(gpu.name, 20), style="" if parts else look.faint)
