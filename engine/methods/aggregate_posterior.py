"""Estimates of log q(z) from a batch. q(z) = 1/N sum_x q(z|x) is the aggregate posterior over the N training images.

For z drawn from q(z|x_i), with x_i in a batch of n images, each estimator replaces q(z) by sum_j w_ij q(z|x_j):

- ``weighted`` (Chen et al. 2018, app. C.1): w_ij = 1 / (n N).
- ``stratified`` (Chen et al. 2018, app. C.2), with M = n - 1: w_ii = 1/N; w_ij = (N - M) / (N M) for one j; 1/M for all
  others. It is unbiased for a batch drawn without replacement. Any j will do. Here j follows i, and the first follows
  the last.
- ``leave-one-out`` (Esmaeili et al. 2019): w_ii = 1/N; w_ij = (N - 1) / (N (n - 1)) for all others. It is the mean of
  ``stratified`` over the choices of j.
"""

from __future__ import annotations

import math
from typing import Literal

from engine.lazy import torch

Sampling = Literal["weighted", "stratified", "leave-one-out"]


def log_weights(sampling: Sampling, batch: int, images: int) -> torch.Tensor:
    """Weights w as logarithms, float64 ``[batch, batch]`` on the CPU; row i is for the draw from q(z|x_i).

    Args:
        sampling: the estimator.
        batch: n, at least 2.
        images: N, at least n.
    """
    if sampling == "weighted":
        return torch.full((batch, batch), -math.log(batch * images), dtype=torch.float64)
    others = batch - 1
    if sampling == "leave-one-out":
        weights = torch.full((batch, batch), (images - 1) / (images * others), dtype=torch.float64)
    else:
        weights = torch.full((batch, batch), 1 / others, dtype=torch.float64)
        rows = torch.arange(batch)
        weights[rows, (rows + 1) % batch] = (images - others) / (images * others)
    return weights.fill_diagonal_(1 / images).log()


def log_aggregate(log_densities: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Estimates of the log-density of q(z), in nats, float ``[n, ...]``.

    Args:
        log_densities: log q(z_i | x_j) float ``[n, n, ...]``, i first.
        weights: of :func:`log_weights`, ``[n, n]``.
    """
    # Cast before it moves: not every device has double precision.
    weights = weights.to(log_densities.dtype).to(log_densities.device)
    extra = log_densities.dim() - 2
    return torch.logsumexp(log_densities + weights.view(*weights.shape, *[1] * extra), dim=1)
