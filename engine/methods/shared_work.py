"""Bookkeeping of a GAN's iteration: work that its steps share, with the results of doing it anew each time.

The authors' code runs G anew for every network that looks at its images, and computes W / sigma anew in every forward
pass (docs/method.md, sections 2.5 and 4). Between two changes of a network's weights such work gives the same result
again. Here it is done once, and what depends on how often it is done counts it as often as the authors' code does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.lazy import torch

if TYPE_CHECKING:
    from engine.models.infogan import Generator
    from engine.models.layers import Network, Statistics


class GeneratedImages:
    """G's images of the latent batches of one iteration, made once between two steps of G.

    Every call counts as a forward pass of its own in G's moving statistics.

    Args:
        generator: G. It must not change without a call of :meth:`forget`.
    """

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self._made: dict[torch.Tensor, tuple[torch.Tensor, Statistics]] = {}
        self._counted: list[Statistics] = []

    def __call__(self, latent: torch.Tensor) -> torch.Tensor:
        """Images float ``[n, C, H, W]`` in [0, 1] of latent vectors float ``[n, dimensions]``, in training mode.

        Batch normalisation uses the statistics of this batch alone. Gradients flow back to G.
        """
        if latent not in self._made:
            images = self._generator(latent, moving=False)
            self._made[latent] = images, self._generator.observed()
        images, statistics = self._made[latent]
        self._counted.append(statistics)
        return images

    def preview(self, first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Images of two latent batches of equal length in inference mode: without gradients, and not counted."""
        # Moving statistics make the rows independent of each other, so one forward pass serves both batches.
        with torch.no_grad():
            both = self._generator(torch.cat([first, second]), moving=True)
        of_first, of_second = both.chunk(2)
        return of_first, of_second

    def forget(self) -> None:
        """Drop all images, because G has changed."""
        self._made.clear()

    def update_moving_statistics(self) -> None:
        """Move G's moving statistics once for every call in this iteration, in their order."""
        self._generator.update_moving(self._counted)
        self._counted = []


@contextmanager
def fixed_weights(*networks: Network) -> Iterator[None]:
    """Compute the effective weights of ``networks`` once, without gradients, for all forward passes in the block.

    This is for the last steps of an iteration, those of G: behind the block the iteration is over, and the vectors u of
    the power iteration are stored, as the authors' code does it once an iteration (docs/method.md, section 2.5).
    """
    with torch.no_grad():
        for network in networks:
            network.normalise()
    yield
    for network in networks:
        network.persist_spectral()
        network.release()
