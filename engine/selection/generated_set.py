"""The labelled set that a generator makes of its own codes, streamed once through many encoders.

Source: the authors' ModelCentrality code, as recorded in method facts section 8.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import InputError
from engine.metrics.spread import standard_deviation
from engine.models.codes import Codes
from engine.models.posterior import Gaussian
from engine.selection.pair_statistics import PairStatistics

RULES = 2
"""Counts up when equal protocols begin to give other numbers, so that no older result is taken for a new one."""
VOTES_A_CODE = 100
"""Groups for each code: the authors' 500 for five codes and 1,000 for ten."""
CHUNK = 1000
"""Images in memory at a time, so that memory grows neither with the number of votes nor with the pool."""


class LatentModel(Protocol):
    """What choosing needs of a model: ``engine.load`` returns one. Tensors in, tensors out, on the same device."""

    @property
    def name(self) -> str:
        """What messages call it."""

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
    """The sizes of the set that each generator is asked for.

    Args:
        votes: groups of images, each one vote; ``None`` for 100 a code, the authors' number.
        group_size: images in a group (L); the authors' 100.
        scale_samples: further images that give the scale of each code, from latents that fill the prior evenly
            (scrambled Sobol points). The authors draw a tenth of the dataset at random, 73,728 for dSprites. Measured:
            8,192 even points give the scale of trained models to 0.03 %, 73,728 random draws to 0.22 %; scores move by
            0.0002 (root mean square over 224 pairs of linear models) instead of 0.0047 from those of 2^18 points,
            while the vote's own standard error is 0.0096.
        seed: changes every draw.

    Raises:
        InputError: a size is too small.
    """

    votes: int | None = None
    group_size: int = 100
    scale_samples: int = 8192
    seed: int = 0

    def __post_init__(self) -> None:
        if self.votes is not None and self.votes < 1:
            raise InputError(f"{self.votes} votes cannot rank models; give at least 1, or nothing for 100 a code")
        for name in ("group_size", "scale_samples"):
            if getattr(self, name) < 2:
                raise InputError(f"{name} is {getattr(self, name)}; a standard deviation needs at least 2 images")

    @property
    def identity(self) -> str:
        """What tells the results of this protocol from those of another."""
        return " ".join(f"{name}={value}" for name, value in (asdict(self) | {"rules": RULES}).items())

    def groups(self, codes: Codes) -> int:
        """Number of groups asked of a generator with ``codes``."""
        return VOTES_A_CODE * codes.count if self.votes is None else self.votes

    def labels(self, codes: Codes) -> NDArray[np.int64]:
        """The code held fixed in each group, taking turns, int64 ``[groups]``."""
        return np.arange(self.groups(codes), dtype=np.int64) % codes.count


class BrokenModelError(Exception):
    """A model whose output cannot be used; the message is the reason, without the model's name."""


def identity_of(model: LatentModel) -> str:
    """What a model is, as far as its scores depend on it.

    Raises:
        InputError: it has no fingerprint.
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

    Group g holds code g mod k fixed at its first row's value; every other code and all noise differ from image to
    image. Where the authors draw these independently, here each group has the same evenly spread points, shifted by a
    random vector of its own (Cranley & Patterson 1976): still draws from the prior, but a group's spreads are known
    better. Measured on nine trained models (docs/selection.md): groups of 100 give an interval 4 % narrower than that
    of the authors' procedure, groups of 32 one that is 23 % wider, for a third of the images.

    An encoder that answers with distributions is asked for draws from them, as the authors do. The latents are seeded
    by the generator's identity and the protocol's seed, the draws by the encoder's identity besides: neither depends
    on the pool around.

    Args:
        generator: whose images, and whose codes are the factors.
        encoders: who is scored.
        protocol: sizes and seed.
        device: where the latent vectors are put.
        progress: called with the share of the images that is done.

    Returns:
        For each encoder its statistics, or why it has none.

    Raises:
        BrokenModelError: the generator's images are not finite or have another shape than it says.
    """
    groups, scale_latents = _latents(generator, protocol)
    collectors = [_Collector(encoder, generator, protocol) for encoder in encoders]
    total = groups.shape[0] * protocol.group_size + len(scale_latents)
    done = 0
    with torch.inference_mode():
        for latents, grouped in _chunks(groups, scale_latents):
            images = _images(generator, latents.to(device))
            for collector in collectors:
                collector.add(images, grouped)
            done += len(latents)
            progress(done / total)
    known = scale_latents.double().numpy()
    return [collector.result(known) for collector in collectors]


