"""Time ModelCentrality of N models against the naive procedure, in one run, and how wide both's intervals are.

    python benchmarks/selection_cost.py [--models 16] [--images 2000] [--threads 2] [--device cpu]
                                        [--pool STORE [--seeds 12]]

Naive: for each of the N x N pairs, generate the generator's labelled set anew and encode it, 500 groups of 100 images
and 73,728 more for the scale (the authors' sizes for five codes). Ours: each generator's set once, 10,000 images that
make 500 groups of 100 and give the scale, encoded by all N encoders. The networks are those of the paper's dSprites
runs, untrained, which does not change their speed.

In full this takes hours on a CPU. Both are timed on --images images of the same work (one generator, N encoders) and
scaled to the full numbers of images, which all steps are linear in. The two alternate, so that a change of the
machine's speed meets both, and the middle of three is taken. The numbers of images are printed and are exact.

Intervals need votes of trained models: with --pool, nine of the finished runs of that store are compared with 100 votes
a code, by independently drawn groups of 100 and a set of its own for every pair (naive), and by sets whose images are
in a group of each code and that the encoders share (ours). The mean width of a centrality's 95 % interval is printed.
With --seeds, ours is computed that many times with other seeds, and how far the centralities really scatter is printed
beside what the intervals say.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from engine.methods.base import Setup
from engine.methods.infogan_cr import InfoGANCR, InfoGANCRSettings
from engine.models.model import Model
from engine.runs.catalogue import list_runs
from engine.runs.loading import load_model
from engine.selection import generated_set, model_centrality, resampling
from engine.selection.cross_scores import CrossScores, cross_scores
from engine.selection.generated_set import LatentModel, VotingProtocol, stream
from engine.selection.resampling import REPLICATES, centrality_replicates, column_replicates
from engine.selection.uncertainty import intervals_of
from engine.storage.store import Store

SHAPE = (64, 64, 1)
VOTES, NAIVE_SCALE = 500, 73_728
ROUNDS = 3
POOL_MODELS = 9


def main() -> None:
    """Run the comparison and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=16)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--pool", type=Path)
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"torch {torch.__version__}, {arguments.device}, {arguments.threads} threads, {arguments.models} models")
    compare_times(arguments.models, arguments.images, arguments.device)
    if arguments.pool:
        compare_intervals(arguments.pool, arguments.seeds)


def compare_times(n: int, images: int, device: str) -> None:
    """Time both on a few images and print what all of them would take."""
    pool = [untrained(seed, device) for seed in range(n)]
    naive_seconds, our_seconds = [], []
    for turn in range(ROUNDS + 1):
        naive_seconds.append(timed(lambda turn=turn: naive_pair(pool[0], pool[turn % n], images, device), device))
        our_seconds.append(timed(lambda: column(pool, images, device), device))
    # The first round warms up.
    a_pair = statistics.median(naive_seconds[1:]) / images
    a_column = statistics.median(our_seconds[1:]) / images
    per_pair = VOTES * 100 + NAIVE_SCALE
    naive = n * n * per_pair * a_pair
    print(f"{'':<24}{'generated':>12}{'encoded':>14}{'hours':>9}{'ratio':>8}")
    print(f"{'naive':<24}{n * n * per_pair:>12,}{n * n * per_pair:>14,}{naive / 3600:>9.3f}{1.0:>8.1f}")
    a_set = VotingProtocol().images(pool[0].codes)
    ours = n * a_set * a_column
    print(f"{'ours':<24}{n * a_set:>12,}{n * n * a_set:>14,}{ours / 3600:>9.3f}{naive / ours:>8.1f}")


def untrained(seed: int, device: str) -> Model:
    """A model of the paper's dSprites networks."""
    method = InfoGANCR(
        InfoGANCRSettings(), Setup(SHAPE, images=1, seed=seed, total_steps=1, device=torch.device("cpu"))
    )
    method.networks.requires_grad_(False).eval()
    decoder, encoder = method.latent_networks()
    codes = method.codes_of(method.settings)
    return Model(codes, SHAPE, decoder, encoder, f"model-{seed}", fingerprint=str(seed)).to(device)


