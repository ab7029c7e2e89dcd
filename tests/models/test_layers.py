"""Layers against their definitions."""

import pytest
import torch
import torch.nn.functional as F

from engine.models.codes import Codes
from engine.models.infogan import Discriminator, DiscriminatorLayers, Generator, GeneratorLayers
from engine.models.layers import BatchNorm, Conv, Linear, TransposedConv


def same_convolution(x: torch.Tensor, weight: torch.Tensor, stride: int = 2) -> torch.Tensor:
    """SAME convolution from its definition: k - stride pixels of padding, the odd one at the far edge."""
    kernel = weight.shape[-1]
    total = max(kernel - stride, 0)
    x = F.pad(x, (total // 2, total - total // 2) * 2)
    side = (x.shape[-1] - kernel) // stride + 1
    out = torch.zeros(x.shape[0], weight.shape[0], side, side)
    for row in range(side):
        for column in range(side):
            patch = x[:, :, row * stride : row * stride + kernel, column * stride : column * stride + kernel]
            out[:, :, row, column] = torch.einsum("nckl,ockl->no", patch, weight)
    return out


@pytest.mark.parametrize("kernel", [4, 5])
def test_convolution_is_aligned_as_same(kernel: int) -> None:
    layer = Conv(2, 3, kernel)
    x = torch.randn(2, 2, 8, 8)
    torch.testing.assert_close(layer(x), same_convolution(x, layer.weight), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kernel", [4, 5])
def test_transposed_convolution_is_the_adjoint_of_same_convolution(kernel: int) -> None:
    layer = TransposedConv(3, 2, kernel)
    small, large = torch.randn(1, 3, 4, 4), torch.randn(1, 2, 8, 8)
    forward = (layer(small) * large).sum()
    backward = (small * same_convolution(large, layer.weight)).sum()
    torch.testing.assert_close(forward, backward, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [lambda: Linear(12, 7, spectral=True), lambda: Conv(3, 7, spectral=True)])
def test_spectral_normalisation_converges_to_unit_spectral_norm(make) -> None:  # type: ignore[no-untyped-def]
    layer = make()
    with torch.no_grad():
        for _ in range(200):
            layer.normalise()
            layer.persist()
        matrix = layer.effective()[0].flatten(1)
        assert float(torch.linalg.matrix_norm(matrix, ord=2)) == pytest.approx(1.0, abs=1e-3)


def test_the_power_iteration_restarts_from_the_stored_vector_until_it_is_persisted() -> None:
    layer = Linear(6, 4, spectral=True)
    stored = layer.u.clone()
    with torch.no_grad():
        layer.normalise()
        first = layer.effective()[0]
        layer.normalise()
        assert torch.equal(first, layer.effective()[0])
        assert torch.equal(layer.u, stored)
        layer.persist()
    assert not torch.equal(layer.u, stored)


def test_full_spectral_gradient_differs_from_the_detached_one_and_matches_finite_differences() -> None:
    torch.manual_seed(0)
    layer = Linear(5, 3, spectral=True).double()
    x, target = torch.randn(4, 5).double(), torch.randn(4, 3).double()

    def loss() -> torch.Tensor:
        layer.normalise("full")
        return ((layer(x) - target) ** 2).sum()

    loss().backward()
    analytic = layer.weight.grad
    assert analytic is not None
    full, analytic = analytic.clone(), analytic.clone()
    numeric = torch.zeros_like(layer.weight)
    with torch.no_grad():
        for index in range(layer.weight.numel()):
            flat = layer.weight.view(-1)
            original = flat[index].clone()
            flat[index] = original + 1e-6
            up = loss()
            flat[index] = original - 1e-6
            numeric.view(-1)[index] = (up - loss()) / 2e-6
            flat[index] = original
    torch.testing.assert_close(full, numeric, rtol=1e-4, atol=1e-6)
    layer.weight.grad = None
    layer.normalise("detached")
    ((layer(x) - target) ** 2).sum().backward()
    assert layer.weight.grad is not None
    assert not torch.allclose(full, layer.weight.grad, rtol=1e-3)


def test_batch_norm_uses_and_counts_statistics_as_told() -> None:
    norm, reference = BatchNorm(3), torch.nn.BatchNorm1d(3)
    batches = [torch.randn(16, 3) * 3 + 1 for _ in range(3)]
    observations = []
    for batch in batches:
        torch.testing.assert_close(norm(batch, moving=False), reference(batch), rtol=1e-4, atol=1e-5)
        assert norm.observed is not None
        observations.append(norm.observed)
    norm.update(observations)
    torch.testing.assert_close(norm.moving_mean, reference.running_mean)
    torch.testing.assert_close(norm.moving_variance, reference.running_var)
    reference.eval()
    torch.testing.assert_close(norm(batches[0], moving=True), reference(batches[0]), rtol=1e-4, atol=1e-5)


def test_initial_weights_have_the_reference_spread() -> None:
    torch.manual_seed(0)
    assert float(Linear(400, 400).weight.detach().std()) == pytest.approx(0.02, rel=0.02)
    assert float(TransposedConv(64, 64).weight.detach().std()) == pytest.approx(0.02, rel=0.02)
    convolution = Conv(64, 64).weight.detach()
    assert float(convolution.std()) == pytest.approx(0.0176, rel=0.02)
    assert float(convolution.abs().max()) <= 0.04


def test_networks_without_convolutions_have_the_right_shapes() -> None:
    generator = Generator(5, (32, 32, 3), GeneratorLayers(dense=(8, 16), channels=()))
    images = generator(torch.zeros(2, 5))
    assert images.shape == (2, 3, 32, 32)
    layers = DiscriminatorLayers(dense=(16, 8), channels=())
    logits, means = Discriminator((32, 32, 3), Codes(4), layers)(images)
    assert logits.shape == (2,)
    assert means.shape == (2, 4)


def test_an_image_side_that_cannot_be_halved_is_named() -> None:
    with pytest.raises(
        ValueError, match=r"28 cannot be halved 3 times; give the setting 'channels' of every network fewer"
    ):
        Generator(5, (28, 28, 1), GeneratorLayers(dense=(8,), channels=(8, 4)))
