"""What the benchmarks of a training iteration train, and its plain twin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.lazy import torch
from engine.methods import method_class
from engine.methods.base import AnyMethod, Setup
from engine.runs.specification.resolving import resolve

PLAIN = "plain"
BASELINES = ("plain", "first-draft")
"""``plain`` wastes nothing that a careful reader of the method would see. ``first-draft`` is the plain iteration of the
first version of this benchmark, which does waste; targets were set against it."""
_IMAGES, _STEPS = 737_280, 10**6
"""Of the dataset and of the run; no method here computes with them before its step sizes decay."""


@dataclass(frozen=True)
class Networks:
    """What is trained: a preset of a method, on images ``(height, width, channels)``.

    ``lambdas`` are the values of lambda_cr to train with, one phase each; ``None`` for a method without.
    """

    method: str
    preset: str
    image_shape: tuple[int, int, int]
    lambdas: tuple[float | None, ...]


NETWORKS = {
    "dsprites": Networks("infogan-cr", "paper", (64, 64, 1), (0.0, 2.0)),
    "factor-vae": Networks("factor-vae", "paper", (64, 64, 1), (None,)),
    "celeba": Networks("infogan-cr", "paper-celeba", (32, 32, 3), (0.0, 1.0)),
}


@dataclass(frozen=True)
class Task:
    """What a process trains.

    Args:
        networks: a key of :data:`NETWORKS`.
        lambda_cr: weight of the contrastive regulariser; ``None`` for a method without.
        batch: images of an iteration; ``None``: as many as the preset says.
        precision: what the engine's hidden layers compute in, or :data:`PLAIN`.
        baseline: a key of :data:`BASELINES`.
        threads: of the processor.
        device: as torch names it.
    """

    networks: str
    lambda_cr: float | None
    batch: int | None
    precision: str
    threads: int
    device: str
    baseline: str = "plain"

    def build(self) -> tuple[AnyMethod, int]:
        """The engine's method with fresh weights, and the size of its batch."""
        networks = NETWORKS[self.networks]
        overrides = [] if self.lambda_cr is None else [f"lambda_cr={self.lambda_cr}"]
        spec = resolve(networks.method, preset=networks.preset, overrides=overrides)[0]
        setup = Setup(networks.image_shape, _IMAGES, 0, _STEPS, torch.device(self.device))
        return method_class(networks.method)(spec.method, setup), self.batch or spec.training.batch_size


def squares(n: int, image_shape: tuple[int, int, int], draws: torch.Generator) -> torch.Tensor:
    """Images of one square each on black, float32 ``[n, C, H, W]`` in [0, 1]; white if there is one channel."""
    height, width, channels = image_shape
    half, row, column = torch.rand(3, n, 1, 1, generator=draws).mul(torch.tensor([0.2, 1, 1])[:, None, None, None])
    rows = (torch.arange(height)[None, :, None] / height - row).abs() < half + 0.1
    columns = (torch.arange(width)[None, None, :] / width - column).abs() < half + 0.1
    colours = torch.rand(n, channels, 1, 1, generator=draws) if channels > 1 else torch.ones(n, 1, 1, 1)
    images: torch.Tensor = (rows & columns)[:, None] * colours
    return images


def plain_twin(method: Any, baseline: str = "plain") -> Any:
    """The plain iteration of the same method, with the same weights."""
    from plain_factor_vae import plain_copy as plain_factor_vae
    from plain_infogan_cr import FirstDraft, PlainInfoGANCR
    from plain_infogan_cr import plain_copy as plain_infogan_cr

    if method.settings.name == "factor-vae":
        return plain_factor_vae(method)
    kind = FirstDraft if baseline == "first-draft" else PlainInfoGANCR
    return plain_infogan_cr(method, method.setup.image_shape[0], method.settings.lambda_info, kind)


def seen_by_plain(method: AnyMethod, images: torch.Tensor) -> torch.Tensor:
    """Images in the range that the method's networks see; the engine's shift them themselves."""
    return 2 * images - 1 if getattr(method.settings, "pixel_range", "unit") == "symmetric" else images


def next_draws(method: Any, n: int) -> tuple[torch.Tensor, ...]:
    """What the method's next update will draw, as its plain twin takes it. The gap is 0."""
    streams = {}
    for name, stream in method.draws.items():
        streams[name] = torch.Generator(stream.device)
        streams[name].set_state(stream.get_state())
    if method.settings.name == "factor-vae":
        shape = (n, method.codes.count)
        noise, fresh_noise = (torch.randn(shape, generator=streams["posterior"]) for _ in range(2))
        return noise, fresh_noise, torch.rand(shape, generator=streams["permutation"]).argsort(0)
    return method.codes.sample(n, streams["latent"]), *method.codes.sample_pairs(n, 0.0, streams["pairs"])


def weight_of(task: Task) -> tuple[float, ...]:
    """The last argument of the plain iteration, where it has one."""
    return () if task.lambda_cr is None else (task.lambda_cr,)
