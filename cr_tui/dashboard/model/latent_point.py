"""A point in a model's latent space that is moved code by code, by sliders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cr_tui.render.images.traversal import draw_latents
from engine.models.codes import Codes

Latent = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class LatentPoint:
    """Latents and the sample that they began from. It never changes: every move returns another point.

    A slider's position is a share of the traversal of its code: 0 is the traversal's beginning, 1 its end. So the codes
    of two models can be moved alike, whatever their priors.

    Args:
        codes: the parts of the latents.
        sample: float32 ``[dimensions]``, where the latents began.
        latent: float32 ``[dimensions]``, where they are now.
    """

    codes: Codes
    sample: Latent
    latent: Latent

    @classmethod
    def drawn(cls, codes: Codes, seed: int) -> LatentPoint:
        """A random draw from the prior, the same as that of ``crtui traverse --seed``."""
        latent = draw_latents(codes, 1, seed)[0].astype(np.float32)
        return cls(codes, latent, latent)

    @classmethod
    def encoded(cls, codes: Codes, values: NDArray[np.floating], seed: int) -> LatentPoint:
        """The codes of an image, with noise drawn from the prior.

        Args:
            codes: the parts of the latents.
            values: float ``[count]``, the encoder's answer; of a categorical code the index of its category.
            seed: of the noise.
        """
        latent = draw_latents(codes, 1, seed)[0].astype(np.float32)
        for code, value in enumerate(values):
            latent[codes.columns(code)] = _columns(codes, code, float(value))
        return cls(codes, latent, latent)

    def categories(self, code: int) -> int:
        """How many categories a code has; 0 for a continuous one."""
        return 0 if code < self.codes.continuous else self.codes.categorical[code - self.codes.continuous]

    def value(self, code: int) -> float:
        """Where a code stands: its value, or the index of its category."""
        block = self.latent[self.codes.columns(code)]
        return float(block.argmax()) if self.categories(code) else float(block[0])

    def share(self, code: int) -> float:
        """Where a code's slider stands, in [0, 1]; at an end where the value lies beyond it."""
        low, high = self._range(code)
        return min(max((self.value(code) - low) / (high - low), 0.0), 1.0) if high > low else 0.0

    def put(self, code: int, share: float) -> LatentPoint:
        """Set a code's slider to a share of its way, of a categorical code the nearest category."""
        low, high = self._range(code)
        value = low + min(max(share, 0.0), 1.0) * (high - low)
        return self._with(code, round(value) if self.categories(code) else value)

    def moved(self, code: int, by: float) -> LatentPoint:
        """Move a code's slider by a share of its way, of a categorical code by at least one category."""
        step = 1 / max(self.categories(code) - 1, 1)
        if self.categories(code) and by:
            by = max(round(abs(by) / step), 1) * step * (1 if by > 0 else -1)
        return self.put(code, self.share(code) + by)

    def back(self, code: int) -> LatentPoint:
        """Put a code back to where it began."""
        latent = self.latent.copy()
        latent[self.codes.columns(code)] = self.sample[self.codes.columns(code)]
        return LatentPoint(self.codes, self.sample, latent)

    def with_noise(self, seed: int) -> LatentPoint:
        """Draw the noise anew and leave the codes."""
        latent, sample = self.latent.copy(), self.sample.copy()
        noise = slice(self.codes.regularised, None)
        latent[noise] = sample[noise] = draw_latents(self.codes, 1, seed)[0, noise]
        return LatentPoint(self.codes, sample, latent)

    def is_moved(self, code: int) -> bool:
        """Whether a code is elsewhere than it began."""
        columns = self.codes.columns(code)
        return not np.array_equal(self.latent[columns], self.sample[columns])

    def steps(self, code: int, steps: int) -> int:
        """How many images a traversal of a code has: of a categorical code at most one for each category."""
        return min(steps, self.categories(code)) if self.categories(code) else steps

    def walk_values(self, code: int, steps: int) -> list[str]:
        """The values of a traversal as they are written: with a sign, or the numbers of the categories from 1."""
        steps = self.steps(code, steps)
        walked = self.codes.walk(code, steps)
        if self.categories(code):
            return [str(int(block.argmax()) + 1) for block in walked]
        return [f"{float(block[0]):+.1f}" for block in walked]

    def walk(self, code: int, steps: int, *, backwards: bool = False) -> Latent:
        """Latents float32 ``[steps(code), dimensions]`` along a code, everything else held."""
        steps = self.steps(code, steps)
        latents = np.repeat(self.latent[None], steps, axis=0)
        latents[:, self.codes.columns(code)] = self.codes.walk(code, steps)
        return latents[::-1] if backwards else latents

    def _range(self, code: int) -> tuple[float, float]:
        categories = self.categories(code)
        return (0.0, float(categories - 1)) if categories else self.codes.traversal_range

    def _with(self, code: int, value: float) -> LatentPoint:
        latent = self.latent.copy()
        latent[self.codes.columns(code)] = _columns(self.codes, code, value)
        return LatentPoint(self.codes, self.sample, latent)


def _columns(codes: Codes, code: int, value: float) -> Latent:
    """The entries of a latent vector for a value of a code."""
    if code < codes.continuous:
        return np.array([value], dtype=np.float32)
    one_hot = np.zeros(codes.categorical[code - codes.continuous], dtype=np.float32)
    one_hot[min(max(round(value), 0), len(one_hot) - 1)] = 1.0
    return one_hot
