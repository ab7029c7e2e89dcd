"""What ModelCentrality costs by either protocol, and how far its levels and intervals can be believed.

    python benchmarks/selection_cost.py [--models 16] [--images 2000] [--threads 2] [--device cpu]
    python benchmarks/selection_cost.py --calibrate toys [--seeds 40] [--protocol latin|paper] [--similarity margin]
    python benchmarks/selection_cost.py --calibrate STORE --where 'method=vae seed<6' ...

Without --calibrate: the hours that a pool takes. A generator's set is made once and encoded by all N encoders. A column
of --images images is timed, the middle of three, and scaled to the numbers of images, which all steps are linear in.
The numbers of images are exact. The networks are those of the paper's dSprites runs, untrained, which does not change
their speed.

With --calibrate: a pool is compared with many seeds. Printed are each model's mean centrality and standard deviation
over seeds, the standard deviation that the bootstrap says, how often the 95 % intervals hold the mean over seeds, and
how often a verdict is clear, and clear with another pick than that of the means. The pool is five linear models,
turned by 38 to 46 degrees in planes of their own, where votes are least sure, or finished runs of a store.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from math import cos, radians, sin
from pathlib import Path

import numpy as np
import torch

from engine.errors import InputError
from engine.methods.base import Setup
from engine.methods.infogan_cr import InfoGANCR, InfoGANCRSettings
from engine.models.model import Model
from engine.runs.loading import load_model
from engine.selection import DEFAULT_SIMILARITY, SIMILARITIES, VOTING_PROTOCOLS, model_centrality
from engine.selection.cross_scores import cross_scores
from engine.selection.generated_set import LatentModel, VotingProtocol, stream
from engine.selection.resampling import centrality_replicates
from engine.selection.similarity import READ_OFF
from engine.selection.uncertainty import CONFIDENCE, intervals_of
from engine.storage.store import Store
from pools import finished_runs
from similarity_toy_worlds import K, ToyModel

SHAPE = (64, 64, 1)
ROUNDS = 3
VOTED = [name for name in SIMILARITIES if name not in READ_OFF]
"""The similarities that have intervals."""
ANGLES = (38, 40, 42, 44, 46)
PLANES = (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2)))


def main() -> None:
    """Print the table that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=16)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--calibrate", metavar="toys|STORE")
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--protocol", choices=VOTING_PROTOCOLS, default=VOTING_PROTOCOLS[0])
    parser.add_argument("--where", metavar="TERMS", help="only runs that meet these terms of 'crtui runs list --where'")
    parser.add_argument("--similarity", choices=VOTED, default=DEFAULT_SIMILARITY)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.calibrate:
        if arguments.calibrate == "toys":
            pool: Sequence[LatentModel] = turned_pool()
        else:
            pool = trained_pool(Path(arguments.calibrate), arguments.where)
        calibrate(pool, arguments.protocol, arguments.similarity, arguments.seeds)
        return
    print(f"torch {torch.__version__}, {arguments.device}, {arguments.threads} threads, {arguments.models} models")
    compare_times(arguments.models, arguments.images, arguments.device)


def compare_times(n: int, images: int, device: str) -> None:
    """Time a column of a few images and print what all columns would take."""
    pool = [untrained(seed, device) for seed in range(n)]
    seconds = [column(pool, images, device) for _ in range(ROUNDS + 1)]
    # The first round warms up.
    an_image = statistics.median(seconds[1:]) / images
    print(f"{'':<8}{'generated':>12}{'encoded':>14}{'hours':>9}")
    for name in VOTING_PROTOCOLS:
        a_set = VotingProtocol(name).images(pool[0].codes)
        print(f"{name:<8}{n * a_set:>12,}{n * n * a_set:>14,}{n * a_set * an_image / 3600:>9.3f}")


