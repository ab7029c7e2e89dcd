"""The latent codes of a model: one description for sampling, Q's loss, contrastive pairs and traversals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.lazy import torch

Prior = Literal["uniform", "normal"]


@dataclass(frozen=True)
class Codes:
    """Regularised codes followed by noise, as they enter a generator.

    Args:
        continuous: number of one-dimensional continuous codes (*c* of the papers).
        noise: number of incompressible noise dimensions (*z*), 0 for a VAE.
        prior: ``"uniform"`` on [-1, 1] (InfoGAN) or ``"normal"``, N(0, 1) (VAE).
    """

    continuous: int
    noise: int = 0
    prior: Prior = "uniform"

    @property
    def dimensions(self) -> int:
        """Width of the generator's input."""
        return self.continuous + self.noise

    @property
    def traversal_range(self) -> tuple[float, float]:
        """The interval a traversal walks: the support of a uniform prior, two standard deviations of a normal one."""
        return (-1.0, 1.0) if self.prior == "uniform" else (-2.0, 2.0)

    def sample(self, n: int, generator: torch.Generator) -> torch.Tensor:
        """Draw ``n`` latent vectors, float32 ``[n, dimensions]`` on the CPU, codes first."""
        shape = (n, self.dimensions)
        if self.prior == "uniform":
            return torch.rand(shape, generator=generator).mul_(2.0).sub_(1.0)
        return torch.randn(shape, generator=generator)

    def sample_pairs(
        self, n: int, gap: float, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Draw contrastive pairs that share exactly one code (Lin et al. 2020; method facts section 5).

        The noise and the shared code are drawn once for both. Every other code is drawn twice from
        U[-1 + gap/2, 1 - gap/2]; the larger draw is raised and the smaller lowered by gap/2, so the two differ by at
        least ``gap`` and stay inside [-1, 1]. A tie lowers the first.

        Args:
            n: number of pairs.
            gap: least distance between the codes that are not shared, in [0, 2).
            generator: source of randomness (CPU).

        Returns:
            The two latent batches, float32 ``[n, dimensions]``, and the index of the shared code, int64 ``[n]``.
        """
        shared = torch.randint(self.continuous, (n,), generator=generator)
        first = self.sample(n, generator)
        draws = torch.rand((2, n, self.continuous), generator=generator).mul_(2.0).sub_(1.0).mul_(1.0 - gap / 2)
        direction = torch.where(draws[0] > draws[1], gap / 2, -gap / 2)
        is_shared = torch.nn.functional.one_hot(shared, self.continuous).bool()
        second = first.clone()
        codes = first[:, : self.continuous].clone()
        first[:, : self.continuous] = torch.where(is_shared, codes, draws[0] + direction)
        second[:, : self.continuous] = torch.where(is_shared, codes, draws[1] - direction)
        return first, second, shared
