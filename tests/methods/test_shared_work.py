"""What the steps of a GAN's iteration share equals the same work done anew."""

import copy

import pytest
import torch

from engine.methods.base import Setup
from engine.methods.infogan_cr import InfoGANCR, InfoGANCRSettings
from engine.methods.shared_work import GeneratedImages, fixed_weights
from engine.models.codes import Codes
from engine.models.infogan import Discriminator, DiscriminatorLayers, Generator, GeneratorLayers

SHAPE = (8, 8, 1)


@pytest.fixture
def generator() -> Generator:
    return Generator(4, SHAPE, GeneratorLayers(dense=(6,), channels=(4,)))


def latents(seed: int) -> torch.Tensor:
    return torch.rand(5, 4, generator=torch.Generator().manual_seed(seed))


def test_images_are_made_once_between_two_steps_of_g(generator: Generator) -> None:
    generated, z = GeneratedImages(generator), latents(0)
    first = generated(z)
    assert generated(z) is first
    assert torch.equal(generated(z.clone()), first)
    generated.forget()
    assert generated(z) is not first


def test_every_call_moves_the_statistics_as_a_forward_pass_of_its_own_would(generator: Generator) -> None:
    anew = copy.deepcopy(generator)
    generated = GeneratedImages(generator)
    calls = [latents(0), latents(1)]
    for z in [calls[0], calls[1], calls[0], calls[0]]:
        generated(z)
        anew(z, moving=False)
        anew.update_moving([anew.observed()])
    generated.update_moving_statistics()
    for ours, theirs in zip(generator.batch_norms(), anew.batch_norms(), strict=True):
        torch.testing.assert_close(ours.moving_mean, theirs.moving_mean)
        torch.testing.assert_close(ours.moving_variance, theirs.moving_variance)
    # What is counted is counted once.
    before = generator.batch_norms()[0].moving_mean.clone()
    generated.update_moving_statistics()
    assert torch.equal(generator.batch_norms()[0].moving_mean, before)


def test_a_preview_is_inference_and_does_not_count(generator: Generator) -> None:
    generated, z = GeneratedImages(generator), latents(0)
    generated(z)
    generated.update_moving_statistics()
    expected = generator(z, moving=True).detach()
    first, second = generated.preview(z, latents(1))
    torch.testing.assert_close(first, expected)
    assert not first.requires_grad
    assert second.shape == first.shape
    before = generator.batch_norms()[0].moving_mean.clone()
    generated.update_moving_statistics()
    assert torch.equal(generator.batch_norms()[0].moving_mean, before)


def test_fixed_weights_pass_gradients_on_and_end_with_one_stored_power_iteration() -> None:
    network = Discriminator(SHAPE, Codes(2), DiscriminatorLayers(dense=(6,), channels=(4,)))
    twin = copy.deepcopy(network)
    x = torch.rand(3, 1, 8, 8, requires_grad=True)
    with fixed_weights(network):
        for _ in range(2):
            logits = network(x)[0]
            logits.sum().backward()
        assert torch.equal(logits, twin(x)[0])
        assert torch.equal(network.real.u, twin.real.u)
    assert x.grad is not None
    assert all(parameter.grad is None for parameter in network.parameters())
    twin.normalise()
    twin.persist_spectral()
    for ours, theirs in zip(network.buffers(), twin.buffers(), strict=True):
        assert torch.equal(ours, theirs)
    # Behind the block the layers follow their weights again.
    with torch.no_grad():
        network.real.bias += 1
    assert not torch.equal(network(x)[0], logits)


@pytest.mark.parametrize(("lambda_cr", "updates"), [(0.0, 3), (2.0, 9)])
def test_an_iteration_counts_as_many_forward_passes_as_the_authors_code(
    lambda_cr: float, updates: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/method.md, section 4: three while lambda_CR is 0, nine afterwards."""
    method = InfoGANCR(
        InfoGANCRSettings(
            generator={"dense": [6], "channels": [4]},
            discriminator={"dense": [6], "channels": [4]},
            contrastive={"dense": [6], "channels": [4]},
            lambda_cr=lambda_cr,
        ),
        Setup(SHAPE, images=100, seed=0, total_steps=10, device=torch.device("cpu")),
    )
    counted: list[int] = []
    monkeypatch.setattr(method.generator, "update_moving", lambda forwards: counted.append(len(forwards)))
    method.update(torch.rand(5, 1, 8, 8), 0)
    assert counted == [updates]
