"""Changes how codes are drawn: how many images, how large, in which way."""

from __future__ import annotations

from cr_tui.dashboard.inspect.layout import ZOOMS, bounded_steps
from cr_tui.dashboard.inspect.showing import ShownInspection
from cr_tui.render.images.image_modes import ImageMode

_MODES: tuple[ImageMode, ...] = ("halfblock", "ascii", "off")


class DrawingKeys(ShownInspection):
    """The keys for steps, zoom and the way of showing images."""

    def action_more_steps(self) -> None:
        self._take_steps(2)

    def action_fewer_steps(self) -> None:
        self._take_steps(-2)

    def _take_steps(self, by: int) -> None:
        exploration = self.exploration
        if exploration is not None and (steps := bounded_steps(exploration.steps + by)) != exploration.steps:
            self._steps_chosen = True
            exploration.steps = steps
            for side in exploration.sides:
                side.strips.clear()
            self.view.draw()
            self._wish_all()

    def action_zoom_in(self) -> None:
        self._zoom(1)

    def action_zoom_out(self) -> None:
        self._zoom(-1)

    def _zoom(self, by: int) -> None:
        zoom = min(max(self._inspection.zoom + by, 0), len(ZOOMS) - 1)
        if zoom == self._inspection.zoom:
            self.say("all codes are on the screen" if by < 0 else "codes cannot be drawn larger")
            return
        self._inspection.zoom = zoom
        self.view.draw()
        self._wish_all()
        if self.exploration is not None:
            self.query_one(f"#code-{self.exploration.code}").scroll_visible(animate=False)

    def action_image_mode(self) -> None:
        own = self.session.images.mode
        modes = list(dict.fromkeys((own, *_MODES)))
        at = modes.index(self.session.image_mode)
        self.session.image_mode = modes[(at + 1) % len(modes)]
        self.view.draw()
        self._wish_all()
