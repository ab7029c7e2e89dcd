"""What each code of two runs does, side by side with its counterpart: why these two agree, or do not."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events, on, work
from textual.message import Message
from textual.timer import Timer
from textual.worker import get_current_worker

from cr_tui.dashboard.model.data import MatchedCode, Run, Source
from cr_tui.dashboard.model.exploration import WEAK, DecodeJob, Exploration, Frames, ImageKey
from cr_tui.dashboard.model.session import Session
from cr_tui.dashboard.shared.image_queue import ImageQueue
from cr_tui.dashboard.shared.pictures_view import Picture, PicturesView
from cr_tui.dashboard.theme import Look, look_of, rgb
from cr_tui.render.cells import Cells, style_of
from cr_tui.short_names import short_names
from cr_tui.text import clean
from engine.errors import CrtuiError, StoreError

_REST_SECONDS = 0.4
"""The pair is read when the cursor has rested on it for so long."""
_KEPT = 8
_LABEL, _BETWEEN = 5, 13
_LOWEST, _LOOSE, _HIGHEST = 2, 4, 10
"""Lines of a code: at least, those from which one stays free, and at most."""
_FEWEST, _ENOUGH, _MOST = 3, 5, 21
"""Images along a code: until it is known how many have room, as many as are kept before images grow, and at most."""
_MOST_COLUMNS, _BESIDE = 3, 3
"""Codes side by side at most, and the cells between two."""
_READABLE = 3
"""Cells across from which an image shows something: no code is worth having all smaller."""
_WORDS = 44
"""Cells of the first line that words behind the names may take."""


@dataclass
class _Pair:
    """What is known of a pair so far."""

    runs: tuple[Run, Run]
    exploration: Exploration | None = None
    matched: bool = False
    trouble: str = ""
    passing: bool = False
    steps: int = field(default=_FEWEST)


@dataclass(frozen=True)
class PairLayout:
    """Sizes in cells.

    Args:
        across: of an image.
        down: lines of an image.
        pitch: lines from one code to the next.
        steps: images along a code.
        rows: codes that have room one below the other.
        columns: codes side by side.
        width: of a column.
    """

    across: int
    down: int
    pitch: int
    steps: int
    rows: int
    columns: int
    width: int

    @property
    def strip(self) -> int:
        """Cells of a traversal across."""
        return self.steps * (self.across + 1) - 1

    @property
    def shown(self) -> int:
        """Codes that have room."""
        return self.rows * self.columns

    def place(self, number: int) -> tuple[int, int]:
        """Left and top of a code's row, by its place among the codes."""
        column, row = divmod(number, self.rows)
        return column * (self.width + _BESIDE), row * self.pitch


def pair_layout(width: int, height: int, codes: int, shape: Sequence[int]) -> PairLayout:
    """The largest images with which all codes fit, or with which most do.

    Args:
        width: cells there are.
        height: lines for the codes.
        codes: how many there are.
        shape: of an image in pixels, height and width first.
    """
    # A cell is twice as high as wide.
    aspect = shape[0] / shape[1] / 2
    tried = [_in_columns(columns, width, height, codes, aspect) for columns in range(1, _MOST_COLUMNS + 1)]
    return max(tried, key=lambda one: (min(one.across, _READABLE), min(one.shown, codes), one.across, -one.columns))


