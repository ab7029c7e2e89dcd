"""Draw screens of the dashboard in every size, look and number of runs, to be looked at.

    python docs/screens/look.py OUT                                  # everything, hours on one core
    python docs/screens/look.py OUT --screen runs --size 80x24       # a part; options are repeatable
    python docs/screens/look.py OUT --list                           # which screens there are

The runs are invented (``invented_runs.py``) and the same at every drawing. OUT gets a picture for each combination,
``SCREEN/WIDTHxHEIGHT-RUNS-LOOK.png``, and a contact sheet for each screen and size, ``SCREEN-WIDTHxHEIGHT.png``: a row
for each number of runs, a column for each look. Look for words that are cut, for empty halves, and for colours that
cannot be read.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from cell_picture import picture
from invented_source import InventedSource
from PIL import Image
from rich.console import RenderableType
from textual._compositor import LayoutUpdate
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen
from textual.strip import Strip

from cr_tui.dashboard.app import Dashboard

SIZES = ((80, 24), (120, 40), (200, 50), (300, 80))
COUNTS = (1, 4, 16, 60)
THEMES = ("crtui", "crtui-light", "crtui-colour-blind")
WITHOUT = "no-colour"
LOOKS = (*THEMES, WITHOUT)
_GAP = 12
_POLL, _STILL, _MOST = 0.1, 12, 400
"""Seconds between two looks at a screen, for how many of them it must not change, and after how many it is taken as it
is."""


@dataclass(frozen=True)
class Shown:
    """A state of the dashboard that is looked at.

    Args:
        keys: what leads to it, as Textual names keys.
        written: what stands on the screen once it is complete.
        least: how many runs it takes to be of interest.
        view: how things are shown at first; fields of :class:`cr_tui.dashboard.model.view_state.ViewState`.
        far: whether the store is one of another machine.
        cut: whether the connection to it is cut.
        empty: whether the store has no run, whatever is asked for.
        read_only: whether nothing may be changed.
        pool: whether all runs are of one pool, and what it says: ``ranked``, ``unsure`` or ``computing``.
    """

    keys: tuple[str, ...] = ()
    written: str = ""
    least: int = 1
    view: Mapping[str, object] = field(default_factory=dict)
    far: bool = False
    cut: bool = False
    empty: bool = False
    read_only: bool = False
    pool: str = ""


_TO_FAILED = ("G", "k", "k")
"""From anywhere in the table of runs to the one that failed: the third oldest."""
_TO_QUEUED = (*_TO_FAILED, "k")
_FILTER = tuple("score.mig>0.1 not group:lambda-sweep-again")

_TO_TWO = ("G", "space", "k", "space", "G")
"""Marks the two oldest runs and goes to the oldest."""
_STEPS, _PAIR, _DRAWN = "over steps", "centrality of", "half-blocks"

SCREENS: dict[str, Shown] = {
    "runs": Shown(),
    "runs-failed": Shown(_TO_FAILED, least=4),
    "runs-marked": Shown(("space", "space", "space", "space", "space", "space"), "marked", least=4),
    "runs-filtered": Shown(("slash", *_FILTER, "enter"), " of "),
    "runs-hidden": Shown(("a", "slash", *"status:f", "enter"), "hidden", least=4),
    "runs-nothing": Shown(("slash", *"lr>5 colour:red", "enter"), "No run passes"),
    "runs-folded": Shown(("Z",), "▸", least=4),
    "runs-card": Shown(view={"view": "card"}),
    "runs-card-failed": Shown(_TO_FAILED, least=4, view={"view": "card"}),
    "runs-more": Shown(view={"view": "more"}),
    "runs-log": Shown(_TO_FAILED, least=4, view={"view": "log"}),
    "runs-empty": Shown(empty=True, written="No runs yet"),
    "runs-read-only": Shown(read_only=True, written="read-only"),
    "everything": Shown(("i",), "method.name"),
    "sort": Shown(("o",), "Sort by"),
    "note": Shown(("G", "N"), "Tags"),
    "question-delete": Shown(("G", "d"), "Delete"),
    "question-hidden": Shown(("a", "slash", *"status:f", "enter", "d"), "Delete", least=4),
    "help-runs": Shown(("question_mark",), "start new runs"),
    "palette": Shown(("ctrl+p",), "start new runs"),
    "palette-typed": Shown(("ctrl+p", *"res"), "go on from"),
    "logs": Shown(("G", "5"), "following"),
    "logs-failed": Shown((*_TO_FAILED, "5", "e"), "Traceback", least=4),
    "logs-wrapped": Shown(
        (*_TO_FAILED, "5", "slash", *"loss", "enter"), least=4, view={"wrap_log": True, "date_log": True}
    ),
    "system": Shown(("6",), "Processes"),
    "new-run": Shown(("n",), "--preset"),
    "new-run-filled": Shown(("n", "a", "slash", *"rate", "enter"), "--preset"),
    "far": Shown(far=True, written="ssh"),
    "far-cut": Shown(("space",), "blind", far=True, cut=True),
    "ranking-form": Shown(("m", "c"), "model-centrality", least=16),
    # Charts, selection and inspect.
    "charts": Shown(("a", "2"), _STEPS),
    "charts-one-run": Shown(("G", "2"), _STEPS),
    "charts-noisy": Shown(("slash", *"group:cr-3dteapots", "enter", "a", "2"), _STEPS, least=60),
    "charts-smoothed": Shown(("a", "2"), _STEPS, least=4, view={"smoothing": 0.97}),
    "charts-mean": Shown(("a", "2", "a"), "mean ±", least=16),
    "charts-alone": Shown(("a", "2", "enter", ">"), "cursor at", least=4),
    "charts-differences": Shown(("a", "2", "d"), "seed", least=4),
    "charts-nothing": Shown(("G", "2", "slash", *"zzz", "enter"), "No chart has that"),
    "selection": Shown(("m",), "select", pool="ranked"),
    "selection-groups": Shown(("m",), _PAIR, least=60),
    "selection-why": Shown(("m", "w"), _PAIR, least=16, pool="ranked"),
    "selection-unsure": Shown(("m",), _PAIR, least=4, pool="unsure"),
    "selection-computing": Shown(("m",), "comparing models", least=4, pool="computing"),
    "inspect": Shown(("G", "t"), _DRAWN),
    "inspect-zoomed": Shown(("G", "t", "v", "v"), _DRAWN),
    "inspect-image": Shown(("G", "t", "i"), "image 0"),
    "inspect-pair": Shown((*_TO_TWO, "t", "c"), "98%", least=4),
    "inspect-pair-image": Shown((*_TO_TWO, "t", "c", "i"), "image 0", least=4),
    "inspect-characters": Shown(("G", "t", "m"), "ascii"),
    "inspect-numbers": Shown(("G", "t", "m", "m"), "Images are off"),
    "inspect-waiting": Shown((*_TO_QUEUED, "t"), "No checkpoint yet", least=4),
}
"""Every state that is looked at. A new one takes one line."""


def main() -> None:
    """Draw what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?", help="folder for the pictures")
    parser.add_argument("--screen", choices=list(SCREENS), action="append", metavar="NAME")
    parser.add_argument("--size", choices=[f"{w}x{h}" for w, h in SIZES], action="append", metavar="WIDTHxHEIGHT")
    parser.add_argument("--runs", type=int, choices=COUNTS, action="append", metavar="NUMBER")
    parser.add_argument("--look", choices=LOOKS, action="append", metavar="NAME")
    parser.add_argument("--svg", action="store_true", help="each picture as SVG, too")
    parser.add_argument("--list", action="store_true", help="list the screens and looks")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join([*SCREENS, "", *LOOKS]))
        return
    if arguments.out is None:
        parser.error("say into which folder")
    sizes = [size for size in SIZES if not arguments.size or f"{size[0]}x{size[1]}" in arguments.size]
    for name in arguments.screen or SCREENS:
        for size in sizes:
            draw_sheet(arguments.out, name, size, arguments.runs or COUNTS, arguments.look or LOOKS, svg=arguments.svg)


