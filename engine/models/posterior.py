"""Gaussian posteriors q(z|x), the answer of a VAE's encoder."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import NamedTuple

from torch import Tensor

from engine.models.layers import Network


class Gaussian(NamedTuple):
    """Independent normal distributions.

    Args:
        mean: float ``[n, d]``.
        log_variance: float ``[n, d]``.
    """

    mean: Tensor
    log_variance: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """Draws float ``[n, d]``, made of N(0, 1) ``noise`` of that shape (Kingma & Welling 2014, section 2.4)."""
        return self.mean + (0.5 * self.log_variance).exp() * noise

    def kl(self) -> Tensor:
        """KL divergence from N(0, 1) of each dimension, in nats, float ``[n, d]`` (Kingma & Welling 2014, app. B)."""
        return 0.5 * (self.mean.square() + self.log_variance.exp() - self.log_variance - 1.0)

    def log_density(self, z: Tensor) -> Tensor:
        """Log-density of each dimension at ``z``, in nats. ``z`` and the distributions broadcast against each other."""
        squared = (z - self.mean).square() * (-self.log_variance).exp()
        return -0.5 * (squared + self.log_variance + math.log(2 * math.pi))

    def log_densities_at(self, z: Tensor) -> Tensor:
        """Log-density of every draw under every distribution, in nats, float ``[n, m, d]``.

        Entry ``(i, j, k)`` is log q(z_ik | x_j).

        Args:
            z: draws float ``[n, d]``; m is the number of distributions.
        """
        return self.log_density(z[:, None])


class PosteriorEncoder(Network):
    """An encoder whose answer is a distribution over codes."""

    @abstractmethod
    def posterior(self, images: Tensor) -> Gaussian:
        """The marginals of q(z|x), float ``[n, d]`` each, of images float ``[n, C, H, W]``."""

    def encode(self, images: Tensor) -> Tensor:
        """The posterior's means, float ``[n, d]``."""
        return self.posterior(images).mean

    def sample_codes(self, images: Tensor, noise: Tensor) -> Tensor:
        """A draw from q(z|x), float ``[n, d]``, made of N(0, 1) ``noise`` of that shape."""
        return self.posterior(images).sample(noise)
