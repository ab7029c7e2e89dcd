"""The latent codes of a model, as sampling, Q's loss, contrastive pairs and traversals need them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.lazy import torch

Prior = Literal["uniform", "normal"]


@dataclass(frozen=True)
class Codes:
    """Which codes and how much noise a latent vector holds.

    A latent vector is the input of a generator: the continuous codes, then a one-hot block for each categorical code,
    then the noise. Codes are numbered from 0, the continuous ones first.

    Args:
        continuous: number of one-dimensional continuous codes (*c* of the papers).
        noise: number of noise dimensions (*z* of the GANs), 0 for a VAE.
        prior: distribution of continuous codes and noise: ``"uniform"`` on [-1, 1] (InfoGAN) or ``"normal"``, N(0, 1)
            (VAE).
        categorical: number of categories of each categorical code, all equally likely (Chen et al. 2016).
    """

    continuous: int
    noise: int = 0
    prior: Prior = "uniform"
    categorical: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """Number of codes, without the noise: the columns that an encoder's codes have."""
        return self.continuous + len(self.categorical)

    @property
    def regularised(self) -> int:
        """Columns of a latent vector that belong to codes, not to noise."""
        return self.continuous + sum(self.categorical)

    @property
    def dimensions(self) -> int:
        """Width of the generator's input."""
        return self.regularised + self.noise

    @property
    def traversal_range(self) -> tuple[float, float]:
        """The interval of a traversal: the support of a uniform prior, two standard deviations of a normal one."""
        return (-1.0, 1.0) if self.prior == "uniform" else (-2.0, 2.0)

    def columns(self, code: int) -> slice:
        """The columns of a latent vector that hold ``code``: one if it is continuous, its block if categorical."""
        if code < self.continuous:
            return slice(code, code + 1)
        start = self.continuous + sum(self.categorical[: code - self.continuous])
        return slice(start, start + self.categorical[code - self.continuous])

    def walk(self, code: int, steps: int) -> NDArray[np.float32]:
        """The values of ``columns(code)`` along a traversal, float32 ``[steps, columns]``.

        A continuous code takes evenly spaced values over :attr:`traversal_range`, ends included. A categorical code
        takes its categories in turn, each for an equal share of the steps.
        """
        if code < self.continuous:
            return np.linspace(*self.traversal_range, steps, dtype=np.float32)[:, None]
        categories = self.categorical[code - self.continuous]
        return np.eye(categories, dtype=np.float32)[np.arange(steps) * categories // steps]

    def values(self, latent: torch.Tensor) -> torch.Tensor:
        """The codes' values in latent vectors ``[n, dimensions]``, float ``[n, count]``; a category is its index."""
        blocks = [latent[:, self.columns(code)] for code in range(self.continuous, self.count)]
        categories = [block.argmax(1, keepdim=True).to(latent.dtype) for block in blocks]
        return torch.cat([latent[:, : self.continuous], *categories], dim=1)

    def sample(self, n: int, generator: torch.Generator) -> torch.Tensor:
        """Draw ``n`` latent vectors, float32 ``[n, dimensions]`` on the generator's device, codes first."""
        shape = (n, self.dimensions)
        if self.prior == "uniform":
            draws = torch.rand(shape, generator=generator, device=generator.device)
            return self.settled(draws.mul_(2.0).sub_(1.0))
        return self.settled(torch.randn(shape, generator=generator, device=generator.device))

    def settled(self, latent: torch.Tensor) -> torch.Tensor:
        """Make each categorical block of latent vectors ``[n, dimensions]`` one-hot at its largest entry, in place.

        Among equally distributed draws, each is the largest with equal probability. So draws from the prior of
        continuous codes become a draw from the prior of the categorical code.
        """
        for code in range(self.continuous, self.count):
            block = latent[:, self.columns(code)]
            block.copy_(torch.nn.functional.one_hot(block.argmax(1), block.shape[1]))
        return latent

    def at_quantiles(self, points: torch.Tensor) -> torch.Tensor:
        """Latent vectors whose codes and noise are given quantiles of the prior.

        Args:
            points: probabilities, float64 ``[n, count + noise]`` in [0, 1): one for each code, then one for each noise
                dimension.

        Returns:
            float32 ``[n, dimensions]``.
        """
        if self.prior == "uniform":
            values = points.mul(2.0).sub(1.0)
        else:
            # A point can be exactly zero, whose quantile is infinite.
            values = torch.special.ndtri(points.clamp(min=2.0**-31))
        blocks = [
            torch.nn.functional.one_hot((points[:, self.continuous + place] * categories).long(), categories)
            for place, categories in enumerate(self.categorical)
        ]
        return torch.cat([values[:, : self.continuous], *blocks, values[:, self.count :]], dim=1).float()

    def sample_pairs(
        self, n: int, gap: float, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Draw contrastive pairs that share exactly one code (Lin et al. 2020; docs/method.md, section 5).

        The noise and the shared code are drawn once for both. Every other continuous code is drawn twice from
        U[-1 + gap/2, 1 - gap/2]; the larger draw is raised and the smaller lowered by gap/2, so the two differ by at
        least ``gap`` and stay inside [-1, 1]. A tie lowers the first. Every other categorical code is drawn twice,
        without replacement where there is a gap (ours: the authors have continuous codes only).

        Args:
            n: number of pairs.
            gap: least distance between the codes that are not shared, in [0, 2).
            generator: source of randomness; the draws are on its device.

        Returns:
            The two latent batches, float32 ``[n, dimensions]``, and the index of the shared code, int64 ``[n]``.
        """
        device = generator.device
        shared = torch.randint(self.count, (n,), generator=generator, device=device)
        first = self.sample(n, generator)
        draws = (
            torch.rand((2, n, self.continuous), generator=generator, device=device)
            .mul_(2.0)
            .sub_(1.0)
            .mul_(1.0 - gap / 2)
        )
        direction = torch.where(draws[0] > draws[1], gap / 2, -gap / 2)
        is_shared = torch.nn.functional.one_hot(shared, self.count).bool()
        second = first.clone()
        codes = first[:, : self.continuous].clone()
        continuous_shared = is_shared[:, : self.continuous]
        first[:, : self.continuous] = torch.where(continuous_shared, codes, draws[0] + direction)
        second[:, : self.continuous] = torch.where(continuous_shared, codes, draws[1] - direction)
        for code in range(self.continuous, self.count):
            block = second[:, self.columns(code)]
            categories = block.shape[1]
            # A step of 0 keeps the category, as independent draws sometimes do. A gap forbids it.
            low = 1 if gap > 0 and categories > 1 else 0
            step = torch.randint(low, categories, (n,), generator=generator, device=device)
            other = (block.argmax(1) + step * ~is_shared[:, code]) % categories
            block.copy_(torch.nn.functional.one_hot(other, categories))
        return first, second, shared
