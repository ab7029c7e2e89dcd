"""The VAE's bound against torch.distributions, and what all methods built on it share."""

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from engine.errors import InputError
from engine.methods import method_class
from engine.methods.base import Setup
from engine.methods.vae import VAE
from engine.runs.specification.resolving import resolve

FAMILY: dict[str, dict[str, Any]] = {
    "vae": {},
    "beta-vae": {},
    "annealed-vae": {},
    "factor-vae": {"discriminator_hidden": (8, 8)},
    "beta-tcvae": {},
    "dip-vae-i": {},
    "dip-vae-ii": {},
    "hf-vae": {"groups": (2, 2)},
}

BuildVAE = Callable[..., Any]


def images(n: int = 8, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("reconstruction", ["bernoulli", "gaussian"])
def test_one_update_reports_and_descends_the_evidence_lower_bound(build_vae: BuildVAE, reconstruction: str) -> None:
    method = build_vae("vae", reconstruction=reconstruction, learning_rate=0.01)
    x = images().round()
    draws = torch.Generator()
    draws.set_state(method.draws["posterior"].get_state())
    posterior = method.encoder.posterior(x)
    q = Normal(posterior.mean, (posterior.log_variance / 2).exp())
    z = q.loc + q.scale * torch.randn(8, 4, generator=draws)
    means = method.decoder(z)
    if reconstruction == "bernoulli":
        likelihood = Bernoulli(probs=means).log_prob(x)
    else:
        likelihood = Normal(means, 1.0).log_prob(x) + 0.5 * math.log(2 * math.pi)
    expected_reconstruction = -likelihood.sum((1, 2, 3)).mean()
    expected_kl = kl_divergence(q, Normal(0.0, 1.0)).sum(1).mean()
    parameters = list(method.networks.parameters())
    gradients = torch.autograd.grad(expected_reconstruction + expected_kl, parameters)
    before = [parameter.detach().clone() for parameter in parameters]
    scalars = method.update(x, 0)
    torch.testing.assert_close(scalars["loss_reconstruction"], expected_reconstruction.detach())
    torch.testing.assert_close(scalars["kl"], expected_kl.detach())
    torch.testing.assert_close(scalars["loss"], (expected_reconstruction + expected_kl).detach())
    for parameter, old, gradient in zip(parameters, before, gradients, strict=True):
        # Adam's first step is the step size against the gradient's sign.
        torch.testing.assert_close(parameter.detach(), old - 0.01 * gradient / (gradient.abs() + 1e-8))


@pytest.mark.parametrize("name", FAMILY)
def test_every_vae_learns_and_continues_bit_for_bit(build_vae: BuildVAE, name: str) -> None:
    one, other = (build_vae(name, learning_rate=1e-2, **FAMILY[name]) for _ in range(2))
    halves = torch.zeros(8, 1, 8, 8)
    halves[..., :4] = 1
    losses = [float(one.update(halves, iteration)["loss_reconstruction"]) for iteration in range(30)]
    assert losses[0] == pytest.approx(64 * math.log(2), rel=0.3)
    assert losses[-1] < losses[0] / 2
    other.networks.load_state_dict(one.networks.state_dict())
    other.load_trainer_state(copy.deepcopy(one.trainer_state()))
    for method in (one, other):
        for iteration in (30, 31):
            method.update(images(seed=iteration), iteration)
    for a, b in zip(one.networks.state_dict().values(), other.networks.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    for draw, generator in one.draws.items():
        assert torch.equal(generator.get_state(), other.draws[draw].get_state())


@pytest.mark.parametrize("name", FAMILY)
def test_the_quick_runs_differ_in_their_own_settings_only(name: str) -> None:
    spec, plain = resolve(name, preset="quick")[0], resolve("vae", preset="quick")[0]
    assert spec.data.name == "minisprites"
    assert (spec.training, spec.threads) == (plain.training, plain.threads)
    own = spec.method.model_dump()
    assert {key: own[key] for key in plain.method.model_dump() if key != "name"} == plain.method.model_dump(
        exclude={"name"}
    )


@pytest.mark.parametrize("name", [name for name in FAMILY if name != "factor-vae"])
def test_the_published_runs_are_those_of_the_study(name: str) -> None:
    spec = resolve(name, data="dsprites")[0]
    assert (spec.preset, spec.training.steps, spec.training.batch_size) == ("paper", 300_000, 64)
    settings = spec.method.model_dump()
    adam = [settings[key] for key in ("learning_rate", "adam_beta1", "adam_beta2")]
    assert (settings["codes"], settings["reconstruction"], adam) == (10, "bernoulli", [1e-4, 0.9, 0.999])
    setup = Setup((64, 64, 1), images=737_280, seed=0, total_steps=1, device=torch.device("cpu"))
    method = method_class(name)(spec.method, setup)
    assert isinstance(method, VAE)
    counts = {part: sum(p.numel() for p in network.parameters()) for part, network in method.networks.items()}
    # Convolutions 544 + 16,416 + 32,832 + 65,600, dense 262,400, heads 2 * 2,570; dense 2,816 + 263,168, transposed
    # convolutions 65,600 + 32,800 + 16,416 + 513.
    assert counts == {"encoder": 382_932, "decoder": 381_313}


@pytest.mark.parametrize("name", ["vae", "beta-vae", "annealed-vae", "beta-tcvae", "dip-vae-i", "dip-vae-ii"])
def test_the_studys_own_encoder_is_offered(name: str) -> None:
    spec = resolve(name, preset="dlib")[0]
    paper = resolve(name, preset="paper")[0].model_dump()
    own = spec.model_dump()
    own["method"]["encoder"]["kernels"], own["preset"] = (), "paper"
    assert own == paper
    setup = Setup((64, 64, 1), images=737_280, seed=0, total_steps=1, device=torch.device("cpu"))
    method = method_class(name)(spec.method, setup)
    # Its third and fourth convolution have 8,256 + 16,448 parameters instead of 32,832 + 65,600.
    assert sum(p.numel() for p in method.networks["encoder"].parameters()) == 309_204
    assert math.isfinite(float(method.update(torch.rand(2, 1, 64, 64), 0)["loss"]))


def test_a_kernel_for_each_convolution() -> None:
    with pytest.raises(InputError, match="kernels has 3 numbers for 4 convolutions; give one for each"):
        resolve("vae", preset="paper", overrides=["encoder.kernels=[4, 4, 2]"])


def test_a_seed_is_a_run(build_vae: BuildVAE) -> None:
    first, again = build_vae("vae"), build_vae("vae")
    for method in (first, again):
        method.update(images(), 0)
    assert torch.equal(first.decoder(torch.ones(1, 4)), again.decoder(torch.ones(1, 4)))
