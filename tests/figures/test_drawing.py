"""Figures as files: fonts, reproducible content, text that means nothing but itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from cr_tui.figures import drawing
from cr_tui.figures.codes import FactorColumn, codes_by_factor_part, codes_part
from cr_tui.figures.curves import Panel, draw_curves
from cr_tui.figures.matrix import draw_matrix
from cr_tui.figures.ranking import Scored, draw_ranking
from cr_tui.figures.seeds import over_seeds
from cr_tui.figures.traversal import traversal_part
from engine.errors import InputError


def texts(drawn: Figure) -> str:
    """Every text in a figure, as a reader of the SVG finds it."""
    return re.sub(r"<[^>]+>", " ", drawing.content(drawn, "svg", text=True).decode())


def figure(name: str) -> Figure:
    """A new figure of that name."""
    steps = np.arange(0, 500, 10, dtype=np.int64)
    seeds = [(steps, np.sin(steps / 50.0) + seed) for seed in range(3)]
    codes = np.random.default_rng(0).uniform(-1, 1, (200, 2)).astype(np.float32)
    column = FactorColumn("size", np.arange(200) % 5 / 5.0, True, np.array([0.25, 0.0]))
    kind = FactorColumn("kind", np.arange(200) % 3 * 1.0, False, np.array([0.5, 0.0]), {0.0: "disc", 1.0: "ring"})
    traversal = traversal_part(np.zeros((2, 3, 4, 8, 8, 1), np.uint8), ["c0", "c1", "c2"], (-1.0, 1.0))
    by_factor = codes_by_factor_part(codes, ["c0", "c1"], [column, kind])
    spread = codes_part(codes, ["c0", "c1"], "uniform")
    draw: dict[str, Callable[[], Figure]] = {
        "curves": lambda: draw_curves([Panel("loss", {"a": over_seeds(seeds), "b": None})]),
        "matrix": lambda: draw_matrix(np.array([[1.0, 0.5], [np.nan, 0.25]]), ["a", "b"]),
        "ranking": lambda: draw_ranking(["a", "b"], {"Centrality": Scored([0.9, np.nan], [(0.8, 1.0), None], 0)}),
        "traversal": lambda: drawing.stacked({"": traversal}),
        "codes by factor": lambda: drawing.stacked({"": by_factor}),
        "codes": lambda: drawing.stacked({"": spread}),
        "several runs": lambda: drawing.stacked({"one $x$": traversal, "two": by_factor, "three": spread}),
    }
    return draw[name]()


FIGURES = ("curves", "matrix", "ranking", "traversal", "codes by factor", "codes", "several runs")


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_written_as_each_kind(tmp_path: Path, name: str) -> None:
    for suffix, start in ((".pdf", b"%PDF"), (".svg", b"<?xml"), (".png", b"\x89PNG")):
        path = tmp_path / f"figure{suffix}"
        drawing.save_figure(path, figure(name))
        assert path.read_bytes().startswith(start)


def test_fonts_are_embedded_as_truetype(tmp_path: Path) -> None:
    content = drawing.content(figure("matrix"), "pdf")
    assert b"/CIDFontType2" in content
    assert b"/FontFile2" in content
    assert b"/Type3" not in content


def test_equal_figures_are_equal_files() -> None:
    for kind in ("pdf", "svg", "png"):
        assert drawing.content(figure("curves"), kind) == drawing.content(figure("curves"), kind)


def test_the_users_own_settings_change_nothing() -> None:
    import matplotlib

    usual = drawing.content(figure("ranking"), "svg")
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "pdf.fonttype": 3}):
        assert drawing.content(figure("ranking"), "svg") == usual


def test_figures_name_what_they_show() -> None:
    drawn = {name: texts(figure(name)) for name in FIGURES}
    assert all(word in drawn["curves"] for word in ("loss", "step", "a (3 seeds)", "standard deviation"))
    assert all(word in drawn["matrix"] for word in ("encoder", "generator", "FactorVAE score", "0.25", "not compared"))
    assert all(word in drawn["ranking"] for word in ("Centrality", "pick", "95 % interval"))
    assert all(word in drawn["traversal"] for word in ("c0", "c2", "−1", "value of the code"))
    assert all(word in drawn["codes by factor"] for word in ("size", "kind", "0.25", "0.50", "disc", "ring", " 2 "))
    assert all(word in drawn["several runs"] for word in ("one $x$", "two", "three", "c2", "size", "prior"))
    assert all(word in drawn["codes"] for word in ("c1", "prior", "density"))


def test_signs_of_mathematics_in_a_name_are_only_text() -> None:
    figure = draw_matrix(np.eye(2), ["$x_1$ \\frac <b>", "a_b^c$"])
    assert "$x_1$ \\frac &lt;b&gt;" in texts(figure)


def test_a_large_matrix_stays_a_light_file() -> None:
    n = 150
    figure = draw_matrix(np.random.default_rng(0).random((n, n)), [f"run-{i}" for i in range(n)])
    assert len(drawing.content(figure, "pdf")) < 500_000


def test_lines_beyond_the_palette_differ_in_dashes() -> None:
    styles = [tuple(drawing.line_style(number).values()) for number in range(24)]
    assert len(set(styles)) == 24


def test_without_matplotlib_the_command_to_install_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert not drawing.can_draw()
    with pytest.raises(InputError, match=r"a figure needs matplotlib; install with: .*pip install .*\[plot\]"):
        drawing.require_matplotlib("a figure")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("values", [[1e308, -1e308, 1e308], [0.0, 0.0, 0.0], [5e-324, 1.0, 1e300], [1.0, np.nan, 1.0]])
@pytest.mark.parametrize("log_y", [False, True])
def test_odd_values_are_drawn_without_a_word(values: list[float], log_y: bool) -> None:
    steps = np.array([0, 1, 2**62], dtype=np.int64)
    spread = over_seeds([(steps, np.array(values)), (steps, np.array(values) / 2)])
    assert drawing.content(draw_curves([Panel("loss", {"a": spread})], log_y=log_y), "pdf").startswith(b"%PDF")