def _in_columns(columns: int, width: int, height: int, codes: int, aspect: float) -> PairLayout:
    """The largest images with so many codes side by side."""
    wide = (width - _BESIDE * (columns - 1)) // columns
    room = max((wide - _LABEL - _BETWEEN) // 2, 1)
    pitch = min(max(height // max(-(-codes // columns), 1), _LOWEST), _HIGHEST)
    # Where there is room, a free line keeps rows from running into each other.
    down = pitch - (pitch >= _LOOSE)
    across = max(min(int(down / aspect), (room + 1) // _ENOUGH - 1), 1)
    steps = min(max((room + 1) // (across + 1), 1), _MOST)
    steps -= steps % 2 == 0 and steps > 1
    down = min(down, max(-(-int(2 * across * aspect) // 2), 1))
    return PairLayout(across, down, pitch, steps, max(height // pitch, 1), columns, wide)


class PairView(PicturesView):
    """Traversals of two runs, a row a code with its counterpart beside it, the codes that agree best first.

    Args:
        session: says how images are shown, and who decodes them.
    """

    DEFAULT_CSS = """
    PairView { width: 1fr; }
    """

    @dataclass
    class Read(Message):
        """Models of a pair were read, and later their codes matched; or why that failed."""

        runs: tuple[str, str]
        exploration: Exploration | None = None
        matches: Sequence[MatchedCode] | None = None
        trouble: str = ""
        passing: bool = False

    def __init__(self, session: Session, *, widget_id: str | None = None) -> None:
        super().__init__(session, widget_id=widget_id)
        self._pairs: OrderedDict[tuple[str, str], _Pair] = OrderedDict()
        self._wanted: tuple[Run, Run] | None = None
        self._rest: Timer | None = None
        self._images = ImageQueue(session.source, self._take_image, self._fail)

    # -- what is shown -----------------------------------------------------------------------------------------------

    @property
    def pair(self) -> _Pair | None:
        """What is known of the pair that is shown."""
        return None if self._wanted is None else self._pairs.get(_ids(self._wanted))

    def show_pair(self, runs: tuple[Run, Run] | None) -> None:
        """Show another pair. It is read once nothing else is asked for a moment; None shows nothing."""
        if self._rest is not None:
            self._rest.stop()
        known = runs is not None and self._wanted is not None and _ids(runs) == _ids(self._wanted)
        self._wanted = runs
        if not known:
            self._images.drop()
        self.redraw()
        if runs is not None and self.display:
            self._rest = self.set_timer(_REST_SECONDS, self._begin)

    def ask_again(self) -> None:
        """Read the pair that is shown, if the store could not be read just then."""
        pair = self.pair
        if pair is not None and pair.passing:
            self._begin()

    def _begin(self) -> None:
        """Read the pair that is wanted, unless that was done."""
        runs = self._wanted
        if runs is None or not self.display or self.session.image_mode == "off":
            return
        key = _ids(runs)
        if key in self._pairs and not self._pairs[key].trouble:
            self._pairs.move_to_end(key)
            self._wish()
            return
        self._pairs[key] = _Pair(runs)
        while len(self._pairs) > _KEPT:
            self._pairs.popitem(last=False)
        self.redraw()
        self._read(self.session.source, runs)

    @work(thread=True, exclusive=True, group="traverse")
    def _read(self, source: Source, runs: tuple[Run, Run]) -> None:
        key, worker = _ids(runs), get_current_worker()
        try:
            first, second = (source.model(run.id) for run in runs)
            exploration = Exploration(runs[0], first, _FEWEST)
            exploration.compare(runs[1], second)
            self.post_message(self.Read(key, exploration))
            if worker.is_cancelled:
                return
            matches = source.match(runs[0].id, first.step, runs[1].id, second.step)
            self.post_message(self.Read(key, matches=matches))
        except CrtuiError as error:
            self.post_message(self.Read(key, trouble=str(error), passing=isinstance(error, StoreError)))

    @on(Read)
    def _take_read(self, message: Read) -> None:
        message.stop()
        pair = self._pairs.get(message.runs)
        if pair is None:
            return
        pair.trouble, pair.passing = message.trouble, message.passing
        if message.exploration is not None:
            pair.exploration = message.exploration
        if message.matches is not None and pair.exploration is not None:
            pair.exploration.match(message.matches)
            pair.matched = True
        self.redraw()
        if pair is self.pair:
            self._wish()

    def _wish(self) -> None:
        """Have the traversals decoded that are not there yet."""
        pair, layout = self.pair, self._layout
        if pair is None or pair.exploration is None or layout is None:
            return
        exploration = pair.exploration
        if exploration.steps != layout.steps:
            exploration.steps = layout.steps
            for side in exploration.sides:
                side.strips.clear()
        jobs = [
            (key, job)
            for key, job in exploration.strip_jobs()
            if key[1] is not None and key[1] not in exploration.sides[key[0]].strips
        ]
        self._images.wish(jobs)
        if self._images.is_idle:
            self.run_worker(self._images.run(), group="decode")

    def _take_image(self, key: ImageKey, job: DecodeJob, frames: Frames) -> None:
        pair = self.pair
        if pair is not None and pair.exploration is not None and self.is_attached:
            owner = pair.exploration.sides[key[0]] if key[0] < len(pair.exploration.sides) else None
            if owner is not None and owner.run.id == job.run_id and pair.exploration.take(key, job, frames):
                self.redraw()

    def _fail(self, error: CrtuiError) -> None:
        if self.pair is not None:
            self.pair.trouble = str(error)
            self.redraw()

    # -- drawing -----------------------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        self.redraw()
        self._wish()

    @property
    def _layout(self) -> PairLayout | None:
        pair, (width, height) = self.pair, self.content_size
        if pair is None or pair.exploration is None or width < 1 or height < 2:
            return None
        facts = pair.exploration.first.facts
        return pair_layout(width, height - 1, facts.codes.count, facts.image_shape)

    def redraw(self) -> None:
        """Draw what is known."""
        width, height = self.content_size
        if width < 1 or height < 1 or not self.is_attached:
            return
        look, texts, pictures = look_of(self.app), [], []
        texts.append((0, 0, Cells((self._headline(width, look),))))
        pair, layout = self.pair, self._layout
        if pair is not None and pair.exploration is not None and layout is not None:
            for number, code in enumerate(self._codes(pair)[: layout.shown]):
                left, top = layout.place(number)
                texts += self._row_texts(pair.exploration, code, left, 1 + top, layout, look)
                pictures += self._row_pictures(pair.exploration, code, left, 1 + top, layout)
        self.show_pictures(width, height, texts, pictures)

    def _codes(self, pair: _Pair) -> list[int]:
        """The codes of the first run, those that agree best first once that is known."""
        exploration = pair.exploration
        assert exploration is not None, "there are codes"
        return sorted(
            range(exploration.first.facts.codes.count), key=lambda code: (-_agreement(exploration, code), code)
        )

    def _headline(self, width: int, look: Look) -> tuple[Segment, ...]:
        faint = style_of(rgb(look.faint))
        if self._wanted is None:
            return (Segment(clean("no pair to compare", width), faint),)
        words, style = self._state(look)
        arrow = "  ↔  "
        room = width - cell_len(arrow) - min(cell_len(words) + 2, max(_WORDS, width // 2))
        first, second = short_names(
            [run.name for run in self._wanted], max(room // 2, 8), [run.group for run in self._wanted]
        )
        line = [Segment(first, Style(bold=True)), Segment(arrow, faint), Segment(second, Style(bold=True))]
        used = sum(segment.cell_length for segment in line)
        return (*line, Segment(clean("  " + words, max(width - used, 1)), style))

    def _state(self, look: Look) -> tuple[str, Style]:
        """What is being waited for, why there is nothing, or how well the codes agree."""
        faint, alert = style_of(rgb(look.faint)), style_of(rgb(look.alert))
        pair = self.pair
        if self.session.image_mode == "off":
            return "images are off; m in the inspect screen shows them", faint
        if pair is None:
            return "", faint
        if pair.trouble:
            return pair.trouble, alert
        if pair.exploration is None:
            return "reading both models …", faint
        if not pair.matched:
            return "matching their codes …", faint
        count = pair.exploration.first.facts.codes.count
        strong = sum(_agreement(pair.exploration, code) >= WEAK for code in range(count))
        words = f"{strong} of {count} codes match"
        layout = self._layout
        hidden = count - layout.shown if layout is not None else 0
        return words + (f", {hidden} not shown" if hidden > 0 else ""), faint if strong == count else alert

    def _row_texts(
        self, exploration: Exploration, code: int, start: int, top: int, layout: PairLayout, look: Look
    ) -> list[tuple[int, int, Cells]]:
        faint, heading = style_of(rgb(look.faint)), style_of(rgb(look.heading)) + Style(bold=True)
        texts = [(start, top, Cells(((Segment(f"c{code}", heading),),)))]
        match = exploration.match_of(code)
        left = start + _LABEL + layout.strip + 1
        if match is None:
            if exploration.matches is not None:
                texts.append((left, top, Cells(((Segment("no match", faint),),))))
            return texts
        weak = match.agreement < WEAK
        name = f"{'-' if match.sign < 0 else ''}c{match.partner}"
        arrow = "↔" if not weak else "?"
        texts.append((left, top, Cells(((Segment(f"{arrow} {name}", faint if weak else heading),),))))
        if layout.down > 1:
            texts.append((left, top + 1, Cells(((Segment(f"  {match.agreement:.0%}", faint),),))))
        return texts

    def _row_pictures(
        self, exploration: Exploration, code: int, start: int, top: int, layout: PairLayout
    ) -> list[Picture]:
        found = []
        for number, side in enumerate(exploration.sides):
            frames = side.strips.get(code)
            match = exploration.match_of(code)
            if frames is None or len(frames) > layout.steps or (number and match is None):
                continue
            left = start + _LABEL + number * (layout.strip + _BETWEEN)
            found.append(Picture(frames, left, top, layout.across, layout.down))
        return found


def _agreement(exploration: Exploration, code: int) -> float:
    match = exploration.match_of(code)
    return match.agreement if match is not None else 0.0


def _ids(runs: tuple[Run, Run]) -> tuple[str, str]:
    return runs[0].id, runs[1].id
