"""What is computed in which number type, and what auto comes to."""

import pytest
import torch

from engine.errors import InputError
from engine.models import precision
from engine.models.codes import Codes
from engine.models.infogan import Discriminator, DiscriminatorLayers, Generator, GeneratorLayers
from engine.models.layers import Head, Linear
from engine.models.precision import choose, computing_in

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("flags", "chosen"),
    [
        ({"avx512_bf16", "sse"}, "bfloat16"),
        ({"amx_bf16"}, "bfloat16"),
        ({"bf16", "asimd"}, "bfloat16"),
        # Vectors alone do not multiply bfloat16: it would be emulated, and slower than float32.
        ({"avx512f", "avx2"}, "float32"),
        (set(), "float32"),
    ],
)
def test_auto_is_bfloat16_where_the_processor_multiplies_it(
    monkeypatch: pytest.MonkeyPatch, flags: set[str], chosen: str
) -> None:
    monkeypatch.setattr(precision, "processor_flags", lambda: frozenset(flags))
    assert choose("auto", CPU) == chosen


def test_what_was_asked_for_is_what_one_gets() -> None:
    assert [choose(setting, CPU) for setting in ("float32", "bfloat16")] == ["float32", "bfloat16"]


@pytest.mark.parametrize(("capability", "chosen"), [((7, 5), "float32"), ((8, 0), "bfloat16"), ((9, 0), "bfloat16")])
def test_auto_asks_a_gpu_what_it_can_do(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], chosen: str
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert choose("auto", torch.device("cuda")) == chosen


def test_tf32_is_refused_where_no_gpu_rounds() -> None:
    with pytest.raises(InputError, match="tf32 needs a CUDA GPU; use float32, bfloat16 or auto"):
        choose("tf32", CPU)


def test_hidden_layers_compute_in_the_asked_type_inside_the_block_only() -> None:
    layer, x = Linear(4, 3), torch.randn(2, 4)
    with computing_in("bfloat16"):
        assert layer(x).dtype == torch.bfloat16
        with computing_in("float32"):
            assert layer(x).dtype == torch.float32
        assert layer(x).dtype == torch.bfloat16
    assert layer(x).dtype == torch.float32


def test_the_block_ends_with_an_error_too() -> None:
    before = torch.backends.cudnn.allow_tf32
    with pytest.raises(ZeroDivisionError), computing_in("tf32"):
        1 / (1 - torch.backends.cudnn.allow_tf32)
    assert torch.backends.cudnn.allow_tf32 == before
    assert Linear(4, 3)(torch.randn(2, 4)).dtype == torch.float32


def test_true_float32_is_asked_of_a_gpu_unless_tf32_is() -> None:
    with computing_in("float32"):
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32


def test_last_layers_pixels_and_gradients_of_weights_are_float32() -> None:
    codes = Codes(3, noise=1)
    generator = Generator(4, (16, 16, 1), GeneratorLayers((8,), (8, 4)))
    discriminator = Discriminator((16, 16, 1), codes, DiscriminatorLayers((8,), (4, 8)))
    with computing_in("bfloat16"):
        images = generator(torch.randn(5, 4), moving=False)
        logits, answer = discriminator(images)
        (logits.sum() + answer.sum()).backward()
    assert {images.dtype, logits.dtype, answer.dtype} == {torch.float32}
    for network in (generator, discriminator):
        assert {parameter.grad.dtype for parameter in network.parameters() if parameter.grad is not None} == {
            torch.float32
        }
    assert {mean.dtype for mean, _ in generator.observed()} == {torch.float32}


def test_a_head_does_not_round_what_it_is_given() -> None:
    head, features = Head(3, 2), torch.randn(4, 3)
    with computing_in("bfloat16"):
        assert torch.equal(head(features), features @ head.weight.T + head.bias)


def test_a_layer_may_change_its_type_between_forwards_and_keeps_its_parameters() -> None:
    layer, x = Linear(4, 3), torch.randn(2, 4)
    names = list(dict(layer.named_parameters()))
    for wanted in ("float32", "bfloat16", "float32"):
        with computing_in(wanted):  # type: ignore[arg-type]
            layer(x)
            layer.normalise()
            layer.release()
        assert list(dict(layer.named_parameters())) == names == ["weight", "bias"]
