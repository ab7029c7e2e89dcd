"""A VAE's networks against layers of torch's own, and their sizes against counts by hand."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from engine.models.layers import Widths
from engine.models.vae import Decoder, GaussianEncoder, TotalCorrelationDiscriminator, initialised


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def images(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def louder(network: nn.Module) -> None:
    """Weights large enough that each layer shows in the output."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) / 5)


def test_the_authors_networks_have_the_counted_sizes() -> None:
    # docs/method.md, section 7; convolutions 4 * 4 * in * out + out, fully connected in * out + out.
    encoder = GaussianEncoder((64, 64, 1), 10, Widths((128,), (32, 32, 64, 64)), linear_last=True)
    convolutions = (16 * 32 + 32) + (16 * 32 * 32 + 32) + (16 * 32 * 64 + 64) + (16 * 64 * 64 + 64)
    assert count(encoder) == convolutions + (1024 * 128 + 128) + 2 * (128 * 10 + 10)
    decoder = Decoder(10, (64, 64, 1), Widths((128,), (64, 32, 32)))
    dense = (10 * 128 + 128) + (128 * 1024 + 1024)
    transposed = (16 * 64 * 64 + 64) + (16 * 64 * 32 + 32) + (16 * 32 * 32 + 32) + (16 * 32 + 1)
    assert count(decoder) == dense + transposed
    discriminator = TotalCorrelationDiscriminator(10, (1000,) * 5)
    assert count(discriminator) == (10 * 1000 + 1000) + 4 * (1000 * 1000 + 1000) + (1000 * 2 + 2)


@pytest.mark.parametrize("linear_last", [False, True])
def test_the_encoder_is_its_layers(linear_last: bool) -> None:
    encoder = GaussianEncoder((8, 16, 3), 2, Widths((7,), (4, 5)), linear_last)
    louder(encoder)
    x = images(6, 3, 8, 16)
    hidden = x
    for layer in encoder.convs:
        hidden = F.relu(F.conv2d(hidden, layer.weight, layer.bias, stride=2, padding=1))
    hidden = hidden.flatten(1) @ encoder.dense[0].weight.T + encoder.dense[0].bias
    assert (hidden < 0).any()
    hidden = hidden if linear_last else hidden.clamp(min=0)
    posterior = encoder.posterior(x)
    torch.testing.assert_close(posterior.mean, hidden @ encoder.mean.weight.T + encoder.mean.bias)
    expected = hidden @ encoder.log_variance.weight.T + encoder.log_variance.bias
    torch.testing.assert_close(posterior.log_variance, expected)
    torch.testing.assert_close(encoder.encode(x), posterior.mean)
    noise = torch.randn(6, 2)
    torch.testing.assert_close(
        encoder.sample_codes(x, noise), posterior.mean + torch.exp(posterior.log_variance / 2) * noise
    )


@pytest.mark.parametrize("channels", [(5, 4), ()])
def test_the_decoder_is_its_layers(channels: tuple[int, ...]) -> None:
    decoder = Decoder(2, (8, 16, 3), Widths((7,), channels))
    louder(decoder)
    z = torch.randn(6, 2)
    x = z
    for layer in decoder.dense:
        x = F.relu(x @ layer.weight.T + layer.bias)
    if channels:
        x = x.view(6, 5, 1, 2)
        for layer in decoder.deconvs:
            x = F.relu(F.conv_transpose2d(x, layer.weight, layer.bias, stride=2, padding=1))
        x = F.conv_transpose2d(x, decoder.image.weight, decoder.image.bias, stride=2, padding=1)
    else:
        x = (x @ decoder.image.weight.T + decoder.image.bias).view(6, 3, 8, 16)
    torch.testing.assert_close(decoder.logits(z), x)
    torch.testing.assert_close(decoder(z), 1 / (1 + torch.exp(-x)))


def test_the_discriminator_is_its_layers() -> None:
    discriminator = TotalCorrelationDiscriminator(3, (5, 4))
    louder(discriminator)
    x = z = torch.randn(9, 3)
    for layer in discriminator.dense:
        x = x @ layer.weight.T + layer.bias
        x = torch.maximum(x, 0.2 * x)
    torch.testing.assert_close(discriminator(z), x @ discriminator.verdict.weight.T + discriminator.verdict.bias)


def test_initial_weights_follow_the_seed_and_leave_torchs_own_generator_alone() -> None:
    def build() -> Decoder:
        return Decoder(10, (32, 32, 1), Widths((128, 256), ()))

    before = torch.random.get_rng_state()
    first, again, other = (initialised(build, "glorot", seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(first.image.weight, again.image.weight)
    assert not torch.equal(first.image.weight, other.image.weight)
    limit = (6 / (256 + 1024)) ** 0.5
    assert 0.99 * limit < float(first.image.weight.detach().max()) <= limit
    assert float(initialised(build, "normal", 1).image.weight.detach().std()) == pytest.approx(0.02, rel=0.02)
