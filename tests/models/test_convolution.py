"""Convolutions in their fast arrangement against PyTorch's own in the plain one."""

import pytest
import torch
import torch.nn.functional as F

from engine.models.convolution import THIN, convolution, convolve, convolve_transposed

CHANNELS = [1, 2, 3, THIN + 1, 8]


def plain(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """TF's "SAME" for kernels of 4 and 5."""
    total = weight.shape[-1] - 2
    x = F.pad(x, (total // 2, total - total // 2) * 2)
    return F.conv2d(x, weight, bias, stride=2)


def plain_transposed(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """The adjoint of :func:`plain`, cropped by hand."""
    total = weight.shape[-1] - 2
    before = total // 2
    y = F.conv_transpose2d(x, weight, bias, stride=2)
    return y[:, :, before : y.shape[2] - (total - before), before : y.shape[3] - (total - before)]


def leaves(*shapes: tuple[int, ...]) -> list[torch.Tensor]:
    draws = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=draws, dtype=torch.float64).requires_grad_() for shape in shapes]


def assert_the_same(ours: torch.Tensor, theirs: torch.Tensor, inputs: list[torch.Tensor]) -> None:
    """Both are equal, and so are their gradients with respect to the inputs."""
    torch.testing.assert_close(ours, theirs)
    out = torch.randn_like(theirs)
    for a, b in zip(torch.autograd.grad(ours, inputs, out), torch.autograd.grad(theirs, inputs, out), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("kernel", [4, 5])
@pytest.mark.parametrize("channels", CHANNELS)
def test_a_convolution_and_its_gradients_are_the_plain_ones(channels: int, kernel: int, with_bias: bool) -> None:
    x, weight, bias = leaves((3, channels, 10, 6), (5, channels, kernel, kernel), (5,))
    inputs = [x, weight, bias][: 2 + with_bias]
    ours = convolve(x, weight, bias if with_bias else None)
    theirs = plain(x, weight, bias if with_bias else None)
    assert_the_same(ours, theirs, inputs)


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("kernel", [4, 5])
@pytest.mark.parametrize("channels", CHANNELS)
def test_a_transposed_convolution_and_its_gradients_are_the_plain_ones(
    channels: int, kernel: int, with_bias: bool
) -> None:
    x, weight, bias = leaves((3, 5, 5, 3), (5, channels, kernel, kernel), (channels,))
    inputs = [x, weight, bias][: 2 + with_bias]
    ours = convolve_transposed(x, weight, bias if with_bias else None)
    theirs = plain_transposed(x, weight, bias if with_bias else None)
    assert_the_same(ours, theirs, inputs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("channels", CHANNELS)
def test_maps_are_channels_last_in_either_type(channels: int, dtype: torch.dtype) -> None:
    down = convolve(torch.randn(2, channels, 8, 8, dtype=dtype), torch.randn(4, channels, 4, 4, dtype=dtype), None)
    up = convolve_transposed(down, torch.randn(4, channels, 4, 4, dtype=dtype), None)
    for maps in (down, up):
        assert maps.dtype == dtype
        assert maps.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("transposed", [False, True])
def test_several_threads_take_the_gradients_that_one_takes(transposed: bool) -> None:
    """In bfloat16 they go another way, which must come to the same."""
    shape = (6, 4, 4, 4) if transposed else (4, 6, 4, 4)
    draws = torch.Generator().manual_seed(0)
    tensors = [torch.randn(size, generator=draws).bfloat16() for size in ((5, 6, 8, 8), shape, (4,))]
    found = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            inputs = [tensor.clone().requires_grad_() for tensor in tensors]
            y = convolution(*inputs, stride=2, padding=1, transposed=transposed)
            assert ("_Convolution" in type(y.grad_fn).__name__) == (threads == 2)
            found.append([y, *torch.autograd.grad(y, inputs, torch.ones_like(y))])
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two, rtol=2e-2, atol=2e-2)
