"""``pipe``: whether images of a model show that its codes depend on each other (Estermann & Wattenhofer 2023).

Images of the dataset are encoded, and decoded again: images of the encoder's posterior (EP). The same codes, each
shuffled by itself over the images, are decoded too: images of the posterior with independent codes (FP). A network
learns to tell the two. If it cannot, codes are as independent as decoded images show. The score is 2 (1 - accuracy), 1
where it guesses. As the authors' code has it: convolutions of stride 2 with batch normalisation, Adam with step size
1e-4, batches of 32, accuracy on held-out images after 50,000 training images.

It cannot see a model that encodes next to nothing, so members without an informative code are left out. GANs are the
same with the noise drawn anew for each image (ours: the paper has VAEs only).

A score takes some twenty seconds of a core, so each is kept in the store, in ``selections/cache/pipe/``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.choosing.methods import PoolRanking
from engine.choosing.pool import Pool
from engine.errors import InputError, StoreError
from engine.models.codes import Codes
from engine.models.model import Model
from engine.progress import Progress, ignore_progress
from engine.selection import Ranking
from engine.selection.common_codes import CommonCodes
from engine.selection.stability import INFORMATIVE_KL
from engine.storage.descriptors import cause
from engine.storage.files import make_folders, read_file, replace_file
from engine.storage.locks import exclusive_lock
from engine.streams import stream_seed
from engine.version import VERSION

TRAINING_IMAGES = 50_000
"""Images that the network learns from, both kinds together."""
TEST_IMAGES = 10_000
"""Held-out images that it names, both kinds together."""
BATCH = 32
STEP_SIZE = 1e-4
_WIDTHS = (32, 32, 64, 64)
_SMALLEST_SIDE = 4
_MAX_BYTES = 64
"""Of a score that is kept."""


def rank(pool: Pool) -> PoolRanking:
    """Rank by how little a network tells images of a model's codes from images of shuffled ones."""
    excluded = dict(pool.excluded)
    scores: dict[int, float] = {}
    for place, (index, codes) in enumerate(pool.codes.items(), start=1):
        model = pool.models[index]
        phase = f"telling images apart, model {place} of {len(pool.codes)}"

        def report(done: int, total: int, phase: str = phase) -> None:
            pool.progress(phase, done, total)

        if isinstance(codes, str):
            excluded[index] = codes
        elif not says_anything(codes):
            excluded[index] = "none of its codes says anything about the images"
        else:
            scores[index] = kept_score(pool, model, codes.codes, report)
    included = pool.rankable("pipe", excluded)
    return PoolRanking(included, Ranking.from_scores([scores[index] for index in included]), excluded)


def says_anything(codes: CommonCodes) -> bool:
    """Whether any code of a model tells of the image. Where none does, the score would be 1 and mean nothing."""
    return bool((codes.kl > INFORMATIVE_KL).any() and codes.codes.std(axis=0).any())


def kept_score(pool: Pool, model: Model, codes: NDArray[np.float64], progress: Progress | None = None) -> float:
    """The score of a member, computed only where the store does not have it.

    Args:
        pool: says where the store is, the seed and the device.
        model: a member of the pool.
        codes: float ``[n, d]``, its codes of images of the dataset.
        progress: called with how many training images are done, and how many there are.

    Raises:
        StoreError: the disk refused.
    """
    follows_from = (VERSION, model.fingerprint, pool.seed, TRAINING_IMAGES, TEST_IMAGES, STEP_SIZE, codes.shape)
    digest = hashlib.sha256(repr(follows_from).encode() + codes.tobytes()).hexdigest()[:32]
    path = pool.store.selections / "cache" / "pipe" / f"{digest}.json"
    kept = _read(path)
    if kept is not None:
        return kept
    score = score_of(model, codes, pool.seed, pool.device, progress)
    try:
        make_folders(path.parent)
    except OSError as error:
        raise StoreError(f"{path.parent} cannot be made: {cause(error)}") from error
    with exclusive_lock(path.parent / ".lock"):
        replace_file(path, orjson.dumps(score))
    return score