def _latents(generator: LatentModel, protocol: VotingProtocol) -> tuple[Tensor, Tensor]:
    """Latent vectors of the groups, float32 ``[m, L, z]``, and of the scale set, float32 ``[s, z]``."""
    codes = generator.codes
    seed = _seed(protocol, identity_of(generator))
    m = protocol.groups(codes)
    shifts = torch.rand((m, 1, codes.dimensions), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    points = (_net(codes, protocol.group_size, seed) + shifts).remainder(1.0)
    groups = _from_prior(codes, points.flatten(0, 1)).reshape(points.shape)
    for group, fixed in zip(groups, protocol.labels(codes), strict=True):
        held = codes.columns(int(fixed))
        group[:, held] = group[0, held].clone()
    return groups, _from_prior(codes, _net(codes, protocol.scale_samples, seed))


def _seed(protocol: VotingProtocol, *identities: str) -> int:
    digest = hashlib.sha256(" ".join([str(protocol.seed), *identities]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _net(codes: Codes, n: int, seed: int) -> Tensor:
    """Points float64 ``[n, z]`` that fill the unit cube evenly: scrambled Sobol points (Owen 1998)."""
    engine = torch.quasirandom.SobolEngine(codes.dimensions, scramble=True, seed=seed)  # type: ignore[no-untyped-call]
    points: Tensor = engine.draw(n, dtype=torch.float64)
    return points


def _from_prior(codes: Codes, points: Tensor) -> Tensor:
    """Latent vectors float32 ``[n, z]`` whose distribution functions have the values ``points`` in [0, 1)."""
    if codes.prior == "uniform":
        return codes.settled(points.mul(2.0).sub(1.0).float())
    # The 30 bits of a coordinate can all be zero, whose quantile is infinite.
    quantiles: Tensor = torch.special.ndtri(points.clamp(min=2.0**-31))
    return codes.settled(quantiles.float())


def _chunks(groups: Tensor, scale_latents: Tensor) -> Iterator[tuple[Tensor, bool]]:
    """Latent batches, with whether they are whole groups."""
    for batch in torch.split(groups, max(1, CHUNK // groups.shape[1])):
        yield batch.flatten(0, 1), True
    for batch in torch.split(scale_latents, CHUNK):
        yield batch, False


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
    """Codes of one encoder, until it shows itself broken: spreads of the groups, those of the scale set as they are.

    The latter take 8,192 floats a code, a small part of what the model's own weights do.
    """

    def __init__(self, encoder: LatentModel, generator: LatentModel, protocol: VotingProtocol) -> None:
        self._encoder = encoder
        self._generator = generator.codes
        self._group_size = protocol.group_size
        self._draws = torch.Generator().manual_seed(_seed(protocol, identity_of(generator), identity_of(encoder)))
        self._deviations: list[NDArray[np.float32]] = []
        self._ungrouped: list[NDArray[np.float32]] = []
        self._broken: BrokenModelError | None = None

    def add(self, images: Tensor, grouped: bool) -> None:
        if self._broken:
            return
        codes = self._encoder.sample_codes(images, self._draws).cpu().numpy()
        shape = (len(images), self._encoder.codes.count)
        if codes.shape != shape:
            self._broken = BrokenModelError(f"its encoder returns shape {codes.shape}, not {shape}")
        elif not np.isfinite(codes).all():
            self._broken = BrokenModelError("its codes hold values that are not finite")
        elif grouped:
            groups = codes.astype(np.float64).reshape(-1, self._group_size, codes.shape[1])
            self._deviations.append(standard_deviation(groups, axis=1).astype(np.float32))
        else:
            self._ungrouped.append(codes.astype(np.float32))

    def result(self, scale_latents: NDArray[np.float64]) -> PairStatistics | BrokenModelError:
        if self._broken:
            return self._broken
        encoded = np.concatenate(self._ungrouped).astype(np.float64)
        return PairStatistics.of(np.concatenate(self._deviations), encoded, scale_latents, self._generator)