def naive_pair(generator: Model, encoder: Model, images: int, device: str) -> None:
    """Images of one generator, made and encoded for one encoder, as the authors' script does for every pair."""
    latents = generator.codes.sample(images, torch.Generator().manual_seed(0))
    with torch.inference_mode():
        for batch in torch.split(latents, 1000):
            encoder.encode(generator.decode(batch.to(device))).cpu().numpy()


def column(pool: Sequence[Model], images: int, device: str) -> None:
    """One generator's set for all encoders, as it is computed for the matrix, bookkeeping included."""
    codes = pool[0].codes
    protocol = VotingProtocol(votes=images // 100 * codes.count, scale_samples=2)
    assert protocol.images(codes) == images, "--images must be a multiple of 100, 2,000 or more"
    stream(pool[0], pool, protocol, device, lambda share: None)


def timed(work: Callable[[], None], device: str) -> float:
    """Seconds that it takes."""
    begun = time.perf_counter()
    work()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - begun


def compare_intervals(store: Path, seeds: int) -> None:
    """Print the mean width of a centrality's interval for the naive procedure's votes and for ours."""
    records = [record for record in list_runs(Store.open(store)) if record.status == "finished"]
    records = records[:: -(-len(records) // POOL_MODELS)]
    models = [load_model(record.folder.path, name=record.name) for record in records]
    print(f"\n95 % intervals of the centralities of {len(models)} trained models, 100 votes a code: mean width")
    with independent_groups():
        naive = mean_width(separate_replicates(cross_scores(models, VotingProtocol())))
    print(f"naive  {naive:.4f}", flush=True)
    found = []
    for seed in range(seeds):
        scores = cross_scores(models, VotingProtocol(seed=seed))
        found.append(model_centrality(scores.matrix).scores)
        if seed == 0:
            ours = mean_width(centrality_replicates(scores, scores.included, seed=0))
            print(f"ours   {ours:.4f}", flush=True)
    if seeds > 1:
        scatter = np.sqrt(np.var(found, axis=0, ddof=1).mean())
        print(f"two times 1.96 standard deviations over {seeds} seeds: {2 * 1.96 * scatter:.4f}")


@contextlib.contextmanager
def independent_groups() -> Iterator[None]:
    """Let every image of a group be drawn independently of the others, and belong to no other, as the authors do."""
    own = generated_set._labelled_set, resampling.NEIGHBOURS

    def drawn(generator: LatentModel, protocol: VotingProtocol) -> tuple[torch.Tensor, np.ndarray]:
        codes, labels = generator.codes, protocol.labels(generator.codes)
        draws = torch.Generator().manual_seed(int(generator.fingerprint[:8], 16))
        groups = codes.sample(len(labels) * protocol.group_size, draws).reshape(len(labels), protocol.group_size, -1)
        for group, fixed in zip(groups, labels, strict=True):
            held = codes.columns(int(fixed))
            group[:, held] = group[0, held].clone()
        rest = codes.sample(protocol.scale_samples, draws)
        return torch.cat([groups.flatten(0, 1), rest]), np.arange(groups.shape[0] * groups.shape[1]).reshape(
            groups.shape[:2]
        )

    # Their values follow no order, so any two groups of a code are neighbours.
    generated_set._labelled_set, resampling.NEIGHBOURS = drawn, 1_000_000
    try:
        yield
    finally:
        generated_set._labelled_set, resampling.NEIGHBOURS = own


def mean_width(replicates: np.ndarray) -> float:
    """Mean width of the 95 % intervals."""
    return float(np.diff(intervals_of(replicates), axis=1).mean())


def separate_replicates(scores: CrossScores) -> np.ndarray:
    """Replicates of the centralities if no two pairs had seen the same groups."""
    included = scores.included
    found = np.zeros((REPLICATES, len(included)))
    for column_place, j in enumerate(included):
        for row_place, i in enumerate(included):
            if i != j:
                one = column_replicates(scores, j, [i], seed=1000 + i)[:, 0]
                found[:, column_place] += one
                found[:, row_place] += one
    return found / (2 * (len(included) - 1))


if __name__ == "__main__":
    main()