def untrained(seed: int, device: str) -> Model:
    """A model of the paper's dSprites networks."""
    method = InfoGANCR(
        InfoGANCRSettings(), Setup(SHAPE, images=1, seed=seed, total_steps=1, device=torch.device("cpu"))
    )
    method.networks.requires_grad_(False).eval()
    decoder, encoder = method.latent_networks()
    codes = method.codes_of(method.settings)
    return Model(codes, SHAPE, decoder, encoder, f"model-{seed}", fingerprint=str(seed)).to(device)


def column(pool: Sequence[Model], images: int, device: str) -> float:
    """Seconds for one generator's set and all encoders, as it is computed for the matrix, bookkeeping included."""
    codes = pool[0].codes
    protocol = VotingProtocol(votes=images // 100 * codes.count, scale_samples=2)
    assert protocol.images(codes) == images, "--images must be a multiple of 100, 2,000 or more"
    begun = time.perf_counter()
    stream(pool[0], pool, protocol, device, lambda share: None)
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - begun


def turned_pool() -> list[ToyModel]:
    """Linear models whose first four codes are turned in pairs; no two neighbours have a plane in common."""
    pool = []
    for place, degrees in enumerate(ANGLES):
        basis, angle = np.eye(K), radians(degrees)
        for a, b in PLANES[place % len(PLANES)]:
            basis[np.ix_((a, b), (a, b))] = [[cos(angle), -sin(angle)], [sin(angle), cos(angle)]]
        pool.append(ToyModel(f"turned by {degrees}", basis, error=0.0))
    return pool


def trained_pool(store: Path, where: str | None) -> list[Model]:
    """The finished runs of a store, or those of them that meet some terms."""
    try:
        records = finished_runs(Store.open(store), ["*"], where)
    except InputError as error:
        sys.exit(f"error: {error}")
    return [load_model(record.folder.path, name=record.name or record.id) for record in records]


def calibrate(pool: Sequence[LatentModel], name: str, similarity: str, seeds: int) -> None:
    """Hold what the bootstrap says against what other seeds give."""
    found, replicates = [], []
    for seed in range(seeds):
        scores = cross_scores(pool, VotingProtocol(name, seed=seed), similarity=similarity)
        found.append(model_centrality(scores.matrix).scores)
        replicates.append(centrality_replicates(scores, scores.included, seed))
    levels = np.array(found)
    means = levels.mean(axis=0)
    intervals = np.array([intervals_of(one) for one in replicates])
    held = (intervals[..., 0] <= means) & (means <= intervals[..., 1])
    said = np.sqrt(np.mean([one.var(axis=0) for one in replicates], axis=0))
    print(f"{name}, {similarity}, {seeds} seeds, {len(pool)} models")
    print("model               mean  sd over seeds  sd by bootstrap  coverage")
    for model, *row in zip(pool, means, levels.std(axis=0, ddof=1), said, held.mean(axis=0), strict=True):
        print(f"{model.name:<18}{row[0]:>6.4f}{row[1]:>15.4f}{row[2]:>17.4f}{row[3]:>9.0%}")
    # Seeds are independent, the models of one seed are not.
    error = 1.96 * held.mean(axis=1).std(ddof=1) / np.sqrt(seeds)
    clear = [lead_is_clear(*pair) for pair in zip(found, replicates, strict=True)]
    wrong = [is_clear and scores.argmax() != means.argmax() for is_clear, scores in zip(clear, found, strict=True)]
    print(f"coverage {held.mean():.1%} (+- {error:.1%}); clear {np.mean(clear):.0%}, and wrong {np.mean(wrong):.1%}")


def lead_is_clear(scores: np.ndarray, replicates: np.ndarray) -> bool:
    """Whether the first is ahead of the second in 97.5 % of the replicates, as the verdict has it."""
    second, first = np.argsort(scores)[-2:]
    return bool(np.quantile(replicates[:, first] - replicates[:, second], (1 - CONFIDENCE) / 2) > 0)


if __name__ == "__main__":
    main()