def draw_sheet(
    out: Path, name: str, size: tuple[int, int], counts: Sequence[int], looks: Sequence[str], *, svg: bool
) -> None:
    """The pictures of a screen in a size, and the sheet of all."""
    shown, title = SCREENS[name], f"{size[0]}x{size[1]}"
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for count in [count for count in counts if count >= shown.least][: 1 if shown.empty else None]:
        print(name, title, f"{count} runs", file=sys.stderr, flush=True)
        drawn = [asyncio.run(draw(shown, size, count, look)) for look in looks]
        for look, (image, vectors) in zip(looks, drawn, strict=True):
            image.save(folder / f"{title}-{count}-{look}.png")
            if svg:
                (folder / f"{title}-{count}-{look}.svg").write_text(vectors)
        rows.append([image for image, _ in drawn])
    sheet(rows).save(out / f"{name}-{title}.png")


class _Watched(Dashboard):
    """A dashboard that knows whether it has painted anything since it was last asked."""

    CSS_PATH = Path(sys.modules[Dashboard.__module__].__file__ or "").with_name("app.tcss")
    painted = True

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        self.painted = True
        super()._display(screen, renderable)


async def draw(shown: Shown, size: tuple[int, int], count: int, look: str) -> tuple[Image.Image, str]:
    """A screen as a picture and as SVG. The dashboard has its look from the start, as a list that is open keeps its."""
    os.environ.pop("NO_COLOR", None)
    if look == WITHOUT:
        os.environ["NO_COLOR"] = "1"
    source = InventedSource(0 if shown.empty else count, far=shown.far, cut=shown.cut, pool=shown.pool)
    app = _Watched(source, read_only=shown.read_only)
    for key, value in {**shown.view, "theme": THEMES[0] if look == WITHOUT else look}.items():
        setattr(app.session.view, key, value)
    for machine in source.last_hour():
        app.session.machine.add(machine)
    async with app.run_test(size=size) as pilot:
        await _until_still(pilot, "")
        await pilot.press(*shown.keys)
        await _until_still(pilot, shown.written)
        # The identifiers of each export are random.
        vectors = re.sub(r"terminal-\d+", "terminal", app.export_screenshot(title="crtui dashboard"))
        return picture(lines_of(app), size[0]), vectors


async def _until_still(pilot: Pilot[None], written: str) -> None:
    """Wait until a text is there and nothing moves any more."""
    app = cast(_Watched, pilot.app)
    now, still = "", 0
    for _ in range(_MOST):
        await pilot.pause(_POLL)
        before = now
        if app.painted or not now:
            app.painted, now = False, "\n".join(line.text for line in lines_of(app))
        still = still + 1 if now == before and written in now else 0
        if still >= _STILL:
            return
    print(f"  it never showed '{written}' and stood still", file=sys.stderr, flush=True)


def lines_of(app: App[None]) -> list[Strip]:
    """What is on the screen, from the top."""
    whole = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    assert isinstance(whole, LayoutUpdate)
    return [Strip.join(parts) for parts in whole.strips]


def sheet(rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Pictures of one size beside and below each other."""
    width, height = rows[0][0].size
    whole = Image.new("RGB", ((width + _GAP) * len(rows[0]), (height + _GAP) * len(rows)), "white")
    for row, pictures in enumerate(rows):
        for column, one in enumerate(pictures):
            whole.paste(one, ((width + _GAP) * column, (height + _GAP) * row))
    return whole


if __name__ == "__main__":
    main()
