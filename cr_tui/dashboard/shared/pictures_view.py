"""A widget that shows pictures among text, in the way that the terminal can."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from textual.app import App
from textual.widget import Widget

from cr_tui.dashboard.model.session import Session
from cr_tui.dashboard.shared.cells_view import CellsView
from cr_tui.render.cells import CellMode, Cells, laid_out
from cr_tui.render.images import graphics
from cr_tui.render.images.halfblock import draw_image, fit
from cr_tui.render.images.image_modes import CellSize, ImageMode


@dataclass(frozen=True, eq=False)
class Picture:
    """Images in a row at a place.

    Args:
        frames: uint8 ``[n, H, W, C]``.
        left: cells from the left edge.
        top: lines from the top.
        across: cells that each image takes across; one cell stands between two.
        down: lines that each takes.
    """

    frames: NDArray[np.uint8]
    left: int
    top: int
    across: int
    down: int

    @property
    def columns(self) -> int:
        """Cells across of all of them."""
        return len(self.frames) * (self.across + 1) - 1

    def looks_like(self, other: Picture) -> bool:
        """Whether both show the very same images at the same size."""
        sizes = (self.across, self.down) == (other.across, other.down)
        return sizes and (self.frames is other.frames or np.array_equal(self.frames, other.frames))


class PicturesView(CellsView):
    """Shows cells and, among them, pictures; only what changed of both is sent to the terminal.

    Args:
        session: says how images are shown.
    """

    def __init__(self, session: Session, *, widget_id: str | None = None) -> None:
        super().__init__(widget_id=widget_id)
        self.session = session
        self._shown: tuple[int, int, list[tuple[int, int, Cells]], Sequence[Picture]] = (0, 0, [], ())
        self._uploaded: dict[tuple[int, int], tuple[Picture, graphics.KittyPicture]] = {}
        self._drawn: dict[tuple[int, int], tuple[Picture, CellMode, Cells]] = {}
        self._sixels: dict[tuple[int, int], tuple[Picture, Widget]] = {}

    def show_pictures(
        self, width: int, height: int, texts: Iterable[tuple[int, int, Cells]], pictures: Sequence[Picture]
    ) -> None:
        """Show other texts and pictures.

        Args:
            width: cells across.
            height: lines.
            texts: left edge, top edge and drawing of each.
            pictures: those among them.
        """
        self._shown = width, height, list(texts), pictures
        mode, cell = self.session.image_mode, self.session.images.cell
        self._place_sixels(pictures if mode == "sixel" else (), cell)
        self._forget(pictures if mode == "kitty" else ())
        blocks = [(picture.left, picture.top, self._cells_of(picture, mode, cell)) for picture in pictures]
        self.show(laid_out(width, height, [*self._shown[2], *blocks]))

    def on_mount(self) -> None:
        if self.session.images.through_tmux:
            self.watch(self.app, "app_focus", self._send_again, init=False)

    def on_unmount(self) -> None:
        self._forget(())

    def _cells_of(self, picture: Picture, mode: ImageMode, cell: CellSize) -> Cells:
        if mode == "kitty":
            return self._upload(picture, cell)
        if mode in ("halfblock", "ascii"):
            return self._draw_tiles(picture, "ascii" if mode == "ascii" else "blocks")
        return Cells(())

    def _draw_tiles(self, picture: Picture, mode: CellMode) -> Cells:
        at = picture.left, picture.top
        kept = self._drawn.get(at)
        if kept is not None and kept[1] == mode and kept[0].looks_like(picture):
            return kept[2]
        blocks = []
        for number, frame in enumerate(picture.frames):
            plain = frame[..., 0] if frame.shape[2] == 1 else frame
            tile = draw_image(fit(plain, picture.across, 2 * picture.down), mode=mode)
            blocks.append((number * (picture.across + 1), 0, tile))
        cells = laid_out(picture.columns, picture.down, blocks)
        self._drawn[at] = picture, mode, cells
        return cells

    # -- Kitty -------------------------------------------------------------------------------------------------------

    def _upload(self, picture: Picture, cell: CellSize) -> Cells:
        at = picture.left, picture.top
        before = self._uploaded.get(at)
        if before is not None and before[0].looks_like(picture):
            return before[1].cells
        image = graphics.strip_image(picture.frames, picture.across, picture.down, cell)
        through_tmux = self.session.images.through_tmux
        kitty = graphics.kitty_picture(image, picture.columns, picture.down, cell, through_tmux=through_tmux)
        # Written by the driver, so that it falls between two updates of the screen and not into one.
        _write(self.app, kitty.upload + (before[1].removal if before is not None else ""))
        self._uploaded[at] = picture, kitty
        return kitty.cells

    def _send_again(self, focused: bool) -> None:
        """Send all pictures again: tmux drops what comes while it shows another window, or nobody is attached.

        They get new names, because tmux writes no cell that it holds already, and Kitty looks at written cells only.
        """
        if focused and self._uploaded:
            self._forget(())
            self.show_pictures(*self._shown)

    def _forget(self, pictures: Iterable[Picture]) -> None:
        """Remove the pictures that are no longer shown from the terminal's memory."""
        wanted = {(picture.left, picture.top) for picture in pictures}
        for at in [at for at in self._uploaded if at not in wanted]:
            _write(self.app, self._uploaded.pop(at)[1].removal)

    # -- Sixel -------------------------------------------------------------------------------------------------------

    def _place_sixels(self, pictures: Iterable[Picture], cell: CellSize) -> None:
        """Have one widget of the library for each picture, and change only those that look different."""
        wanted = {(picture.left, picture.top): picture for picture in pictures}
        for at in [at for at in self._sixels if at not in wanted]:
            self._sixels.pop(at)[1].remove()
        for at, picture in wanted.items():
            before = self._sixels.get(at)
            if before is not None and before[0].looks_like(picture):
                continue
            image = graphics.strip_image(picture.frames, picture.across, picture.down, cell)
            if before is None:
                widget = graphics.sixel_widget(image, cell)
                widget.styles.position = "absolute"
                widget.styles.offset = at
                self.mount(widget)
            else:
                widget = before[1]
                graphics.change_sixel(widget, image)
            widget.styles.width, widget.styles.height = picture.columns, picture.down
            self._sixels[at] = picture, widget


def _write(app: App[Any], text: str) -> None:
    if text and app._driver is not None:
        app._driver.write(text)
