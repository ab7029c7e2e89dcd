"""CHyVAE's encoder, to a Gaussian of full covariance (Ansari & Soh 2019; docs/method.md, section 16)."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.models.layers import Head, Widths
from engine.models.posterior import Gaussian
from engine.models.vae import GaussianEncoder

JITTER = 1e-4
"""Added to the diagonal of the encoder's factor, and again to that of the covariance."""


class CorrelatedGaussian(NamedTuple):
    """Normal distributions whose dimensions are correlated.

    Args:
        mean: float ``[n, d]``.
        covariance: Sigma, float ``[n, d, d]``.
        factor: the lower triangular C with C C^T = Sigma, float ``[n, d, d]``.
    """

    mean: Tensor
    covariance: Tensor
    factor: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """Draws float ``[n, d]``, made of N(0, 1) ``noise`` of that shape."""
        return self.mean + torch.einsum("nij,nj->ni", self.factor, noise)

    def log_determinant(self) -> Tensor:
        """The logarithm of Sigma's determinant, float ``[n]``."""
        return 2 * self.factor.diagonal(dim1=1, dim2=2).log().sum(1)

    def marginals(self) -> Gaussian:
        """The distribution of each dimension by itself."""
        return Gaussian(self.mean, self.covariance.diagonal(dim1=1, dim2=2).log())


class FullCovarianceEncoder(GaussianEncoder):
    """q(z|x) = N(mean, L L^T + 1e-4 I), L lower triangular with softplus(.) + 1e-4 on its diagonal.

    Args:
        image_shape: ``(height, width, channels)``.
        codes: dimensions of z.
        widths: hidden widths.
        linear_last: leave the last hidden layer without activation.
    """

    def __init__(self, image_shape: tuple[int, int, int], codes: int, widths: Widths, linear_last: bool) -> None:
        super().__init__(image_shape, codes, widths, linear_last)
        # One head gives the whole covariance.
        del self.log_variance
        # A full matrix whose upper triangle is unused, as in the authors' code: its size sets Glorot's range.
        self.matrix = Head(widths.dense[-1], codes * codes)

    def distribution(self, images: Tensor) -> CorrelatedGaussian:
        """q(z|x) of images float ``[n, C, H, W]``."""
        features = self.features(images)
        mean: Tensor = self.mean(features)
        codes = mean.shape[1]
        matrix = self.matrix(features).view(-1, codes, codes)
        diagonal = F.softplus(matrix.diagonal(dim1=1, dim2=2)) + JITTER
        lower = matrix.tril(-1) + diagonal.diag_embed()
        jitter = JITTER * torch.eye(codes, dtype=mean.dtype, device=mean.device)
        covariance = lower @ lower.mT + jitter
        return CorrelatedGaussian(mean, covariance, torch.linalg.cholesky(covariance))

    def posterior(self, images: Tensor) -> Gaussian:
        return self.distribution(images).marginals()

    def sample_codes(self, images: Tensor, noise: Tensor) -> Tensor:
        return self.distribution(images).sample(noise)
