"""What all figures share: sizes, type, colours, and how they become files. Matplotlib is imported on first use."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from engine.errors import WorkError
from engine.extras import is_installed, require
from engine.storage.files import save_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure, FigureBase

Kind = Literal["pdf", "svg", "png"]
VECTOR = (".pdf", ".svg")
PRINTED_AS = (*VECTOR, ".png")
"""Files that a figure can be written to."""

WIDTH = 6.75
"""Inches across: the text of a page in two columns, as most conferences have it."""
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000", "#F0E442")
"""The palette of Okabe & Ito (2008), which colour-blind readers tell apart, the darkest on white first."""
DASHES = ("-", "--", ":", "-.")
"""More than eight lines differ in these as well."""
COLOUR_MAP = "viridis"
INK, FAINT = "#222222", "#8a8a8a"

_PNG_DPI = 300
_TITLE_HEIGHT = 0.25
_STYLE = {
    # Type 42 embeds whole TrueType fonts, which journals ask for; their text can be searched and edited.
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.fonttype": "path",
    # Fixed, so that equal figures are equal files.
    "svg.hashsalt": "crtui",
    # Names are text, whatever signs are in them.
    "text.parse_math": False,
    "text.usetex": False,
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "legend.fontsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "image.interpolation": "none",
    "hatch.linewidth": 0.4,
}


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return is_installed("matplotlib")


def require_matplotlib(purpose: str) -> None:
    """Check that matplotlib is installed.

    Args:
        purpose: what needs it.

    Raises:
        InputError: it is missing; the message says how to install it.
    """
    require(("matplotlib",), "plot", purpose)


@contextlib.contextmanager
def print_style(**changes: Any) -> Iterator[None]:
    """Draw in the style of this module, whatever the user's own settings of matplotlib are."""
    from matplotlib import style

    with style.context(["default", {**_STYLE, **changes}]):
        yield


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure, sizes in inches, whose parts make room for each other."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


@dataclass(frozen=True)
class Part:
    """What can be a figure, or one of several blocks in a figure.

    Attributes:
        height: inches.
        width: inches.
        draw: draws it into an empty figure or a part of one.
    """

    height: float
    width: float
    draw: Callable[[FigureBase], None]


def stacked(parts: Mapping[str, Part]) -> Figure:
    """A figure of one part, or of several below each other, each under its title."""
    with print_style():
        if len(parts) == 1:
            [part] = parts.values()
            figure = new_figure(part.height, part.width)
            part.draw(figure)
            return figure
        heights = [part.height + _TITLE_HEIGHT for part in parts.values()]
        figure = new_figure(sum(heights), max(part.width for part in parts.values()))
        blocks = figure.subfigures(len(parts), 1, squeeze=False, height_ratios=heights)[:, 0]
        for block, (title, part) in zip(blocks, parts.items(), strict=True):
            part.draw(block)
            block.suptitle(title, fontsize=8, x=0.01, ha="left")
    return figure


def content(figure: Figure, kind: Kind, *, text: bool = False) -> bytes:
    """A figure as the content of a file. Equal figures give equal content.

    Args:
        figure: drawn within :func:`print_style`.
        kind: of the file.
        text: of an SVG, leave letters to the fonts of whoever shows it, instead of drawing their outlines.

    Raises:
        WorkError: matplotlib cannot draw it, as where the disk refuses to read a font.
    """
    metadata: dict[str, Any] = {"png": {}, "pdf": {"CreationDate": None, "ModDate": None}, "svg": {"Date": None}}[kind]
    file = io.BytesIO()
    changes = {"svg.fonttype": "none"} if text else {}
    with print_style(**changes):
        try:
            figure.savefig(file, format=kind, dpi=_PNG_DPI, metadata=metadata)
        except (OSError, RuntimeError) as error:
            raise WorkError(f"the figure cannot be drawn: {error}") from error
    return file.getvalue()


def save_figure(path: Path, figure: Figure) -> None:
    """Write a figure to a file of the kind that its name says.

    Raises:
        InputError: the folder cannot be written.
        WorkError: the disk refused.
    """
    kind: Any = path.suffix.lower().removeprefix(".")
    save_file(path, content(figure, kind))


def line_style(number: int) -> dict[str, Any]:
    """Colour and dashes of the line with this number, from 0."""
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": DASHES[number // len(COLOURS) % len(DASHES)]}
