"""The update of InfoGAN-CR against a plain calculation of the same iteration, and its schedule events."""

import copy

import pytest
import torch

from engine.methods.base import Setup
from engine.methods.infogan import InfoGAN, InfoGANSettings
from engine.methods.infogan_cr import InfoGANCR, InfoGANCRSettings
from plain_infogan_cr import FirstDraft, PlainInfoGANCR, plain_copy

SIDE = 16
SMALL = {
    "codes": 3,
    "noise": 2,
    "generator": {"dense": [16], "channels": [8, 4]},
    "discriminator": {"dense": [16], "channels": [4, 8]},
}


def setup_of(side: int) -> Setup:
    return Setup((side, side, 1), images=1_000, seed=3, total_steps=100, device=torch.device("cpu"))


def make(**overrides: object) -> InfoGANCR:
    settings = InfoGANCRSettings(**(SMALL | {"contrastive": {"dense": [16], "channels": [4, 8]}} | overrides))
    return InfoGANCR(settings, setup_of(SIDE))


def images(seed: int = 0) -> torch.Tensor:
    return torch.rand(8, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("kind", [PlainInfoGANCR, FirstDraft])
@pytest.mark.parametrize("lambda_cr", [0.0, 2.0])
def test_three_updates_equal_the_plain_iteration(lambda_cr: float, kind: type[PlainInfoGANCR]) -> None:
    method = make(lambda_cr=lambda_cr, gap=0.5)
    # Large weights make every term matter: at the initial 0.02 most gradients vanish.
    with torch.no_grad():
        for parameter in method.networks.parameters():
            if parameter.dim() > 1:
                parameter.mul_(15)
    plain = plain_copy(method, SIDE, method.settings.lambda_info, kind)
    for iteration in range(3):
        draws = {name: torch.Generator() for name in ("latent", "pairs")}
        for name, generator in draws.items():
            generator.set_state(method.draws[name].get_state())
        latent = method.codes.sample(8, draws["latent"])
        pair = method.codes.sample_pairs(8, 0.5, draws["pairs"])
        method.update(images(iteration), iteration)
        plain.iterate(images(iteration), latent, *pair, lambda_cr)
    ours = [
        p for layers in (method.generator.dense, method.generator.deconvs) for layer in layers for p in [layer.weight]
    ]
    theirs = [m.weight for m in plain.generator if hasattr(m, "weight") and m.weight.dim() > 1]
    for a, b in zip(ours, theirs, strict=False):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(method.discriminator.code_mean.weight, plain.code_mean.weight, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(method.discriminator.trunk.convs[0].u, plain.trunk.layers[0].u, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(method.contrastive.shared.weight, plain.shared.weight, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(
        method.contrastive.trunk.dense[0].weight, plain.contrastive_trunk.layers[-1].weight, rtol=1e-7, atol=1e-9
    )
    norms = [m for m in plain.generator if hasattr(m, "running_mean")]
    for a, b in zip([*method.generator.dense_norms, *method.generator.deconv_norms], norms, strict=True):
        torch.testing.assert_close(a.moving_mean, b.running_mean, rtol=1e-7, atol=1e-9)
        torch.testing.assert_close(a.moving_variance, b.running_var, rtol=1e-7, atol=1e-9)


def test_the_authors_networks_have_their_parameter_counts() -> None:
    method = InfoGANCR(InfoGANCRSettings(), setup_of(64))
    counts = {name: sum(p.numel() for p in network.parameters()) for name, network in method.networks.items()}
    assert counts == {"generator": 251_393, "discriminator": 263_878, "contrastive": 247_749}


def test_a_schedule_change_redraws_h_and_its_adam_state_but_not_its_spectral_vectors() -> None:
    method = make(lambda_cr=[[0, 0.0], [2, 1.0]])
    for iteration in range(2):
        method.update(images(iteration), iteration)
    before = {name: tensor.clone() for name, tensor in method.contrastive.state_dict().items()}
    generator_moments = method.optimizers["generator"].state_dict()["state"]
    method._reset_contrastive()
    after = method.contrastive.state_dict()
    for name, tensor in before.items():
        same = torch.equal(tensor, after[name])
        assert same == (name.endswith(".u") or (name.endswith("bias") and not tensor.any())), name
    assert not method.optimizers["contrastive"].state
    assert generator_moments
    assert method.notes_at(2) == ["lambda_cr becomes 1", "H is re-initialised"]
    assert method.turning_points() == (2,)


def test_the_reset_happens_in_the_update_of_the_change() -> None:
    method = make(lambda_cr=[[0, 0.0], [1, 1.0]], contrastive_learning_rate=1e-12)
    weight = method.contrastive.shared.weight.clone()
    method.update(images(), 0)
    torch.testing.assert_close(method.contrastive.shared.weight, weight)
    method.update(images(), 1)
    assert not torch.allclose(method.contrastive.shared.weight, weight, atol=1e-4)


def test_without_regulariser_g_and_d_train_exactly_as_plain_infogan() -> None:
    with_h = make(lambda_cr=[[0, 0.0], [50, 1.0]])
    plain = InfoGAN(InfoGANSettings(**SMALL), setup_of(SIDE))
    for iteration in range(3):
        with_h.update(images(iteration), iteration)
        plain.update(images(iteration), iteration)
    for name in ("generator", "discriminator"):
        for a, b in zip(with_h.networks[name].parameters(), plain.networks[name].parameters(), strict=True):
            assert torch.equal(a, b)


def test_h_learns_nothing_before_the_regulariser_when_its_warm_up_is_off() -> None:
    method = make(lambda_cr=[[0, 0.0], [5, 1.0]], contrastive_warm_up=False)
    weight = method.contrastive.shared.weight.clone()
    scalars = method.update(images(), 0)
    assert torch.equal(method.contrastive.shared.weight, weight)
    assert "loss_contrastive" not in scalars


def test_trainer_state_continues_bit_for_bit() -> None:
    one, other = make(lambda_cr=1.0), make(lambda_cr=1.0)
    for iteration in range(2):
        one.update(images(iteration), iteration)
    other.networks.load_state_dict(one.networks.state_dict())
    other.load_trainer_state(copy.deepcopy(one.trainer_state()))
    for method in (one, other):
        method.update(images(7), 2)
    for a, b in zip(one.networks.state_dict().values(), other.networks.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_learning_rates_fall_linearly_to_zero_after_the_given_share() -> None:
    method = make(lambda_cr=0.0, learning_rate_decay_from=0.6)
    factors = [method.decay_learning_rates(iteration) for iteration in (0, 60, 80, 99)]
    assert factors == pytest.approx([1.0, 1.0, 0.5, 0.025])
    assert method.optimizers["generator"].param_groups[0]["lr"] == pytest.approx(1e-3 * 0.025)
