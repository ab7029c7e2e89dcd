"""FactorVAE written the plain way, on torch's own layers and defaults; ``plain_infogan_cr.py`` says what that is for.

Method: Kim & Mnih 2018, in the variant of the InfoGAN-CR authors: D sees codes of the batch that the VAE was trained
on, and the same codes permuted.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPS = 1e-8


class PlainFactorVAE:
    """A step of encoder and decoder, then one of D.

    Args:
        encoder: images to features.
        mean, log_variance: features to the posterior's parameters.
        decoder: codes to logits of pixels.
        discriminator: codes to two logits, of being from the posterior and of being permuted.
        gamma: weight of the total correlation.

    Attributes:
        origins: tensors of the engine's networks, each with the one here that began as its copy.
    """

    def __init__(
        self,
        encoder: nn.Sequential,
        mean: nn.Linear,
        log_variance: nn.Linear,
        decoder: nn.Sequential,
        discriminator: nn.Sequential,
        gamma: float,
    ) -> None:
        self.encoder, self.mean, self.log_variance = encoder, mean, log_variance
        self.decoder, self.discriminator = decoder, discriminator
        self.gamma = gamma
        self.origins: list[tuple[Tensor, Tensor]] = []
        vae = nn.ModuleList([encoder, mean, log_variance, decoder])
        self.vae_optimizer = torch.optim.Adam(vae.parameters(), lr=1e-4, betas=(0.9, 0.999), eps=1e-8)
        self.d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=1e-4, betas=(0.5, 0.9), eps=1e-8)

    def draw(self, n: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """What an iteration draws: noise of both posterior samples, and an order of the batch for each dimension."""
        codes = self.mean.out_features
        noise, fresh_noise = (torch.randn(n, codes, device=device) for _ in range(2))
        order = torch.stack([torch.randperm(n, device=device) for _ in range(codes)], dim=1)
        return noise, fresh_noise, order

    def iterate(self, images: Tensor, noise: Tensor, fresh_noise: Tensor, order: Tensor) -> dict[str, Tensor]:
        """Train on one batch of images in [0, 1]; the losses come back."""
        self.vae_optimizer.zero_grad()
        mean, log_variance = self._posterior(images)
        z = mean + torch.exp(0.5 * log_variance) * noise
        logits = self.decoder(z)
        reconstruction = F.binary_cross_entropy_with_logits(logits, images, reduction="sum") / len(images)
        kl = 0.5 * (mean**2 + torch.exp(log_variance) - log_variance - 1).sum(1).mean()
        verdict = self.discriminator(z)
        total_correlation = (verdict[:, 0] - verdict[:, 1]).mean()
        loss = reconstruction + kl + self.gamma * total_correlation
        loss.backward()
        self.vae_optimizer.step()

        with torch.no_grad():
            mean, log_variance = self._posterior(images)
            z = mean + torch.exp(0.5 * log_variance) * fresh_noise
            permuted = torch.stack([z[order[:, code], code] for code in range(z.shape[1])], dim=1)
        self.d_optimizer.zero_grad()
        joint = torch.softmax(self.discriminator(z), dim=1)[:, 0]
        product = torch.softmax(self.discriminator(permuted), dim=1)[:, 1]
        d_loss = -0.5 * torch.log(joint + EPS).mean() - 0.5 * torch.log(product + EPS).mean()
        d_loss.backward()
        self.d_optimizer.step()
        losses = {
            "loss": loss,
            "loss_reconstruction": reconstruction,
            "kl": kl,
            "total_correlation": total_correlation,
            "loss_discriminator": d_loss,
        }
        return {name: loss.detach() for name, loss in losses.items()}

    def _posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.encoder(images)
        return self.mean(features), self.log_variance(features)


def plain_encoder(side: int, channels: int, widths: Any) -> nn.Sequential:
    """Images to features; the last layer has no activation. ``widths`` are the settings of the encoder."""
    layers: list[nn.Module] = []
    before = channels
    for width in widths.channels:
        layers += [nn.Conv2d(before, width, 4, 2, 1), nn.ReLU()]
        before = width
    layers.append(nn.Flatten())
    before *= (side // 2 ** len(widths.channels)) ** 2
    for width in widths.dense:
        layers += [nn.Linear(before, width), nn.ReLU()]
        before = width
    return nn.Sequential(*layers[:-1])


def plain_decoder(codes: int, side: int, channels: int, widths: Any) -> nn.Sequential:
    """Codes to logits of pixels. ``widths`` are the settings of the decoder."""
    start = side // 2 ** (len(widths.channels) + 1)
    first = widths.channels[0]
    layers: list[nn.Module] = []
    before = codes
    for width in (*widths.dense, first * start * start):
        layers += [nn.Linear(before, width), nn.ReLU()]
        before = width
    layers.append(nn.Unflatten(1, (first, start, start)))
    before = first
    for width in widths.channels:
        layers += [nn.ConvTranspose2d(before, width, 4, 2, 1), nn.ReLU()]
        before = width
    return nn.Sequential(*layers, nn.ConvTranspose2d(before, channels, 4, 2, 1))


def plain_discriminator(codes: int, hidden: tuple[int, ...]) -> nn.Sequential:
    """D of codes."""
    layers: list[nn.Module] = []
    before = codes
    for width in hidden:
        layers += [nn.Linear(before, width), nn.LeakyReLU(0.2)]
        before = width
    return nn.Sequential(*layers, nn.Linear(before, 2))


def plain_copy(method: Any) -> PlainFactorVAE:
    """A plain twin of an ``engine.methods.factor_vae.FactorVAE``, with the same weights.

    Of one with the settings of its preset ``paper``, apart from widths, gamma and initial weights.
    """
    side, _, channels = method.setup.image_shape
    settings, encoder, decoder, discriminator = method.settings, method.encoder, method.decoder, method.discriminator
    codes = settings.codes
    features = settings.encoder.dense[-1]
    plain = PlainFactorVAE(
        plain_encoder(side, channels, settings.encoder), nn.Linear(features, codes), nn.Linear(features, codes),
        plain_decoder(codes, side, channels, settings.decoder),
        plain_discriminator(codes, settings.discriminator_hidden), settings.gamma,
    )  # fmt: skip
    layers = {
        plain.encoder: [*encoder.convs, *encoder.dense],
        plain.mean: [encoder.mean],
        plain.log_variance: [encoder.log_variance],
        plain.decoder: [*decoder.dense, *decoder.deconvs, decoder.image],
        plain.discriminator: [*discriminator.dense, discriminator.verdict],
    }
    for network, sources in layers.items():
        # Adam has the parameters, which stay the same objects.
        network.to(method.setup.device)
        own_layers: list[Any] = [module for module in network.modules() if hasattr(module, "weight")]
        for layer, own_layer in zip(sources, own_layers, strict=True):
            plain.origins += [(layer.weight, own_layer.weight), (layer.bias, own_layer.bias)]
    with torch.no_grad():
        for source, own in plain.origins:
            own.copy_(source)
    return plain
