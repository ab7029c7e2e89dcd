"""InfoGAN-CR written the plain way: one eager forward for each image batch that the method's description names.

This is what a reader of the method would write first. It shares no code with the engine, so that the benchmark has
something to beat and the tests something to agree with. Networks and numbers are those of the dSprites column
(method: Lin et al. 2020; spectral normalisation: Miyato et al. 2018).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPS = 1e-8


class SpectralLayer(nn.Module):
    """A linear or stride-2 convolutional layer whose weight is divided by its estimated largest singular value."""

    def __init__(self, weight: Tensor, u: Tensor | None) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.clone())
        self.bias = nn.Parameter(torch.zeros(len(weight)))
        self.u = u

    def power_iteration(self) -> tuple[Tensor, Tensor]:
        matrix = self.weight.reshape(len(self.weight), -1).t()
        v = self.u @ matrix.t()
        v = v / (v.norm() + 1e-12)
        u = v @ matrix
        u = u / (u.norm() + 1e-12)
        return u, v @ matrix @ u

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight
        if self.u is not None:
            _, sigma = self.power_iteration()
            weight = weight / sigma
        if weight.dim() == 4:
            return F.conv2d(x, weight, self.bias, stride=2, padding=1)
        return F.linear(x, weight, self.bias)


class Trunk(nn.Module):
    """Layers with leaky ReLU after each, images flattened before the first linear one."""

    def __init__(self, layers: list[SpectralLayer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            if layer.weight.dim() == 2:
                x = x.flatten(1)
            x = F.leaky_relu(layer(x), 0.2)
        return x


class PlainInfoGANCR:
    """The iteration of the method's section 4, one statement per sentence.

    Args:
        generator: a stack of ordinary torch layers, activation before batch normalisation.
        trunk, real, code_hidden, code_mean: D and Q.
        contrastive_trunk, shared: H.
    """

    def __init__(
        self,
        generator: nn.Sequential,
        trunk: Trunk,
        real: SpectralLayer,
        code_hidden: SpectralLayer,
        code_mean: SpectralLayer,
        contrastive_trunk: Trunk,
        shared: SpectralLayer,
        codes: int,
        lambda_info: float,
    ) -> None:
        self.generator, self.trunk, self.real = generator, trunk, real
        self.code_hidden, self.code_mean = code_hidden, code_mean
        self.contrastive_trunk, self.shared = contrastive_trunk, shared
        self.codes, self.lambda_info = codes, lambda_info
        dq = nn.ModuleList([trunk, real, code_hidden, code_mean])
        h = nn.ModuleList([contrastive_trunk, shared])
        self.spectral = [m for m in [*dq.modules(), *h.modules()] if isinstance(m, SpectralLayer) and m.u is not None]
        self.g_optimizer = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.999), eps=1e-8)
        self.d_optimizer = torch.optim.Adam(dq.parameters(), lr=2e-3, betas=(0.5, 0.999), eps=1e-8)
        self.h_optimizer = torch.optim.Adam(h.parameters(), lr=2e-3, betas=(0.5, 0.999), eps=1e-8)

    def iterate(
        self, images: Tensor, latent: Tensor, first: Tensor, second: Tensor, shared: Tensor, lambda_cr: float
    ) -> None:
        self.generator.train(lambda_cr > 1e-8)
        self.h_optimizer.zero_grad()
        F.cross_entropy(self._h(self.generator(first), self.generator(second)), shared).backward()
        self.h_optimizer.step()

        self.generator.train(True)
        self.d_optimizer.zero_grad()
        fake = self.generator(latent)
        loss = -torch.log(self._d(images) + EPS).mean() - torch.log(1 - self._d(fake) + EPS).mean()
        (loss + self.lambda_info * self._information(fake, latent)).backward()
        self.d_optimizer.step()

        for _ in range(2):
            self.g_optimizer.zero_grad()
            fake = self.generator(latent)
            loss = -torch.log(self._d(fake) + EPS).mean() + self.lambda_info * self._information(fake, latent)
            if lambda_cr > 0:
                pair = self._h(self.generator(first), self.generator(second))
                loss = loss + lambda_cr * F.cross_entropy(pair, shared)
            loss.backward()
            self.g_optimizer.step()
        for layer in self.spectral:
            layer.u = layer.power_iteration()[0].detach()

    def _d(self, images: Tensor) -> Tensor:
        return torch.sigmoid(self.real(self.trunk(images)))

    def _h(self, first: Tensor, second: Tensor) -> Tensor:
        return self.shared(self.contrastive_trunk(torch.cat([first, second], dim=1)))

    def _information(self, images: Tensor, latent: Tensor) -> Tensor:
        means = self.code_mean(F.leaky_relu(self.code_hidden(self.trunk(images)), 0.2))
        return (0.5 * (means - latent[:, : self.codes]) ** 2).sum(1).mean()


def plain_generator(inputs: int, side: int, hidden: int, channels: tuple[int, ...]) -> nn.Sequential:
    """G out of torch's own layers, for one-channel images of ``side`` pixels."""
    start = side // 2 ** (len(channels) + 1)
    dense = channels[0] * start * start
    layers: list[nn.Module] = [
        nn.Linear(inputs, hidden), nn.ReLU(), nn.BatchNorm1d(hidden),
        nn.Linear(hidden, dense), nn.ReLU(), nn.BatchNorm1d(dense), nn.Unflatten(1, (channels[0], start, start)),
    ]  # fmt: skip
    before = channels[0]
    for width in channels:
        layers += [nn.ConvTranspose2d(before, width, 4, 2, 1), nn.LeakyReLU(0.2), nn.BatchNorm2d(width)]
        before = width
    return nn.Sequential(*layers, nn.ConvTranspose2d(before, 1, 4, 2, 1), nn.Sigmoid())


def plain_copy(method: object, side: int, lambda_info: float) -> PlainInfoGANCR:
    """A plain twin of an ``engine.methods.infogan_cr.InfoGANCR`` of convolutional networks, with the same weights."""
    g, d, h = method.generator, method.discriminator, method.contrastive  # type: ignore[attr-defined]
    settings = method.settings  # type: ignore[attr-defined]
    generator = plain_generator(
        settings.codes + settings.noise, side, settings.generator.dense[0], tuple(settings.generator.channels)
    )
    sources = [p for pair in zip([*g.dense, *g.deconvs], [*g.dense_norms, *g.deconv_norms], strict=True) for p in pair]
    targets = [m for m in generator if isinstance(m, (nn.Linear, nn.BatchNorm1d, nn.BatchNorm2d, nn.ConvTranspose2d))]
    with torch.no_grad():
        for source, target in zip([*sources, g.image], targets, strict=True):
            gamma = isinstance(target, (nn.BatchNorm1d, nn.BatchNorm2d))
            target.weight.copy_(source.gamma if gamma else source.weight)
            target.bias.copy_(source.beta if gamma else source.bias)

    def twin(layer: object) -> SpectralLayer:
        spectral = layer.spectral  # type: ignore[attr-defined]
        return SpectralLayer(layer.weight.detach(), layer.u.clone() if spectral else None)  # type: ignore[attr-defined]

    def trunk(source: object) -> Trunk:
        return Trunk([twin(layer) for layer in [*source.convs, *source.dense]])  # type: ignore[attr-defined]

    return PlainInfoGANCR(
        generator, trunk(d.trunk), twin(d.real), twin(d.code_hidden), twin(d.code_mean), trunk(h.trunk), twin(h.shared),
        settings.codes, lambda_info,
    )  # fmt: skip
