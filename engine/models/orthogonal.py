"""An orthogonal expansion of images that is learnt (Jiang et al. 2024)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.models.layers import only_shapes


class OrthogonalExpansion(nn.Module):
    """Coefficients of square images: a B x B' + b with an orthogonal B, as the discrete cosine transform has one.

    B is the orthogonal factor of a free matrix, so it is orthogonal exactly, whatever a step did to that matrix. (The
    authors' code takes steps on the sum of |B B' - I| until that is below 0.2.) Coefficients of several channels are
    averaged (ours: the authors have one).

    Args:
        side: of the images, in pixels.
        generator: source of the initial matrix.
    """

    def __init__(self, side: int, generator: torch.Generator) -> None:
        super().__init__()
        if only_shapes():
            free = torch.empty(side, side)
        else:
            free = torch.linalg.qr(torch.randn(side, side, generator=generator)).Q
        self.free = nn.Parameter(free)
        self.scale = nn.Parameter(torch.ones(()))
        self.shift = nn.Parameter(torch.zeros(()))

    def basis(self) -> Tensor:
        """B, float ``[side, side]``, with the signs that make it a continuous function of the free matrix."""
        orthogonal, upper = torch.linalg.qr(self.free.float())
        signed: Tensor = orthogonal * torch.where(upper.diagonal() < 0, -1.0, 1.0)
        return signed

    def forward(self, images: Tensor) -> Tensor:
        """Coefficients float ``[n, side * side]`` of images ``[n, C, side, side]``, row by row."""
        basis = self.basis()
        coefficients: Tensor = (basis @ images.float().mean(dim=1) @ basis.T).flatten(1)
        return self.scale * coefficients + self.shift
