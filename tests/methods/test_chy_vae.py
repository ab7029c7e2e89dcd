"""CHyVAE's loss against the equation with matrices written out, and its encoder of full covariance."""

import copy
import math

import pytest
import torch

from engine.errors import InputError
from engine.methods.base import Setup
from engine.methods.chy_vae import CHyVAE, CHyVAESettings
from engine.runs.specification.resolving import resolve

SIDE = 16
SMALL = {
    "codes": 4,
    "nu": 30.0,
    "encoder": {"dense": [12], "channels": [4, 6]},
    "decoder": {"dense": [12], "channels": [6, 4]},
}


def make(**overrides: object) -> CHyVAE:
    setup = Setup((SIDE, SIDE, 1), images=1_000, seed=3, total_steps=100, device=torch.device("cpu"))
    return CHyVAE(CHyVAESettings(**(SMALL | overrides)), setup)


def images(seed: int = 0) -> torch.Tensor:
    return torch.rand(5, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize(("nu", "scale"), [(30.0, 25.0), (4.5, 1.0)])
def test_the_loss_is_the_equation_with_its_matrices_written_out(nu: float, scale: float) -> None:
    method = make(nu=nu)
    x = images()
    draws = torch.Generator()
    draws.set_state(method.draws["posterior"].get_state())
    decoded_noise, prior_noise = torch.randn(5, 4, generator=draws), torch.randn(5, 4, generator=draws)
    hidden = method.encoder.features(x)
    means = method.encoder.mean(hidden)
    matrices = method.encoder.matrix(hidden).view(5, 4, 4)
    psi = scale * torch.eye(4)
    expected = torch.zeros(())
    for row in range(5):
        lower = torch.tril(matrices[row], -1) + torch.diag(torch.log1p(matrices[row].diagonal().exp()) + 1e-4)
        sigma = lower @ lower.T + 1e-4 * torch.eye(4)
        root = torch.linalg.cholesky(sigma)
        probabilities = method.decoder((means[row] + root @ decoded_noise[row])[None])
        z = means[row] + root @ prior_noise[row]
        likelihood = (x[row] * probabilities.log() + (1 - x[row]) * (1 - probabilities).log()).sum()
        psi_z = psi + torch.outer(z, z)
        trace = torch.trace((sigma + torch.outer(means[row], means[row]) + psi) @ torch.linalg.inv(psi_z))
        prior = (nu + 1) / 2 * (torch.logdet(psi_z) + trace) - torch.logdet(sigma) / 2
        prior = prior - (nu + 1) / 2 * 4 * (math.log(scale) + 1) - 2  # the constants that the loss leaves out
        expected = expected + (prior - likelihood) / 5
    parameters = [*method.encoder.parameters(), *method.decoder.parameters()]
    gradients = torch.autograd.grad(expected, parameters)
    scalars = method.update(x, 0)
    assert float(scalars["loss"]) == pytest.approx(float(expected.detach()), rel=1e-10)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-7, atol=1e-9)


@pytest.mark.usefixtures("double_precision")
def test_with_ever_more_degrees_of_freedom_the_prior_is_the_standard_normal() -> None:
    method = make(nu=1e8)
    with torch.no_grad():
        method.encoder.matrix.weight.mul_(30)
        posterior = method.encoder.distribution(images())
        loss = method.hyperprior_loss(posterior, posterior.sample(torch.randn(5, 4)))
        standard = torch.distributions.MultivariateNormal(torch.zeros(4), torch.eye(4))
        q = torch.distributions.MultivariateNormal(posterior.mean, posterior.covariance)
    assert float(loss) == pytest.approx(float(torch.distributions.kl_divergence(q, standard).mean()), rel=1e-5)


@pytest.mark.usefixtures("double_precision")
def test_codes_are_drawn_with_the_covariance_whose_diagonal_the_posterior_shows() -> None:
    method = make()
    with torch.no_grad():
        method.encoder.matrix.weight.mul_(30)
        x = images()[:1].expand(40_000, -1, -1, -1)
        one = method.encoder.distribution(x[:1])
        marginals = method.encoder.posterior(x[:1])
        noise = torch.randn(40_000, 4, generator=torch.Generator().manual_seed(0))
        drawn = torch.cat(
            [method.encoder.sample_codes(x[i : i + 4_000], noise[i : i + 4_000]) for i in range(0, 40_000, 4_000)]
        )
    torch.testing.assert_close(marginals.log_variance.exp()[0], one.covariance[0].diagonal())
    torch.testing.assert_close(method.encoder.encode(x[:1]), one.mean)
    spread = one.covariance[0].diagonal().sqrt()
    scale = torch.outer(spread, spread)
    off_diagonal = (one.covariance[0] / scale).tril(-1)
    assert off_diagonal.abs().max() > 0.2
    # A correlation of 40,000 draws has a standard error of at most 0.005.
    torch.testing.assert_close(torch.cov(drawn.T) / scale, one.covariance[0] / scale, rtol=0, atol=0.04)


def test_the_defaults_and_the_paper_preset_are_the_authors() -> None:
    spec = resolve("chy-vae", preset="paper")[0]
    settings = CHyVAESettings()
    assert spec.method == settings
    assert (spec.data.name, spec.training.steps, spec.training.batch_size) == ("dsprites", 150_000, 50)
    assert (settings.nu, settings.codes, settings.learning_rate) == (200.0, 10, 1e-4)
    setup = Setup((64, 64, 1), images=1, seed=0, total_steps=1, device=torch.device("cpu"))
    counts = {name: sum(p.numel() for p in net.parameters()) for name, net in CHyVAE(settings, setup).networks.items()}
    # Convolutions 544 + 16,416 + 32,832 + 65,600, dense 131,200, mean 1,290, matrix 12,900; dense 1,408 + 132,096,
    # transposed convolutions 65,600 + 32,800 + 16,416 + 513.
    assert counts == {"encoder": 260_782, "decoder": 248_833}


def test_a_prior_without_enough_degrees_of_freedom_is_refused() -> None:
    with pytest.raises(InputError, match=r"nu must be above codes - 1 = 9"):
        resolve("chy-vae", preset="paper", overrides=["nu=9"])


def test_it_continues_bit_for_bit_and_learns() -> None:
    one, other = make(learning_rate=1e-2), make(learning_rate=1e-2)
    halves = torch.zeros(5, 1, SIDE, SIDE)
    halves[..., :8] = 1
    losses = [float(one.update(halves, iteration)["loss_reconstruction"]) for iteration in range(30)]
    assert losses[0] == pytest.approx(256 * math.log(2), rel=0.05)
    assert losses[-1] < losses[0] / 2
    other.networks.load_state_dict(one.networks.state_dict())
    other.load_trainer_state(copy.deepcopy(one.trainer_state()))
    for method in (one, other):
        method.update(images(7), 30)
    for a, b in zip(one.networks.state_dict().values(), other.networks.state_dict().values(), strict=True):
        assert torch.equal(a, b)
