"""What the size of PIPE is worth: the default beside that of the authors' code, in seconds and in the order of models.

    python benchmarks/pipe_size.py --store S --group G [--models N] [--json FILE]

The authors' code decodes the codes of 50,000 images of the dataset (drawn with replacement where it has fewer), learns
from half of them and names the other half, 50,000 images of both kinds together. By default ``crtui select --method
pipe`` has the codes of 10,000 images and names 10,000. Both stop after 50,000 images have been learnt from. The default
is computed with two seeds: how far these agree is the most that can be expected of two sizes. The default by seed 0 is
the score that the store keeps; its seconds are those of seed 1.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr

from engine.choosing.methods.pipe import kept_score, score_of
from engine.choosing.pool import Pool
from engine.data.bridge import as_floats
from engine.data.dataset import Dataset
from engine.machine.cores import prepare_to_compute
from engine.models.model import Model
from engine.runs.catalogue import list_runs
from engine.runs.state import Status
from engine.selection.generated_set import VotingProtocol
from engine.storage.store import Store

AUTHORS_IMAGES = 50_000
_BATCH = 1000


def main() -> None:
    """Print the table and how far its columns agree."""
    parser = argparse.ArgumentParser(description="PIPE at two sizes")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--models", type=int, help="only so many runs")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    arguments = parser.parse_args()
    prepare_to_compute()
    store = Store.open(arguments.store)
    runs = [run for run in list_runs(store) if run.group == arguments.group and run.status is Status.FINISHED]
    pool = Pool(store, runs[: arguments.models], VotingProtocol(), "cpu")
    pool.load()
    rows = {}
    print("| model | default, seed 0 | seed 1 | authors' size | seconds, default | authors' size |", flush=True)
    print("| --- |" + " --- |" * 5, flush=True)
    for place, model in pool.models.items():
        codes = pool.codes[place]
        if isinstance(codes, str):
            continue
        small = kept_score(pool, model, codes.codes)
        began = time.process_time()
        again = score_of(model, codes.codes, 1)
        default = time.process_time() - began
        began = time.process_time()
        large = score_of(model, _codes(model, pool.dataset), 0, test_images=AUTHORS_IMAGES)
        authors = time.process_time() - began
        rows[model.name] = [small, again, large, default, authors]
        print(f"| {model.name} | {small:.3f} | {again:.3f} | {large:.3f} | {default:.0f} | {authors:.0f} |", flush=True)
    figures = np.array(list(rows.values()))
    print(f"\n{len(rows)} models; processor seconds a model {figures[:, 3].mean():.0f} and {figures[:, 4].mean():.0f}.")
    for name, (one, two) in {"seed 0 and seed 1": (0, 1), "default and authors' size": (0, 2)}.items():
        apart = float(np.abs(figures[:, one] - figures[:, two]).mean())
        print(f"{name}: mean difference {apart:.3f}", end="")
        if len(rows) > 2:
            orders = [float(agree(figures[:, one], figures[:, two])[0]) for agree in (spearmanr, kendalltau)]
            print(f", Spearman {orders[0]:.2f}, Kendall {orders[1]:.2f}", end="")
        print()
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


def _codes(model: Model, dataset: Dataset) -> NDArray[np.float64]:
    """The model's codes of as many images as the authors take."""
    draws = np.random.default_rng(0)
    indices = draws.integers(len(dataset), size=AUTHORS_IMAGES)
    parts = [model.encode(as_floats(dataset.images(part))) for part in np.split(indices, AUTHORS_IMAGES // _BATCH)]
    return np.concatenate(parts).astype(np.float64)


if __name__ == "__main__":
    main()
