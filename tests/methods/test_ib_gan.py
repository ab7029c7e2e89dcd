"""IB-GAN's losses against the equation on layers of torch's own, its schedule, and what stands for its model."""

import copy
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from engine.methods.base import Setup
from engine.methods.ib_gan import IBGAN, IBGANSettings
from engine.models.codes import Codes
from engine.runs.specification.resolving import resolve

SIDE = 16
SMALL: dict[str, Any] = {
    "codes": 3,
    "noise": 5,
    "generator": {"dense": [12], "same_channels": [6], "channels": [4]},
    "reconstructor": {"dense": [10], "same_channels": [5], "channels": [4, 6]},
    "discriminator": {"dense": [8], "same_channels": [], "channels": [4]},
}
N = 6


def make(shape: tuple[int, int, int] = (SIDE, SIDE, 1), **overrides: object) -> IBGAN:
    setup = Setup(shape, images=1_000, seed=3, total_steps=100, device=torch.device("cpu"))
    return IBGAN(IBGANSettings(**(SMALL | overrides)), setup)


def images(seed: int = 0) -> torch.Tensor:
    return torch.rand(N, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def double_precision() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def normalised(x: torch.Tensor, norm: Any) -> torch.Tensor:
    """Batch normalisation from its definition."""
    axes = (0, 2, 3) if x.dim() == 4 else (0,)
    mean, variance = x.mean(axes, keepdim=True), x.var(axes, keepdim=True, unbiased=False)
    shape = (1, -1, 1, 1) if x.dim() == 4 else (1, -1)
    return (x - mean) / (variance + 1e-5).sqrt() * norm.weight.view(shape) + norm.bias.view(shape)


def lrelu(x: torch.Tensor) -> torch.Tensor:
    return torch.maximum(x, 0.2 * x)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("iteration", [0, 30, 99])
def test_losses_and_gradients_are_the_equation(iteration: int) -> None:
    method = make(beta=0.3, instance_noise=0.8, instance_noise_steps=61)
    with torch.no_grad():
        for parameter in method.networks.parameters():
            # At the initial spread of 0.02 most terms vanish.
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) / 5)
    z, r_noise, fake_noise, real_noise = drawn(method, iteration)
    e: Any = method.embedding.layers
    stat = e[4](torch.relu(e[2](torch.relu(e[0](z)))))
    mean, log_variance = stat[:, :3], stat[:, 3:]
    r = mean + torch.exp(log_variance / 2) * r_noise

    g: Any = method.generator.layers
    x = torch.relu(normalised(r @ g[0].weight.T, g[1]))
    x = torch.relu(normalised(x @ g[3].weight.T, g[4])).view(N, 6, 4, 4)
    x = torch.relu(normalised(F.conv_transpose2d(x, g[7].weight, padding=1), g[8]))
    x = torch.relu(normalised(F.conv_transpose2d(x, g[10].weight, stride=2, padding=1), g[11]))
    x = torch.tanh(F.conv_transpose2d(x, g[13].weight, g[13].bias, stride=2, padding=1))
    deviation = {0: 0.8, 30: 0.4, 99: 0.0}[iteration]
    fake = (x + deviation * fake_noise).clamp(-1, 1)
    real = (2 * images() - 1 + deviation * real_noise).clamp(-1, 1)

    def d(x: torch.Tensor) -> torch.Tensor:
        a: Any = method.discriminator.layers
        x = lrelu(F.conv2d(x, a[0].weight, a[0].bias, stride=2, padding=1)).flatten(1)
        x = lrelu(normalised(x @ a[3].weight.T, a[4]))
        return torch.sigmoid(x @ a[6].weight.T + a[6].bias)

    q: Any = method.reconstructor.layers
    x = lrelu(F.conv2d(fake, q[0].weight, q[0].bias, stride=2, padding=1))
    x = lrelu(normalised(F.conv2d(x, q[2].weight, stride=2, padding=1), q[3]))
    x = lrelu(normalised(F.conv2d(x, q[5].weight, padding=1), q[6])).flatten(1)
    x = lrelu(normalised(x @ q[9].weight.T, q[10]))
    z_hat = x @ q[12].weight.T + q[12].bias

    d_loss = -(torch.log(d(real)) + torch.log(1 - d(fake))).mean()
    log_q = -((z - z_hat) ** 2).sum(1) / 2 - 5 / 2 * math.log(2 * math.pi)
    log_p = -(z**2).sum(1) / 2 - 5 / 2 * math.log(2 * math.pi)
    kl = ((mean**2 + log_variance.exp() - log_variance - 1) / 2).sum(1)
    g_loss = (-torch.log(d(fake))[:, 0] - (log_q - log_p) + 0.3 * kl).mean()
    behind = [p for n in (method.embedding, method.generator, method.reconstructor) for p in n.parameters()]
    expected = [
        *torch.autograd.grad(g_loss, behind, retain_graph=True),
        *torch.autograd.grad(d_loss, list(method.discriminator.parameters())),
    ]

    scalars = {name: float(value) for name, value in method.update(images(), iteration).items()}
    assert scalars["loss_discriminator"] == pytest.approx(float(d_loss.detach()), rel=1e-9)
    assert scalars["information_lower_bound"] == pytest.approx(float((log_q - log_p).mean().detach()), rel=1e-9)
    assert scalars["information_upper_bound"] == pytest.approx(float(kl.mean().detach()), rel=1e-9)
    assert scalars["instance_noise"] == pytest.approx(deviation)
    for parameter, gradient in zip([*behind, *method.discriminator.parameters()], expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-7, atol=1e-10)


