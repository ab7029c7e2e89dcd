"""What the charts screen says in words: the legend, how curves are drawn, and the values at the cursor."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.text import Text

from cr_tui.dashboard.charts.parts import Part
from cr_tui.dashboard.charts.scene import WHOLE_HEIGHT, Scene
from cr_tui.dashboard.model.view_state import ViewState
from cr_tui.dashboard.theme import Look, rgb
from cr_tui.render.cells import Cells, style_of
from cr_tui.render.curves.axis import short_number
from cr_tui.render.curves.chart import pattern_sample
from cr_tui.short_names import short_names
from cr_tui.text import short_duration, with_noise

_LEAST_VALUES, _MOST_VALUES, _VALUES_SHARE = 38, 80, 1 / 3
_NAME, _MOST_NAME = 24, 60
"""Cells of a name in the legend: at least, and where the line has room for more."""
_NUMBER, _SPREAD = 9, 6
_GAP = 2


def legend(scene: Scene, chosen: int, width: int, look: Look, *, patterns: bool) -> Text:
    """Which colour is whose, as far as there is room, and how many more there are.

    Args:
        scene: the lines.
        chosen: how many runs were to be shown.
        width: cells.
        look: colours.
        patterns: whether lines have patterns as well.
    """
    # The leading line, and the pinned one, are named however many there are.
    line, parts = Text(), sorted(scene.parts, key=lambda part: (part.id != scene.lead, not part.pinned))
    missing = chosen - len(scene.runs)
    more = f"  and {missing} run{'' if missing == 1 else 's'} more than can be drawn" if missing > 0 else ""
    bullets = max((cell_len(bullet_of(part, patterns=patterns)) for part in parts), default=0)
    room = width // max(len(parts), 1) - _GAP - bullets - 1
    names = short_names([part.name for part in parts], min(max(room, _NAME), _MOST_NAME))
    for number, (part, name) in enumerate(zip(parts, names, strict=True)):
        bullet = bullet_of(part, patterns=patterns)
        rest = len(parts) - number
        reserve = len(more) + (0 if rest == 1 else _GAP + len(f"+{rest - 1}"))
        if cell_len(line.plain) + cell_len(bullet) + 1 + cell_len(name) + reserve > width:
            line.append(f"+{rest}", style=look.faint)
            break
        line.append(f"{bullet} ", style=style_of(part.colour))
        line.append(name, style="bold" if part.id == scene.lead else look.faint if part.dimmed else "")
        line.append(" " * _GAP)
    if more:
        line.append(more, style=look.alert)
    return line


def bullet_of(part: Part, *, patterns: bool) -> str:
    """What stands before a name: a dot, a diamond for the pinned run, or a piece of the line's pattern."""
    if patterns:
        return pattern_sample(part.place)
    return "◆" if part.pinned else "●"


def form(scene: Scene, view: ViewState, width: int, look: Look) -> Text:
    """How curves are drawn, and which part of them. What is as usual is left out first where there is no room."""
    style, is_time = scene.style, scene.style.axis == "time"
    usual = {"not smoothed", "linear", "over steps"}
    parts = [f"smoothing {view.smoothing:g}" if view.smoothing else "not smoothed"]
    parts += [f"mean ± s.d. by {view.average}"] if view.average else []
    parts.append("log" if style.log_y else "linear")
    parts += ["outliers clipped"] if style.clip else []
    parts.append("over training time" if is_time else "over steps")
    if scene.keys and scene.focused is not None:
        parts.append(f"chart {scene.keys.index(scene.focused) + 1} of {len(scene.keys)}")
    if style.across or style.down:
        parts.append(f"{style.across or 'auto'} × {style.down or 'auto'}")
    if scene.window.span is not None:
        parts.append(" to ".join(position(x, is_time) for x in scene.window.span))
    if scene.focused is not None and scene.height_of(scene.focused) != WHOLE_HEIGHT:
        low, high = scene.height_of(scene.focused)
        parts.append(f"{high - low:.0%} of its height")
    end = Text()
    if scene.window.cursor is not None:
        end.append(f"  cursor at {position(scene.window.cursor, is_time)}", style=look.key)
    if any(not run.curves.complete for run in scene.runs):
        end.append("  reading …", style=look.alert)
    while parts and cell_len(" · ".join(parts)) + end.cell_len > width:
        parts.remove(next((part for part in reversed(parts) if part in usual), parts[0]))
    return Text(" · ".join(parts), style=look.faint).append_text(end)


def readings(scene: Scene) -> list[tuple[Part, float | None, float | None]]:
    """Each part with the focused scalar's value at the cursor, or its newest without one, and the spread of a mean."""
    found: list[tuple[Part, float | None, float | None]] = []
    cursor = scene.window.cursor
    for part in scene.parts:
        curve = None if scene.focused is None else scene.curve_of(part, scene.focused)
        if curve is None:
            found.append((part, None, None))
        else:
            found.append((part, curve.newest if cursor is None else curve.at(cursor), curve.spread(cursor)))
    return found


def values_width(scene: Scene, width: int, *, patterns: bool) -> int:
    """Cells of the values beside a chart, as many as the names want; 0 where there is no room on a screen so wide."""
    most = int(width * _VALUES_SHARE)
    if most < _LEAST_VALUES:
        return 0
    wanted = max((cell_len(part.name) for part in scene.parts), default=0) + _around_names(scene, patterns=patterns)
    return min(max(wanted, _LEAST_VALUES), most, _MOST_VALUES)


def _around_names(scene: Scene, *, patterns: bool) -> int:
    """Cells of a line of values that its name cannot have."""
    widths = [_number_width(spread) for _, _, spread in readings(scene)]
    bullets = [cell_len(bullet_of(part, patterns=patterns)) for part in scene.parts]
    return 4 + max(widths, default=0) + max(bullets, default=0)


def _number_width(spread: float | None) -> int:
    return _NUMBER + (_SPREAD if spread is not None else 0)


def values(scene: Scene, width: int, height: int, look: Look, *, patterns: bool) -> Cells:
    """A line for each part: its colour, name and value; the last one says how many have no room."""
    faint = style_of(rgb(look.faint))
    lines: list[tuple[Segment, ...]] = [
        (Segment("at the cursor" if scene.window.cursor is not None else "newest", faint),)
    ]
    bullets = [bullet_of(part, patterns=patterns) for part in scene.parts]
    room = max(width - _around_names(scene, patterns=patterns), 1)
    names = short_names([part.name for part in scene.parts], room)
    for bullet, name, (part, value, spread) in zip(bullets, names, readings(scene), strict=True):
        shown = "–" if value is None else short_number(value)
        if value is not None and spread is not None:
            shown = with_noise(value, spread, 6) if abs(value) < 1000 else f"{shown}±{short_number(spread)}"
        lines.append(
            (
                Segment(f"{bullet} ", style_of(part.colour)),
                Segment(set_cell_size(name, room), None if part.id == scene.lead else faint),
                Segment(f" {shown:>{_number_width(spread)}}"),
            )
        )
    if len(lines) > height > 1:
        lines[height - 1 :] = [(Segment(f"+{len(lines) - height + 1}", faint),)]
    return Cells(tuple(lines))


def position(x: float, is_time: bool) -> str:
    """A position on the x axis in words."""
    return short_duration(x) if is_time else f"step {x:,.0f}"
