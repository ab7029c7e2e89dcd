"""Codes that take a few values each: the quantiser, and encoders and decoders that see its values.

Hsu, Dorrell, Whittington, Wu and Finn, "Disentanglement via Latent Quantization" (NeurIPS 2023).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.models.layers import Network, Widths, only_shapes
from engine.models.vae import GaussianEncoder


class Quantiser(nn.Module):
    """Replaces each code by the nearest of its own values.

    Args:
        codes: number of codes d.
        levels: values of each code; at first they are spaced evenly over [-1, 1].
        learnt: whether the values are parameters.
    """

    def __init__(self, codes: int, levels: int, learnt: bool = True) -> None:
        super().__init__()
        values = torch.empty(codes, levels) if only_shapes() else torch.linspace(-1.0, 1.0, levels).repeat(codes, 1)
        if learnt:
            self.values = nn.Parameter(values)
        else:
            self.register_buffer("values", values)

    values: Tensor

    def forward(self, codes: Tensor) -> Tensor:
        """The nearest values, float ``[n, d]``, of codes ``[n, d]``. Gradients flow to the values, not to the codes."""
        nearest = (codes.detach()[:, :, None] - self.values.detach()).abs().argmin(2)
        found: Tensor = self.values.expand(len(codes), -1, -1).gather(2, nearest[:, :, None])[:, :, 0]
        return found

    def passed_through(self, codes: Tensor) -> Tensor:
        """The nearest values, with the gradient of the codes (straight through; Bengio et al. 2013)."""
        values: Tensor = self(codes)
        return codes + (values - codes).detach()

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """A value of each code, all equally likely, float ``[n, d]``.

        Args:
            n: rows.
            generator: source of randomness.
        """
        d, levels = self.values.shape
        chosen = torch.randint(levels, (n, d, 1), generator=generator, device=generator.device)
        values = self.values.detach().expand(n, d, levels)
        return values.gather(2, chosen.to(values.device))[:, :, 0]


class QuantisedEncoder(Network):
    """An encoder whose codes are quantised: the layers of a VAE's encoder with one linear head, then the quantiser.

    Args:
        image_shape: ``(height, width, channels)``.
        codes: number of codes.
        widths: hidden widths.
        linear_last: leave the last hidden layer without activation.
        levels: values of each code.
        learnt: whether these are parameters.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        codes: int,
        widths: Widths,
        linear_last: bool,
        levels: int,
        learnt: bool,
    ) -> None:
        super().__init__()
        self.layers = GaussianEncoder(image_shape, codes, widths, linear_last)
        # There is no distribution, so its second head would be weights that nobody trains.
        del self.layers.log_variance
        self.quantiser = Quantiser(codes, levels, learnt)

    def continuous(self, images: Tensor) -> Tensor:
        """Codes before quantisation, float ``[n, d]``."""
        codes: Tensor = self.layers.mean(self.layers.features(images))
        return codes

    def encode(self, images: Tensor) -> Tensor:
        """Quantised codes, float ``[n, d]``."""
        codes: Tensor = self.quantiser(self.continuous(images))
        return codes


class DecoderOfValues(Network):
    """A decoder that sees the nearest values of the continuous codes it is given, as it did while it was trained."""

    def __init__(self, decoder: nn.Module, quantiser: Quantiser) -> None:
        super().__init__()
        self.decoder, self.quantiser = decoder, quantiser

    def forward(self, z: Tensor) -> Tensor:
        """Images of latent vectors whose first columns are the codes."""
        d = len(self.quantiser.values)
        images: Tensor = self.decoder(torch.cat([self.quantiser(z[:, :d]), z[:, d:]], dim=1))
        return images


class EncoderToValues(Network):
    """An encoder whose continuous codes are replaced by the nearest values."""

    def __init__(self, encoder: nn.Module, quantiser: Quantiser) -> None:
        super().__init__()
        self.encoder, self.quantiser = encoder, quantiser

    def encode(self, images: Tensor) -> Tensor:
        """Quantised codes, then categories as they are."""
        codes: Tensor = getattr(self.encoder, "encode", self.encoder)(images)
        d = len(self.quantiser.values)
        return torch.cat([self.quantiser(codes[:, :d]), codes[:, d:]], dim=1)