def _read(path: Path) -> float | None:
    """A score that was kept; ``None`` where there is none, and where a file holds anything else."""
    try:
        kept = orjson.loads(read_file(path, _MAX_BYTES))
    except (FileNotFoundError, InputError, orjson.JSONDecodeError):
        return None
    return kept if isinstance(kept, float) and 0 <= kept <= 1 else None


def score_of(
    model: Model,
    codes: NDArray[np.float64],
    seed: int,
    device: str = "cpu",
    progress: Progress | None = None,
    *,
    test_images: int | None = None,
) -> float:
    """The score of one model, in [0, 1].

    Args:
        model: on ``device``.
        codes: float ``[n, d]``, its codes of images of the dataset. Every second image is kept for the test.
        seed: of all draws.
        device: where the network learns.
        progress: called with how many training images are done, and how many there are.
        test_images: held-out images that the network names, both kinds together; default: :data:`TEST_IMAGES`.
    """
    seeds = stream_seed(seed, "pipe", model.fingerprint)
    draws = torch.Generator().manual_seed(seeds)
    own = torch.from_numpy(codes).float()

    def images_of(rows: Tensor, n: int) -> tuple[Tensor, Tensor]:
        return _both_kinds(model.decode, model.codes, rows, n, draws, device)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds)
        network = _network(model.image_shape).to(device)
    accuracy = _accuracy(
        network, images_of, own[0::2], own[1::2], test_images or TEST_IMAGES, progress or ignore_progress
    )
    return min(1.0, 2.0 * (1.0 - accuracy))


def _accuracy(
    network: nn.Module,
    images_of: Callable[[Tensor, int], tuple[Tensor, Tensor]],
    training: Tensor,
    test: Tensor,
    test_images: int,
    progress: Progress,
) -> float:
    """Train the network and return the share of held-out images that it names right."""
    optimizer = torch.optim.Adam(network.parameters(), lr=STEP_SIZE, fused=True)
    loss = nn.BCEWithLogitsLoss()
    network.train()
    for done in range(0, TRAINING_IMAGES, BATCH):
        images, shuffled = images_of(training, BATCH // 2)
        optimizer.zero_grad()
        loss(network(images)[:, 0], shuffled).backward()
        optimizer.step()
        if done % (BATCH * 50) == 0:
            progress(done, TRAINING_IMAGES)
    network.eval()
    right = named = 0
    with torch.inference_mode():
        while named < test_images:
            images, shuffled = images_of(test, 250)
            right += int(((network(images)[:, 0] > 0) == (shuffled > 0.5)).sum())
            named += len(images)
    progress(TRAINING_IMAGES, TRAINING_IMAGES)
    return right / named


def _both_kinds(
    decode: Callable[[Tensor], Tensor], codes: Codes, rows: Tensor, n: int, draws: torch.Generator, device: str
) -> tuple[Tensor, Tensor]:
    """``n`` images of codes as they are and ``n`` of codes each drawn from another image, and which are which."""
    together = torch.randint(len(rows), (n, 1), generator=draws).expand(n, codes.count)
    apart = torch.randint(len(rows), (n, codes.count), generator=draws)
    chosen = rows.gather(0, torch.cat([together, apart]))
    latents = codes.sample(2 * n, draws)
    latents[:, : codes.continuous] = chosen[:, : codes.continuous]
    for code in range(codes.continuous, codes.count):
        block = latents[:, codes.columns(code)]
        block.copy_(nn.functional.one_hot(chosen[:, code].long(), block.shape[1]))
    # Cloned, because what is made in inference mode cannot be learnt from.
    images = decode(latents.to(device)).clone()
    return images, torch.repeat_interleave(torch.tensor([0.0, 1.0], device=device), n)


def _network(image_shape: tuple[int, int, int]) -> nn.Module:
    """Convolutions of stride 2 as long as the sides can be halved, then 512 units, then one logit."""
    height, width, channels = image_shape
    layers: list[nn.Module] = []
    for out in _WIDTHS:
        if min(height, width) < 2 * _SMALLEST_SIDE:
            break
        layers += [nn.Conv2d(channels, out, 4, 2, 1), nn.BatchNorm2d(out), nn.ReLU()]
        height, width, channels = height // 2, width // 2, out
    layers += [nn.Flatten(), nn.Linear(height * width * channels, 512), nn.BatchNorm1d(512), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(512, 1))
