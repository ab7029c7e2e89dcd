"""The networks of InfoGAN-CR against torch's own layers, dataset by dataset."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from engine.models.codes import Codes
from engine.models.infogan import (
    ContrastiveDiscriminator,
    Discriminator,
    DiscriminatorLayers,
    Generator,
    GeneratorLayers,
)
from engine.models.layers import BatchNorm, Weighted


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


class Same(nn.Module):
    """A 5x5 layer of stride 2 aligned as TF's "SAME": one pixel more on the far side, padded or cut."""

    def __init__(self, inputs: int, outputs: int, transposed: bool) -> None:
        super().__init__()
        self.transposed = transposed
        self.core = nn.ConvTranspose2d(inputs, outputs, 5, 2) if transposed else nn.Conv2d(inputs, outputs, 5, 2)

    def forward(self, x: Tensor) -> Tensor:
        if self.transposed:
            y: Tensor = self.core(x)
            return y[:, :, 1:-2, 1:-2]
        return self.core(nn.functional.pad(x, (1, 2, 1, 2)))  # type: ignore[no-any-return]


def give_weights(ours: nn.Module, layers: list[Weighted], theirs: nn.Module) -> None:
    """Enlarge the weights of our layers so that every one matters, and copy them, layers and norms each in order."""
    norms = [m for m in ours.modules() if isinstance(m, BatchNorm)]
    twins = [m for m in theirs.modules() if isinstance(m, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d))]
    twin_norms = [m for m in theirs.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
    with torch.no_grad():
        for layer, twin in zip(layers, twins, strict=True):
            layer.weight.mul_(10)
            layer.bias.normal_()
            twin.weight.copy_(layer.weight)
            assert twin.bias is not None
            twin.bias.copy_(layer.bias)
        for norm, twin_norm in zip(norms, twin_norms, strict=True):
            norm.gamma.uniform_(0.5, 2)
            norm.beta.normal_()
            twin_norm.weight.copy_(norm.gamma)
            twin_norm.bias.copy_(norm.beta)


def test_the_generator_of_celeba_normalises_first_and_ends_in_tanh() -> None:
    layers = GeneratorLayers(
        dense=(12,), channels=(6, 5), kernel=5, start_channels=8, activation="relu", normalisation="batch-before"
    )
    ours = Generator(7, (16, 24, 3), layers, pixels="symmetric")
    theirs = nn.Sequential(
        nn.Linear(7, 12), nn.BatchNorm1d(12), nn.ReLU(),
        nn.Linear(12, 8 * 2 * 3), nn.BatchNorm1d(48), nn.ReLU(), nn.Unflatten(1, (8, 2, 3)),
        Same(8, 6, True), nn.BatchNorm2d(6), nn.ReLU(),
        Same(6, 5, True), nn.BatchNorm2d(5), nn.ReLU(),
        Same(5, 3, True), nn.Tanh(),
    )  # fmt: skip
    give_weights(ours, [*ours.dense, *ours.deconvs, ours.image], theirs)  # type: ignore[list-item]
    latent = torch.randn(9, 7)
    images = ours(latent, moving=False)
    assert images.shape == (9, 3, 16, 24)
    torch.testing.assert_close(images, (theirs(latent) + 1) / 2)
    ours.update_moving([ours.observed()])
    torch.testing.assert_close(ours(latent), (theirs.eval()(latent) + 1) / 2)


def test_the_discriminator_of_celeba_has_both_heads_on_its_flat_features() -> None:
    ours = Discriminator((16, 16, 3), Codes(5), DiscriminatorLayers((), (4, 6), kernel=5), pixels="symmetric")
    with torch.no_grad():
        for layer in ours.weighted_layers():
            layer.weight.mul_(10)
            layer.bias.normal_()
    images = torch.rand(2, 3, 16, 16)
    logits, answer = ours(images)
    x = 2 * images - 1
    for layer in ours.trunk.convs:
        twin = Same(layer.weight.shape[1], layer.weight.shape[0], False)
        with torch.no_grad():
            twin.core.weight.copy_(layer.weight / spectral_estimate(layer))
            assert twin.core.bias is not None
            twin.core.bias.copy_(layer.bias)
        x = nn.functional.leaky_relu(twin(x), 0.2)
    for head, expected in ((ours.real, logits[:, None]), (ours.code_mean, answer)):
        weight = head.weight / spectral_estimate(head)
        torch.testing.assert_close(expected, x.flatten(1) @ weight.T + head.bias)
    torch.testing.assert_close(ours.encode(images), answer)
    assert ours.code_hidden is None


def spectral_estimate(layer: Weighted) -> Tensor:
    """One power iteration from the stored vector (docs/method.md, section 2.5)."""
    matrix = layer.weight.detach().flatten(1).T
    v = layer.u @ matrix.T
    v = v / v.norm()
    u = v @ matrix
    return v @ matrix @ (u / u.norm())


def test_the_contrastive_discriminator_of_3dteapots_normalises_after_the_activation_from_the_second_layer_on() -> None:
    ours = ContrastiveDiscriminator((16, 16, 3), 5, DiscriminatorLayers((9,), (4, 6), normalisation="batch-after"))
    theirs = nn.Sequential(
        nn.Conv2d(6, 4, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv2d(4, 6, 4, 2, 1), nn.LeakyReLU(0.2), nn.BatchNorm2d(6), nn.Flatten(),
        nn.Linear(6 * 4 * 4, 9), nn.LeakyReLU(0.2), nn.BatchNorm1d(9),
        nn.Linear(9, 5),
    )  # fmt: skip
    give_weights(ours, [*ours.trunk.convs, *ours.trunk.dense, ours.shared], theirs)  # type: ignore[list-item]
    first, second = torch.rand(2, 7, 3, 16, 16)
    torch.testing.assert_close(ours(first, second), theirs(torch.cat([first, second], dim=1)))


def test_the_contrastive_discriminator_of_celeba_normalises_before_the_activation() -> None:
    layers = DiscriminatorLayers((), (4, 6), kernel=5, normalisation="batch-before")
    ours = ContrastiveDiscriminator((16, 16, 3), 5, layers, pixels="symmetric")
    theirs = nn.Sequential(
        Same(6, 4, False), nn.LeakyReLU(0.2),
        Same(4, 6, False), nn.BatchNorm2d(6), nn.LeakyReLU(0.2), nn.Flatten(),
        nn.Linear(6 * 4 * 4, 5),
    )  # fmt: skip
    give_weights(ours, [*ours.trunk.convs, *ours.trunk.dense, ours.shared], theirs)  # type: ignore[list-item]
    first, second = torch.rand(2, 7, 3, 16, 16)
    torch.testing.assert_close(ours(first, second), theirs(2 * torch.cat([first, second], dim=1) - 1))
