"""What the charts screen says, and which lines stand out, in the room there is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from rich.cells import cell_len

from cr_tui.dashboard.charts import words
from cr_tui.dashboard.charts.differences import differences_table
from cr_tui.dashboard.charts.parts import averaged_parts, led, runs_as_parts
from cr_tui.dashboard.charts.scene import ChartStyle, Scene
from cr_tui.dashboard.charts.window import Window
from cr_tui.dashboard.model.curves import Curve, RunCurves, ShownRun
from cr_tui.dashboard.model.view_state import ViewState
from cr_tui.dashboard.theme import LOOKS
from cr_tui.render.curves.pyramid import Pyramid

LOSS = ("train", "loss")
GREY, STRONG = (136, 136, 136), (238, 238, 238)
LOOK = LOOKS["crtui"]
LONG = "infogan-cr-dsprites-lambda_info=0.05-learning_rate=0.002-s"


def _run(number: int, *, drawn: bool = True, name: str = "") -> ShownRun:
    steps = np.arange(3.0)
    pyramid = Pyramid()
    pyramid.extend(np.linspace(1.0, 0.5, 3))
    curve = Curve(steps, steps, pyramid.levels)
    curves = RunCurves(f"run-{number}", {LOSS: curve} if drawn else {})
    return ShownRun(f"run-{number}", name or f"run-{number}", (number, 200, 90), curves)


def test_no_line_is_dimmed_where_the_leading_run_has_none() -> None:
    runs = [_run(number, drawn=number > 0) for number in range(5)]
    scene = Scene(led(runs_as_parts(runs), "run-0", GREY, STRONG), lead="run-0", keys=(LOSS,))
    assert [(curve.dimmed, curve.band) for curve in scene.curves(LOSS)] == [(False, False)] * 4
    leading = replace(scene, parts=led(runs_as_parts(runs), "run-1", GREY, STRONG), lead="run-1")
    assert [curve.dimmed for curve in leading.curves(LOSS)] == [False, True, True, True]


def test_a_leading_run_beyond_the_colours_is_not_grey() -> None:
    runs = [replace(_run(number), colour=GREY) for number in range(5)]
    parts = led(runs_as_parts(runs), "run-3", GREY, STRONG)
    assert [part.colour for part in parts] == [GREY, GREY, GREY, STRONG, GREY]


def test_runs_without_a_group_are_averaged_under_that_name() -> None:
    (part,) = averaged_parts([_run(0), _run(1)], "group", {}, [STRONG], GREY)
    assert part.name == "no group ×2"


def test_where_there_is_little_room_the_usual_is_left_out_and_nothing_is_cut() -> None:
    style = ChartStyle(clip=True, log_y=True)
    window = Window((100_000.0, 323_000.0), cursor=200_000.0)
    scene = Scene(runs_as_parts([_run(0)]), keys=(LOSS,), style=style, window=window)  # type: ignore[arg-type]
    view = ViewState(smoothing=0.9, average="group")
    for width in (78, 118, 198):
        line = words.form(scene, view, width, LOOK).plain
        assert cell_len(line) <= width
        assert line.endswith("cursor at step 200,000")
    assert "over steps" in line
    assert "over steps" not in words.form(scene, view, 110, LOOK).plain


@pytest.mark.parametrize(("width", "full"), [(120, False), (300, True)])
def test_names_beside_a_chart_have_room_on_a_wide_screen(width: int, full: bool) -> None:
    runs = [_run(number, name=f"{LONG}{number}") for number in range(3)]
    scene = Scene(tuple(runs_as_parts(runs)), keys=(LOSS,), alone=True)
    across = words.values_width(scene, width, patterns=False)
    assert across <= width // 3
    shown = words.values(scene, across, 20, LOOK, patterns=False).plain
    assert (f"{LONG}2" in shown) is full
    assert words.values_width(scene, 80, patterns=False) == 0


def test_names_in_the_legend_have_the_room_that_there_is() -> None:
    scene = Scene(
        tuple(runs_as_parts([_run(number, name=f"a-name-of-thirty-six-cells-number-{number}") for number in range(3)]))
    )
    assert "a-name-of-thirty-six-cells-number-2" in words.legend(scene, 3, 198, LOOK, patterns=False).plain
    assert cell_len(words.legend(scene, 3, 78, LOOK, patterns=False).plain) <= 78


def test_of_many_runs_those_that_differ_most_are_compared() -> None:
    runs = [_run(number) for number in range(8)]
    settings = [
        {
            "seed": number,
            "method.name": "beta-vae" if number > 5 else "infogan",
            "learning_rate_decay_steps": number // 7,
        }
        for number in range(8)
    ]
    table = differences_table(runs, settings, 60, 10, LOOK).plain.splitlines()
    assert [name for name in table[0].split() if name.startswith("run")] == ["run-0", "run-6", "run-7"]
    assert "+5" in table[0]
    assert [line.split() for line in table[2:]] == [
        ["method.name", "infogan", "beta-vae", "beta-vae"],
        ["learning_rate_decay_steps", "0", "0", "1"],
    ]


def test_curves_that_end_early_have_an_axis_of_their_own() -> None:
    def run(number: int, key: tuple[str, str], end: float) -> ShownRun:
        steps = np.linspace(0.0, end, 3)
        pyramid = Pyramid()
        pyramid.extend(steps)
        return replace(_run(number), curves=RunCurves(f"run-{number}", {key: Curve(steps, steps, pyramid.levels)}))

    short, long = ("train", "loss_discriminator"), ("train", "kl")
    for end, own in ((300.0, 300.0), (1500.0, 2500.0)):
        parts = tuple(runs_as_parts([run(0, short, end), run(1, long, 2500.0)]))
        scene = Scene(parts, keys=(short, long))
        assert scene.shown_of(long) == (0.0, 2500.0)
        assert scene.shown_of(short) == (0.0, own)
    zoomed = replace(scene, window=Window((100.0, 200.0)))
    assert zoomed.shown_of(short) == zoomed.shown_of(long) == (100.0, 200.0)
