"""What each latent code of a run does: a traversal of its newest checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import Footer, Static
from textual.worker import get_current_worker

from cr_tui.dashboard import keymap
from cr_tui.dashboard.data import Run, Source, Traversal
from cr_tui.dashboard.screens.base import DashboardScreen
from cr_tui.dashboard.theme import FAINT
from cr_tui.dashboard.widgets.cells_view import CellsView
from cr_tui.dashboard.widgets.text_line import TextLine
from cr_tui.dashboard.widgets.title_bar import TitleBar
from cr_tui.render.traversal import code_labels, draw_traversal
from cr_tui.text import clean
from engine.errors import CrtuiError

_TILE_CELLS = 22
_FEWEST, _MOST = 3, 21


class InspectScreen(DashboardScreen):
    """A row of images a code, everything else held at a random draw.

    Args:
        run: whose model it is.
    """

    place = "inspect"
    CSS_PATH = "inspect.tcss"
    AUTO_FOCUS = "#images"
    BINDINGS = keymap.bindings("inspect")

    @dataclass
    class Traversed(Message):
        """The images are there."""

        traversal: Traversal
        seed: int

    @dataclass
    class Refused(Message):
        """There is nothing to see, and why."""

        reason: str

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run
        self._seed = 0
        self._steps = 0
        self._traversal: Traversal | None = None

    def compose(self) -> ComposeResult:
        yield TitleBar("inspect")
        yield TextLine(widget_id="headline")
        with VerticalScroll(id="images"):
            yield CellsView(widget_id="traversal")
            yield Static(id="waiting")
        yield Footer(show_command_palette=False, compact=True)

    def on_resize(self, event: events.Resize) -> None:
        if self._steps:
            self.call_after_refresh(self._draw)
        else:
            self._steps = min(max(event.size.width // _TILE_CELLS | 1, 5), 11)
            self._ask()

    # -- asking ------------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        waiting = self.query_one("#waiting", Static)
        waiting.display = self._traversal is None
        waiting.update(Text("reading the newest checkpoint …", style=FAINT))
        self._draw_headline()
        self._traverse(self.dashboard.source, self._steps, self._seed)

    @work(thread=True, exclusive=True, group="traverse")
    def _traverse(self, source: Source, steps: int, seed: int) -> None:
        worker = get_current_worker()
        try:
            answer: Message = self.Traversed(source.traversal(self._run.id, steps, seed), seed)
        except CrtuiError as error:
            answer = self.Refused(str(error))
        if not worker.is_cancelled:
            self.post_message(answer)

    @on(Traversed)
    def _show_traversal(self, message: Traversed) -> None:
        self._traversal = message.traversal
        self.query_one("#waiting").display = False
        self._draw()

    @on(Refused)
    def _show_refusal(self, message: Refused) -> None:
        waiting = self.query_one("#waiting", Static)
        waiting.display = True
        waiting.update(Text(clean(message.reason), style="#d7af5f"))

    # -- drawing -----------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        self._draw_headline()
        area = self.query_one("#images").content_size
        if self._traversal is None or not area.width:
            return
        frames = self._traversal.frames
        labels = code_labels(frames.shape[1])
        self.query_one("#traversal", CellsView).show(draw_traversal(frames, labels, area.width - 1, area.height))

    def _draw_headline(self) -> None:
        line = Text().append(clean(self._run.name), style="bold").append(f"  {clean(self._run.method)}", style=FAINT)
        if self._traversal is not None:
            line.append(f" · checkpoint {self._traversal.step}", style=FAINT)
        line.append(f" · draw {self._seed} · {self._steps} steps", style=FAINT)
        self.query_one("#headline", TextLine).write(line)

    # -- actions -----------------------------------------------------------------------------------------------------

    def action_resample(self) -> None:
        self._seed += 1
        self._ask()

    def action_more_steps(self) -> None:
        self._steps = min(self._steps + 2, _MOST)
        self._ask()

    def action_fewer_steps(self) -> None:
        self._steps = max(self._steps - 2, _FEWEST)
        self._ask()

    def action_reload(self) -> None:
        self._ask()

    def action_back(self) -> None:
        self.dismiss()
