"""What a grid of charts shows, as one value that can be given to a thread."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from cr_tui.dashboard.charts.window import Window
from cr_tui.dashboard.model.curves import Axis, ScalarKey, ShownRun
from cr_tui.dashboard.shared.series import overlay
from cr_tui.render.curves.chart import Series, x_span

GUTTER = 2
_LEAST_WIDTH, _LEAST_HEIGHT = 36, 8
_MOST_COLUMNS = 4


@dataclass(frozen=True)
class ChartStyle:
    """How curves are drawn.

    Args:
        axis: the x axis.
        smooth: whether to draw moving averages.
        band: whether to draw the measured values behind them.
        log_y: whether the y axis is logarithmic.
    """

    axis: Axis = "step"
    smooth: bool = False
    band: bool = True
    log_y: bool = False


@dataclass(frozen=True)
class Scene:
    """The runs, their charts, the focused chart, and how all is drawn.

    Args:
        runs: in their colours.
        keys: the scalars; each has a chart.
        focus: the scalar whose chart obeys the keys; the first if it is not among ``keys``.
        alone: whether only the focused chart is shown.
    """

    runs: tuple[ShownRun, ...] = ()
    keys: tuple[ScalarKey, ...] = ()
    focus: ScalarKey | None = None
    alone: bool = False
    style: ChartStyle = field(default_factory=ChartStyle)
    window: Window = field(default_factory=Window)

    @cached_property
    def focused(self) -> ScalarKey | None:
        """The scalar whose chart obeys the keys."""
        return self.focus if self.focus in self.keys else next(iter(self.keys), None)

    @cached_property
    def whole(self) -> tuple[float, float]:
        """The first and last position of any curve."""
        return x_span([series for key in self.keys for series in self.series(key)]) or (0.0, 1.0)

    @property
    def shown(self) -> tuple[float, float]:
        """The first and last position that is shown."""
        return self.window.shown(self.whole)

    def series(self, key: ScalarKey) -> tuple[Series, ...]:
        """The lines of a scalar's chart."""
        style = self.style
        return overlay(self.runs, key, style.axis, smooth=style.smooth, band=style.band)

    def series_of(self, run: ShownRun, key: ScalarKey) -> Series | None:
        """The line of one run in a scalar's chart; None where it has none."""
        found = overlay((run,), key, self.style.axis, smooth=self.style.smooth, band=False)
        return found[0] if found else None

    def shape(self, width: int, height: int) -> tuple[int, int]:
        """How many charts to show across and down in so many cells and lines."""
        if self.alone:
            return 1, 1
        most_across = min(max((width + GUTTER) // (_LEAST_WIDTH + GUTTER), 1), _MOST_COLUMNS)
        most_down = max(height // _LEAST_HEIGHT, 1)
        count = max(len(self.keys), 1)
        across = min(most_across, count)
        return across, min(most_down, -(-count // across))

    def page(self, width: int, height: int) -> tuple[ScalarKey, ...]:
        """The scalars whose charts are on the screen: the page with the focused one."""
        if self.focused is None:
            return ()
        if self.alone:
            return (self.focused,)
        across, down = self.shape(width, height)
        size = across * down
        first = self.keys.index(self.focused) // size * size
        return self.keys[first : first + size]

    def neighbour(self, across: int, down: int, columns: int) -> ScalarKey | None:
        """The scalar of a chart beside the focused one; the focused one if there is none."""
        if self.focused is None:
            return None
        at = self.keys.index(self.focused) + across + down * columns
        return self.keys[at] if 0 <= at < len(self.keys) else self.focused
