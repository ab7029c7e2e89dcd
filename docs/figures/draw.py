"""Draw the figures of docs/method.md: ``python docs/figures/draw.py --store STORE --group demo --model figure``.

The group is that of ``crtui demo``. The model is in the same store, by ``crtui train infogan-cr --preset quick --steps
3000 --threads 1 --set score_every=0 --name figure``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

import engine
from cr_tui.cli import main as crtui
from cr_tui.figures.drawing import new_figure, print_style, save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from engine.models.model import Model

FOLDER = Path(__file__).parent
GAPS = (0.0, 1.9)
PAIRS = 5
SEED = 1


def main() -> int:
    """Draw all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--model", required=True)
    arguments = parser.parse_args()
    save_figure(FOLDER / "pairs.png", draw_pairs(engine.load(arguments.model, store=arguments.store)))
    plot = ("--store", arguments.store, "plot")
    calls = [
        ("traversal", arguments.model, "--save", str(FOLDER / "traversal.png")),
        *(
            (kind, "--group", arguments.group, "--save", str(FOLDER / f"{kind}.svg"), "--device", "cpu")
            for kind in ("matrix", "ranking")
        ),
    ]
    return max(crtui([*plot, *call]) for call in calls)


def draw_pairs(model: Model) -> Figure:
    """Contrastive pairs, a column of them for each gap. The two images of a pair share one code and the noise."""
    with print_style():
        figure = new_figure(0.62 * PAIRS + 0.3, 4.6)
        grid = figure.subplots(PAIRS, 2 * len(GAPS))
        for axes in grid.flat:
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
        for place, gap in enumerate(GAPS):
            generator = torch.Generator().manual_seed(SEED)
            first, second, shared = model.codes.sample_pairs(PAIRS, gap, generator)
            images = [model.decode(latents.numpy()) for latents in (first, second)]
            for row in range(PAIRS):
                for side in range(2):
                    axes = grid[row, 2 * place + side]
                    axes.imshow(np.clip(images[side][row].transpose(1, 2, 0), 0, 1), cmap="gray", vmin=0, vmax=1)
                label = f"share c{int(shared[row])}"
                grid[row, 2 * place].set_ylabel(label, rotation=0, ha="right", va="center")
            grid[0, 2 * place].set_title(f"gap {gap:g}", loc="left")
    return figure


if __name__ == "__main__":
    sys.exit(main())