def drawn(method: IBGAN, iteration: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """What the next update will draw: z, the noise of r, the instance noise of generated and of real images."""
    copies = {name: torch.Generator() for name in method.draws}
    for name, generator in copies.items():
        generator.set_state(method.draws[name].get_state())
    z, r_noise = (
        torch.randn(N, width, generator=copies[name]) for name, width in (("latent", 5), ("representation", 3))
    )
    fake, real = (torch.randn(N, 1, SIDE, SIDE, generator=copies["instance"]) for _ in range(2))
    return z, r_noise, fake, real


@pytest.mark.usefixtures("double_precision")
def test_a_step_is_rmsprop_with_momentum() -> None:
    method = make(generator_learning_rate=1e-3, discriminator_learning_rate=1e-4)
    tracked: dict[float, Any] = {1e-3: method.generator.layers[13].weight, 1e-4: method.discriminator.layers[6].weight}
    state = {rate: (w.detach().clone(), torch.zeros_like(w), torch.zeros_like(w)) for rate, w in tracked.items()}
    for iteration in range(3):
        method.update(images(iteration), iteration)
        for rate, weight in tracked.items():
            value, square, velocity = state[rate]
            assert weight.grad is not None
            square = 0.99 * square + 0.01 * weight.grad**2
            velocity = 0.9 * velocity + weight.grad / (square.sqrt() + 1e-8)
            value = value - rate * velocity
            state[rate] = value, square, velocity
            torch.testing.assert_close(weight.detach(), value, rtol=1e-9, atol=1e-12)


def test_the_instance_noise_falls_linearly_and_stays_at_zero() -> None:
    method = make(instance_noise=1.0, instance_noise_steps=101)
    levels = [method.instance_noise_at(iteration) for iteration in (0, 25, 100, 5_000)]
    assert levels == pytest.approx([1.0, 0.75, 0.0, 0.0])


def test_codes_are_the_representation_that_the_embedding_gives_the_reconstructed_noise() -> None:
    method = make()
    for iteration in range(3):
        method.update(images(iteration), iteration)
    decoder, encoder = method.latent_networks()
    assert IBGAN.codes_of(method.settings) == Codes(3, prior="normal")
    with torch.inference_mode():
        pictures = decoder(torch.randn(4, 3))
        assert pictures.shape == (4, 1, SIDE, SIDE)
        assert pictures.min() >= 0
        assert pictures.max() <= 1
        z_hat = method.reconstructor(2 * pictures - 1)
        codes = encoder(pictures)
        torch.testing.assert_close(codes, method.embedding(z_hat).mean)
        # In inference each row stands for itself.
        torch.testing.assert_close(encoder(pictures[:1]), codes[:1])


def test_the_generator_has_the_authors_size_but_for_biases_without_effect() -> None:
    spec = resolve("ib-gan", data="dsprites")[0]
    setup = Setup((64, 64, 1), images=1, seed=0, total_steps=1, device=torch.device("cpu"))
    generator = IBGAN(spec.method, setup).networks["generator"]
    # Their fully connected layers of 256 and 4,096 units have biases, which batch normalisation takes away again.
    assert sum(p.numel() for p in generator.parameters()) + 256 + 4_096 == 1_179_489


def test_the_authors_networks_have_their_parameter_counts() -> None:
    spec = resolve("ib-gan", data="dsprites")[0]
    assert spec.preset == "paper"
    assert spec.training.steps == 150_000
    setup = Setup((64, 64, 1), images=1, seed=0, total_steps=1, device=torch.device("cpu"))
    networks = IBGAN(spec.method, setup).networks
    # Embedding 544 + 1,056 + 660; generator 2,560 + 512, 1,048,576 + 8,192, twice 36,864 + 128, 32,768 + 64,
    # 8,192 + 32, 257; D 272, 8,192 + 64, 32,768 + 128, 73,728 + 256, 2,097,152 + 512, 257; the reconstructor instead
    # of the last number 65,536 + 512, 4,112.
    assert {name: sum(p.numel() for p in network.parameters()) for name, network in networks.items()} == {
        "embedding": 2_260,
        "generator": 1_175_137,
        "reconstructor": 2_283_232,
        "discriminator": 2_213_329,
    }


@pytest.mark.parametrize("shape", [(32, 32, 1), (128, 128, 3), (24, 40, 3)])
def test_images_of_other_sizes_and_colours_fit(shape: tuple[int, int, int]) -> None:
    method = make(shape)
    scalars = method.update(torch.rand(4, shape[2], *shape[:2]), 0)
    assert all(math.isfinite(float(value)) for value in scalars.values())


def test_images_that_do_not_halve_are_answered_with_the_setting_to_change() -> None:
    with pytest.raises(
        ValueError, match=r"side 30 cannot be halved 2 times; give the setting 'channels' of every network fewer"
    ):
        make((30, 32, 1))
    flat = {"dense": [8], "same_channels": [], "channels": []}
    method = make((30, 31, 1), generator=flat, reconstructor=flat, discriminator=flat)
    assert method.generator(torch.zeros(2, 3)).shape == (2, 1, 30, 31)


def test_it_continues_bit_for_bit() -> None:
    one, other = make(), make()
    for iteration in range(2):
        one.update(images(iteration), iteration)
    other.networks.load_state_dict(one.networks.state_dict())
    other.load_trainer_state(copy.deepcopy(one.trainer_state()))
    for method in (one, other):
        method.update(images(7), 2)
    for a, b in zip(one.networks.state_dict().values(), other.networks.state_dict().values(), strict=True):
        assert torch.equal(a, b)
