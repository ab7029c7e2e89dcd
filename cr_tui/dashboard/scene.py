"""What a grid of charts is to show, as one value that a drawing thread can be given."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from cr_tui.dashboard.groups import ShownRun, overlay
from cr_tui.dashboard.history import Axis, ScalarKey
from cr_tui.dashboard.window import Window
from cr_tui.render.chart import Series, x_span

GUTTER = 2
_LEAST_WIDTH, _LEAST_HEIGHT = 36, 8
_MOST_COLUMNS = 4


@dataclass(frozen=True)
class ChartStyle:
    """How curves are drawn.

    Args:
        axis: what they run over.
        smooth: whether as moving averages.
        band: whether what was measured stands behind those.
        log_y: logarithmic values.
    """

    axis: Axis = "step"
    smooth: bool = False
    band: bool = True
    log_y: bool = False


@dataclass(frozen=True)
class Scene:
    """The curves, the chart that the keys are for, and how all is drawn.

    Args:
        runs: in their colours.
        keys: the scalars, a chart each.
        focus: the scalar whose chart the keys are for; the first when it is not there.
        alone: whether only that one is shown.
    """

    runs: tuple[ShownRun, ...] = ()
    keys: tuple[ScalarKey, ...] = ()
    focus: ScalarKey | None = None
    alone: bool = False
    style: ChartStyle = field(default_factory=ChartStyle)
    window: Window = field(default_factory=Window)

    @cached_property
    def focused(self) -> ScalarKey | None:
        """The scalar whose chart the keys are for."""
        return self.focus if self.focus in self.keys else next(iter(self.keys), None)

    @cached_property
    def whole(self) -> tuple[float, float]:
        """The first and last position of any curve."""
        return x_span([line for key in self.keys for line in self.lines(key)]) or (0.0, 1.0)

    @property
    def shown(self) -> tuple[float, float]:
        """The first and last position that is shown."""
        return self.window.shown(self.whole)

    def lines(self, key: ScalarKey) -> tuple[Series, ...]:
        """The curves of a chart."""
        style = self.style
        return overlay(self.runs, key, style.axis, smooth=style.smooth, band=style.band)

    def line(self, run: ShownRun, key: ScalarKey) -> Series | None:
        """The curve of one run in a chart; None where it has none."""
        lines = overlay((run,), key, self.style.axis, smooth=self.style.smooth, band=False)
        return lines[0] if lines else None

    def shape(self, width: int, height: int) -> tuple[int, int]:
        """Charts across and down that fit into cells and are needed."""
        if self.alone:
            return 1, 1
        most_across = min(max((width + GUTTER) // (_LEAST_WIDTH + GUTTER), 1), _MOST_COLUMNS)
        most_down = max(height // _LEAST_HEIGHT, 1)
        count = max(len(self.keys), 1)
        across = min(most_across, count)
        return across, min(most_down, -(-count // across))

    def page(self, width: int, height: int) -> tuple[ScalarKey, ...]:
        """The charts on the screen: the page that has the one the keys are for."""
        if self.focused is None:
            return ()
        if self.alone:
            return (self.focused,)
        across, down = self.shape(width, height)
        size = across * down
        first = self.keys.index(self.focused) // size * size
        return self.keys[first : first + size]

    def neighbour(self, across: int, down: int, columns: int) -> ScalarKey | None:
        """The chart beside the one the keys are for; that one where there is none."""
        if self.focused is None:
            return None
        at = self.keys.index(self.focused) + across + down * columns
        return self.keys[at] if 0 <= at < len(self.keys) else self.focused
