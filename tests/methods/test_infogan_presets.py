"""The published settings of InfoGAN and InfoGAN-CR on each dataset, and images of other sizes."""

import functools

import pytest
import torch

from engine.errors import InputError
from engine.methods import method_class
from engine.methods.base import Setup
from engine.methods.infogan import InfoGAN
from engine.runs.specification.resolving import resolve
from engine.runs.specification.spec import RunSpec

SHAPES = {"3dteapots": (64, 64, 3), "celeba": (32, 32, 3), "cdsprites": (64, 64, 1)}

# Counted by hand from docs/method.md, sections 2.1 to 2.4, in the order G, D with Q, H.
COUNTS = {
    "3dteapots": (252_419, 264_902, 250_373),
    "celeba": (5_346_563, 4_318_854, 4_323_397),
    "cdsprites": (251_009, 263_491, 247_362),
}


def spec_of(method: str, data: str) -> RunSpec:
    return resolve(method, data=data)[0]


@functools.cache
def published(method: str, data: str) -> InfoGAN:
    """The method on the dataset's images, built once for all tests that only read it."""
    return built(spec_of(method, data), SHAPES[data])


def built(spec: RunSpec, shape: tuple[int, int, int]) -> InfoGAN:
    setup = Setup(shape, images=1_000, seed=0, total_steps=spec.training.steps, device=torch.device("cpu"))
    method = method_class(spec.method.name)(spec.method, setup)
    assert isinstance(method, InfoGAN)
    return method


@pytest.mark.parametrize("method", ["infogan", "infogan-cr"])
@pytest.mark.parametrize("data", SHAPES)
def test_a_dataset_has_its_own_preset_and_networks_of_the_published_size(method: str, data: str) -> None:
    spec = spec_of(method, data)
    assert spec.preset == f"paper-{data}"
    networks = published(method, data).networks
    counts = tuple(sum(p.numel() for p in network.parameters()) for network in networks.values())
    assert counts == COUNTS[data][: len(counts)]


@pytest.mark.parametrize("method", ["infogan", "infogan-cr"])
def test_other_data_keep_the_presets_they_had(method: str) -> None:
    assert spec_of(method, "dsprites").preset == "paper"
    assert spec_of(method, "minisprites").preset == "quick"
    assert spec_of(method, "minishapes").preset == "quick-minishapes"
    assert spec_of(method, "shapes3d").preset == "paper"
    assert spec_of(method, "photos.npz").preset == "photos-64"


@pytest.mark.parametrize(
    ("data", "codes", "noise", "batch", "lambda_info", "turns", "final_lambda", "steps"),
    [
        ("3dteapots", 5, 5, 64, 0.2, (50_000, 85_000), 3.0, 125_000),
        ("celeba", 5, 100, 128, 2.0, (80_000,), 1.0, 90_174),
        ("cdsprites", 2, 5, 30, 0.2, (216_000,), 2.0, 288_000),
    ],
)
def test_the_published_schedule(
    data: str,
    codes: int,
    noise: int,
    batch: int,
    lambda_info: float,
    turns: tuple[int, ...],
    final_lambda: float,
    steps: int,
) -> None:
    regularised, plain = spec_of("infogan-cr", data), spec_of("infogan", data)
    settings = regularised.method.model_dump()
    assert (settings["codes"], settings["noise"], settings["lambda_info"]) == (codes, noise, lambda_info)
    assert (regularised.training.batch_size, regularised.training.steps) == (batch, steps)
    method = published("infogan-cr", data)
    assert method.turning_points() == turns
    assert method.lambda_cr.at(turns[0] - 1) == 0
    assert method.lambda_cr.at(steps) == final_lambda
    # "InfoGAN (modified)" is the same run up to the regulariser.
    assert (plain.training.batch_size, plain.training.steps) == (batch, turns[0])
    shared = plain.method.model_dump().keys() - {"name"}
    assert {key: plain.method.model_dump()[key] for key in shared} == {key: settings[key] for key in shared}


def test_the_gap_of_3dteapots_closes_at_85_000() -> None:
    method = published("infogan-cr", "3dteapots")
    assert [method.gap.at(i) for i in (0, 84_999, 85_000)] == [1.9, 1.9, 0.0]


def test_the_step_sizes_of_celeba() -> None:
    optimizers = published("infogan-cr", "celeba").optimizers
    rates = {name: optimizer.param_groups[0]["lr"] for name, optimizer in optimizers.items()}
    assert rates == {"generator": 2e-3, "discriminator": 2e-4, "contrastive": 2e-4}


@pytest.mark.parametrize("data", ["3dteapots", "celeba"])
def test_h_with_batch_normalisation_trains_and_survives_a_change_of_schedule(data: str) -> None:
    spec = resolve(
        "infogan-cr",
        data=data,
        overrides=[
            "method.lambda_cr=[[0, 0.0], [1, 1.0]]",
            "method.gap=0.0",
            "generator.channels=[4, 4]",
            "discriminator.channels=[4, 4]",
            "contrastive.channels=[4, 4]",
            *(["generator.start_channels=4"] if data == "celeba" else []),
        ],
    )[0]
    method = built(spec, (16, 16, 3))
    draws = torch.Generator().manual_seed(0)
    before = {name: tensor.clone() for name, tensor in method.networks.state_dict().items()}
    for iteration in range(3):
        scalars = method.update(torch.rand(6, 3, 16, 16, generator=draws), iteration)
        assert all(torch.isfinite(torch.as_tensor(value)) for value in scalars.values())
    moved = {name for name, tensor in method.networks.state_dict().items() if not torch.equal(tensor, before[name])}
    assert {"contrastive.trunk.norms.0.gamma", "contrastive.shared.weight", "generator.image.weight"} <= moved
    # H serves in training only: its moving statistics have no reader.
    assert not {name for name in moved if name.startswith("contrastive") and "moving" in name}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(32, 32), (64, 64), (128, 128), (48, 80)])
def test_images_of_any_size_that_halves_four_times_fit_the_default_networks(
    size: tuple[int, int], channels: int
) -> None:
    method = built(spec_of("infogan-cr", "photos.npz"), (*size, channels))
    decoder, encoder = method.latent_networks()
    with torch.inference_mode():
        images = decoder(torch.zeros(2, method.codes.dimensions))
        assert images.shape == (2, channels, *size)
        assert encoder.encode(images).shape == (2, 5)


def test_images_that_do_not_halve_are_answered_with_the_setting_to_change_and_fit_after_it() -> None:
    with pytest.raises(
        ValueError, match=r"side 100 cannot be halved 4 times; give the setting 'channels' of every network fewer"
    ):
        built(spec_of("infogan", "photos.npz"), (128, 100, 3))
    overrides = ["generator.channels=[64]", "discriminator.channels=[32, 64]"]
    method = built(resolve("infogan", data="photos.npz", overrides=overrides)[0], (128, 100, 3))
    assert method.generator(torch.zeros(1, 105)).shape == (1, 3, 128, 100)
    method = built(resolve("infogan", data="photos.npz", preset="quick")[0], (17, 19, 3))
    assert method.generator(torch.zeros(1, 5)).shape == (1, 3, 17, 19)


def test_a_network_without_any_layer_is_refused() -> None:
    with pytest.raises(InputError, match="dense and channels are both empty"):
        resolve("infogan", data="photos.npz", overrides=["discriminator.channels=[]", "discriminator.dense=[]"])
