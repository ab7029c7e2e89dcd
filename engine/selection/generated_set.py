"""The labelled set that a generator makes of its own codes, streamed once through many encoders.

Source: the authors' ModelCentrality code, as docs/method.md, section 8, describes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import InputError
from engine.models.codes import Codes
from engine.models.posterior import Gaussian
from engine.selection import PAPER, VOTING_PROTOCOLS
from engine.selection.latent_sets import LatentSet, independent_groups, latin_hypercubes
from engine.selection.pair_statistics import PairStatistics
from engine.streams import stream_seed

RULES = 4
"""Counted up whenever the same protocol gives other numbers than before, so that no older result is taken for it."""
VOTES_A_CODE = 100
"""Groups for each code: the authors' 500 for five codes and 1,000 for ten."""
PAPER_SCALE_SAMPLES = 73_728
"""The authors' images for the scale: a tenth of dSprites, the dataset that they chose models for."""
LEAST_SCALE_SAMPLES = 8192
"""Images for the scale where the groups have fewer."""
LEAST_VALUES = 20
"""Fewer values of each code would cover the prior too coarsely."""
CHUNK = 1000
"""Images in memory at a time, so that memory grows neither with the number of votes nor with the pool."""


class LatentModel(Protocol):
    """What choosing needs of a model; ``engine.load`` returns one. Tensors come and go on the model's device."""

    @property
    def name(self) -> str:
        """The name used in messages."""

    @property
    def fingerprint(self) -> str:
        """Identity of the weights."""

    @property
    def codes(self) -> Codes:
        """The latent codes."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(height, width, channels)``."""

    def decode(self, z: Tensor) -> Tensor:
        """Images float ``[n, C, H, W]`` in [0, 1] of latent vectors float ``[n, codes.dimensions]``."""

    def encode(self, x: Tensor) -> Tensor:
        """Codes float ``[n, codes.count]`` of images: the means where it answers with distributions."""

    def sample_codes(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Codes float ``[n, codes.count]`` drawn from q(z|x), or those of ``encode`` where there is no posterior."""

    def posterior(self, x: Tensor) -> Gaussian | None:
        """Means and log-variances of q(z|x), float ``[n, codes.count]``, or ``None`` where there is no posterior."""


@dataclass(frozen=True)
class VotingProtocol:
    """How the set that is made of each generator is drawn, and how large it is.

    Args:
        name: ``"latin"``, sets whose every image is in a group of each code
            (:func:`engine.selection.latent_sets.latin_hypercubes`), or ``"paper"``, the authors' sets
            (:func:`engine.selection.latent_sets.independent_groups`). Both estimate the same scores;
            docs/selection.md compares them.
        votes: how many groups of images there are at least, each of which casts one vote; ``None`` for 100 a code, the
            authors' number. Every code has the same number of groups, and at least 20, because that is also the number
            of values that the code takes.
        group_size: images in a group (L); the authors' 100.
        scale_samples: how many images give the scale of each code. Under ``paper`` they are in no group; ``None`` is
            the authors' 73,728. Under ``latin`` they are those of the groups and, where these are fewer, further ones;
            ``None`` is 8,192.
        seed: seed of all random draws.

    Raises:
        InputError: there is no such protocol, or a size is too small.
    """

    name: str = VOTING_PROTOCOLS[0]
    votes: int | None = None
    group_size: int = 100
    scale_samples: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.name not in VOTING_PROTOCOLS:
            raise InputError(
                f"there is no protocol '{self.name[:80]}' to compare models by; use {' or '.join(VOTING_PROTOCOLS)}"
            )
        if self.votes is not None and self.votes < 1:
            raise InputError(f"{self.votes} votes cannot rank models; give at least 1, or nothing for 100 a code")
        for size, value in (("group_size", self.group_size), ("scale_samples", self.least_scale)):
            if value < 2:
                raise InputError(f"{size} is {value}; a standard deviation needs at least 2 images")

    @property
    def identity(self) -> str:
        """Text that is equal for two protocols only if they give the same results."""
        sizes = asdict(self) | {"scale_samples": self.least_scale, "rules": RULES}
        return " ".join(f"{name}={value}" for name, value in sizes.items())

    @property
    def least_scale(self) -> int:
        """Images that give the scale, if those of the groups are not more."""
        if self.scale_samples is not None:
            return self.scale_samples
        return PAPER_SCALE_SAMPLES if self.name == PAPER else LEAST_SCALE_SAMPLES

    @property
    def stratified(self) -> bool:
        """Whether each code has one value in each part of its prior."""
        return self.name != PAPER

    def values(self, codes: Codes) -> int:
        """How many values each of a generator's codes takes in its set: one for each group of that code."""
        return VOTES_A_CODE if self.votes is None else max(LEAST_VALUES, -(-self.votes // codes.count))

    def groups(self, codes: Codes) -> int:
        """Number of groups in the set of a generator with ``codes``."""
        return self.values(codes) * codes.count

    def labels(self, codes: Codes) -> NDArray[np.int64]:
        """The code held fixed in each group, int64 ``[groups]``: all groups of the first code, then of the next."""
        return np.repeat(np.arange(codes.count), self.values(codes))

    def images(self, codes: Codes) -> int:
        """Images in the set of a generator with ``codes``."""
        if self.name == PAPER:
            return self.groups(codes) * self.group_size + self.least_scale
        return max(self.values(codes) * self.group_size, self.least_scale)

    def draw(self, codes: Codes, seed: int) -> LatentSet:
        """The latent vectors of the set of a generator with ``codes``, and which of them make each group."""
        draws = independent_groups if self.name == PAPER else latin_hypercubes
        return draws(codes, self.values(codes), self.group_size, self.least_scale, seed)


class BrokenModelError(Exception):
    """A model's output cannot be used; the message is the reason, without the model's name."""


def identity_of(model: LatentModel) -> str:
    """Text that is equal for two models only if they score the same.

    Raises:
        InputError: the model has no fingerprint.
    """
    if not model.fingerprint:
        raise InputError(f"{model.name} has no fingerprint to tell its results by; save it and load it again")
    codes = model.codes
    return " ".join(
        map(str, (model.fingerprint, codes.continuous, codes.categorical, codes.noise, codes.prior, model.image_shape))
    )


def stream(
    generator: LatentModel,
    encoders: Sequence[LatentModel],
    protocol: VotingProtocol,
    device: str,
    progress: Callable[[float], None],
) -> list[PairStatistics | BrokenModelError]:
    """Generate a model's labelled set once and encode it with every encoder, keeping only statistics.

    In a group one code is fixed; the others and all noise differ from image to image.

    An encoder that answers with distributions is asked for draws from them, as the authors do. The latents are seeded
    by the generator's identity and the protocol's seed, the draws by the encoder's identity as well. Neither depends
    on the rest of the pool.

    Args:
        generator: the model that makes the images; its codes are the factors.
        encoders: the models that are scored.
        protocol: sizes and seed.
        device: where the latent vectors are put.
        progress: called with the share of the images that is done, in [0, 1].

    Returns:
        For each encoder its statistics, or why it has none.

    Raises:
        BrokenModelError: the generator's images are not finite or have another shape than it says.
    """
    drawn = protocol.draw(generator.codes, stream_seed(protocol.seed, identity_of(generator)))
    collectors = [_Collector(encoder, generator, protocol) for encoder in encoders]
    done = 0
    with torch.inference_mode():
        for batch in torch.split(drawn.latents, CHUNK):
            images = _images(generator, batch.to(device))
            for collector in collectors:
                collector.add(images)
            done += len(batch)
            progress(done / len(drawn.latents))
    return [collector.result(drawn) for collector in collectors]


def _images(generator: LatentModel, latents: Tensor) -> Tensor:
    images = generator.decode(latents)
    height, width, channels = generator.image_shape
    shape = (len(latents), channels, height, width)
    if tuple(images.shape) != shape:
        raise BrokenModelError(f"its decoder returns shape {tuple(images.shape)}, not {shape}")
    if not bool(torch.isfinite(images).all()):
        raise BrokenModelError("its images hold values that are not finite")
    return images


class _Collector:
    """Collects the codes of one encoder, a float for each image and code, until its output cannot be used."""

    def __init__(self, encoder: LatentModel, generator: LatentModel, protocol: VotingProtocol) -> None:
        self._encoder = encoder
        self._generator = generator.codes
        seed = stream_seed(protocol.seed, identity_of(generator), identity_of(encoder))
        self._draws = torch.Generator().manual_seed(seed)
        self._parts: list[NDArray[np.float32]] = []
        self._broken: BrokenModelError | None = None

    def add(self, images: Tensor) -> None:
        """Encode more images."""
        if self._broken:
            return
        codes = self._encoder.sample_codes(images, self._draws).cpu().numpy()
        shape = (len(images), self._encoder.codes.count)
        if codes.shape != shape:
            self._broken = BrokenModelError(f"its encoder returns shape {codes.shape}, not {shape}")
        elif not np.isfinite(codes).all():
            self._broken = BrokenModelError("its codes hold values that are not finite")
        else:
            self._parts.append(codes.astype(np.float32))

    def result(self, drawn: LatentSet) -> PairStatistics | BrokenModelError:
        if self._broken:
            return self._broken
        encoded = np.concatenate(self._parts).astype(np.float64)
        return PairStatistics.of(encoded, drawn, self._generator)
