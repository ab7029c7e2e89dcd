"""FactorVAE: both losses against the equations, the permutation, who trains whom, and both variants' batches."""

import math
from typing import Any

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from engine.methods.base import Setup
from engine.methods.factor_vae import FactorVAE, FactorVAESettings
from engine.models.posterior import Gaussian
from engine.runs.specification.resolving import resolve

HIDDEN = (8, 6)


def images(n: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


def build(build_vae: Any, **settings: Any) -> FactorVAE:
    method = build_vae("factor-vae", discriminator_hidden=HIDDEN, initialisation="glorot", **settings)
    assert isinstance(method, FactorVAE)
    return method


def probability(method: FactorVAE, z: torch.Tensor) -> torch.Tensor:
    """D(z), the probability of z being from q(z)."""
    logits = method.discriminator(z)
    return torch.exp(logits[:, 0]) / torch.exp(logits).sum(1)


@pytest.mark.usefixtures("double_precision")
def test_the_regulariser_is_the_density_ratio(build_vae: Any, posterior: Gaussian, z: torch.Tensor) -> None:
    method = build(build_vae, gamma=7.0)
    kl = kl_divergence(Normal(posterior.mean, (posterior.log_variance / 2).exp()), Normal(0.0, 1.0)).sum(1).mean()
    d = probability(method, z)
    expected = (kl + 7 * torch.log(d / (1 - d)).mean()).detach()
    regulariser, _ = method.regulariser(posterior, z)
    torch.testing.assert_close(regulariser.detach(), expected)


@pytest.mark.usefixtures("double_precision")
def test_the_discriminators_loss_is_its_cross_entropy(build_vae: Any, z: torch.Tensor) -> None:
    method = build(build_vae)
    joint, product = z, z.flip(0) + 1
    d_joint, d_product = probability(method, joint).detach(), probability(method, product).detach()
    expected = -0.5 * torch.log(d_joint + 1e-8).mean() - 0.5 * torch.log(1 - d_product + 1e-8).mean()
    loss, accuracy = method.discriminator_loss(joint, product)
    torch.testing.assert_close(loss.detach(), expected)
    right = sum(float(p) > 0.5 for p in d_joint) + sum(float(p) < 0.5 for p in d_product)
    assert float(accuracy) == pytest.approx(right / 12)


def test_each_dimension_is_permuted_by_itself(build_vae: Any) -> None:
    method = build(build_vae)
    z = torch.arange(1_200.0).view(300, 4)
    permuted, again = method.permuted(z), method.permuted(z)
    orders = []
    for k in range(4):
        assert torch.equal(permuted[:, k].sort().values, z[:, k])
        orders.append(tuple(permuted[:, k].sub(k).div(4).int().tolist()))
    assert len({*orders, tuple(range(300))}) == 5
    assert not torch.equal(permuted, again)


def test_the_discriminators_step_touches_nothing_else_and_the_other_not_it(build_vae: Any) -> None:
    method = build(build_vae)

    def weights() -> dict[str, list[torch.Tensor]]:
        return {name: [p.detach().clone() for p in net.parameters()] for name, net in method.networks.items()}

    def changed(before: dict[str, list[torch.Tensor]]) -> set[str]:
        after = weights()
        return {name for name in after if not all(map(torch.equal, before[name], after[name]))}

    before = weights()
    _, decoded = method.step_autoencoder(images(8))
    assert changed(before) == {"encoder", "decoder"}
    before = weights()
    method.step_discriminator(decoded, method.permuted(decoded))
    assert changed(before) == {"discriminator"}


@pytest.mark.parametrize("second_batch", [False, True])
def test_what_the_discriminator_is_shown(build_vae: Any, second_batch: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    method = build(build_vae, second_batch=second_batch)
    noise = torch.Generator()
    noise.set_state(method.draws["posterior"].get_state())
    first, second = images(8), images(8, seed=1)
    seen: list[torch.Tensor] = []
    monkeypatch.setattr(method, "step_discriminator", lambda joint, product: seen.extend([joint, product]) or {})
    posterior = method.encoder.posterior(first)
    decoded = posterior.mean + torch.exp(posterior.log_variance / 2) * torch.randn(8, 4, generator=noise)
    assert method.batches_per_update == (2 if second_batch else 1)
    method.update(torch.cat([first, second]) if second_batch else first, 0)
    # The encoder has made its step by the time that D's codes are drawn, with noise of their own.
    posterior = method.encoder.posterior(second if second_batch else first)
    drawn = posterior.mean + torch.exp(posterior.log_variance / 2) * torch.randn(8, 4, generator=noise)
    joint, product = seen
    torch.testing.assert_close(joint, (decoded if second_batch else drawn).detach())
    torch.testing.assert_close(product.sort(0).values, drawn.detach().sort(0).values)
    assert not product.requires_grad


def test_the_discriminator_learns_to_tell_dependent_codes(build_vae: Any) -> None:
    method = build(build_vae, discriminator_learning_rate=0.01)
    draws = torch.Generator().manual_seed(0)
    losses = []
    for _ in range(200):
        z = torch.randn(64, 1, generator=draws).expand(-1, 4).contiguous()
        scalars = method.step_discriminator(z, method.permuted(z))
        losses.append(float(scalars["loss_discriminator"]))
    assert losses[0] == pytest.approx(math.log(2), abs=0.2)
    assert sum(losses[-20:]) / 20 < 0.3


def test_the_presets_are_the_published_runs() -> None:
    paper = resolve("factor-vae", data="dsprites")[0]
    teapots = resolve("factor-vae", data="3dteapots")[0]
    original = resolve("factor-vae", preset="kim-mnih")[0]
    assert (paper.preset, paper.training.steps, paper.training.batch_size) == ("paper", 311_040, 64)
    assert (teapots.preset, teapots.training.steps, teapots.training.batch_size) == ("paper-3dteapots", 109_375, 64)
    assert paper.method == teapots.method == FactorVAESettings()
    assert isinstance(original.method, FactorVAESettings)
    assert original.method.second_batch
    setup = Setup((64, 64, 1), images=737_280, seed=0, total_steps=1, device=torch.device("cpu"))
    method = FactorVAE(paper.method, setup)
    # The sums of docs/method.md, section 7, counted in the networks' own test.
    counts = {name: sum(p.numel() for p in network.parameters()) for name, network in method.networks.items()}
    assert counts == {"encoder": 249_172, "decoder": 248_833, "discriminator": 4_017_002}
    for network in method.networks.values():
        assert float(torch.cat([p.flatten() for p in network.parameters() if p.dim() == 2]).std().detach()) < 0.021
    adam = method.optimizers["discriminator"].param_groups[0]
    assert (adam["lr"], adam["betas"]) == (1e-4, (0.5, 0.9))
    adam = method.optimizers["vae"].param_groups[0]
    assert (adam["lr"], adam["betas"]) == (1e-4, (0.9, 0.999))
