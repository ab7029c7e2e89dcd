"""How many operations a training iteration cannot do without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from engine.lazy import torch
from engine.methods.base import AnyMethod


def needed_gflop(method: Any, batch: int, lambda_cr: float | None) -> float:
    """GFLOP of the convolutions and matrix products that an iteration cannot do without.

    Two for each multiplication with its addition, those with padding included. Images are generated again only where
    G has changed or normalises otherwise; D's and Q's losses share their trunk; gradients are taken of what is trained
    and of what lies between it and the loss. Everything else (spectral and batch normalisation, activations, Adam) is
    left out.
    """
    if method.settings.name == "factor-vae":
        encoder, decoder, discriminator = _factor_vae_layers(method)
        multiplications = (
            _passes(encoder, "trained")
            + _passes(decoder, "trained and passed on")
            + _passes(discriminator, "passed on")
            # Then D, on codes of the encoder that came out and on the same codes permuted.
            + _passes(encoder)
            + 2 * _passes(discriminator, "trained")
        )
    else:
        g, d, q, h = _gan_layers(method)
        steps = method.settings.generator_steps
        on_images = _passes(d + q, "passed on")
        multiplications = _passes(h, "trained") + _passes(d, "trained") + _passes(d + q, "trained")
        if lambda_cr:
            # Each step generates a batch and a pair; those of the first serve H and D as well.
            multiplications += steps * (3 * _passes(g, "trained") + on_images + _passes(h, "passed on"))
        else:
            # H's pair is made with the moving statistics.
            multiplications += 2 * _passes(g) + steps * (_passes(g, "trained") + on_images)
    return 2e-9 * batch * multiplications


def _passes(layers: Sequence[int], gradients: str = "") -> int:
    """Multiplications of a forward pass and of the gradients that are taken, for one image.

    Args:
        layers: multiplications of each layer's forward pass, from the input on. The gradient of its weights takes as
            many, and so does that of its input.
        gradients: ``"trained"``: of weights, and of all inputs but the first layer's; ``"passed on"``: of inputs;
            ``"trained and passed on"``: of both.
    """
    forward = sum(layers)
    backward = {"": 0, "trained": 2 * forward - layers[0], "passed on": forward, "trained and passed on": 2 * forward}
    return forward + backward[gradients]


def _gan_layers(method: Any) -> tuple[list[int], list[int], list[int], list[int]]:
    """Multiplications of each layer of G, of D with the trunk, of what Q has beside that, and of H."""
    # Batch normalisation does not take a batch of one.
    latent = torch.zeros(2, method.codes.dimensions, device=method.setup.device)
    images = _blank_images(method)
    of_discriminator = _multiplications(method.discriminator, images)
    return (
        list(_multiplications(method.generator, latent).values()),
        [number for name, number in of_discriminator.items() if not name.startswith("code_")],
        [number for name, number in of_discriminator.items() if name.startswith("code_")],
        list(_multiplications(method.contrastive, images, images).values()),
    )


def _factor_vae_layers(method: Any) -> tuple[list[int], list[int], list[int]]:
    """Multiplications of each layer of encoder, decoder and D."""
    z = torch.zeros(2, method.codes.count, device=method.setup.device)
    found = (
        _multiplications(method.encoder, _blank_images(method), call=method.encoder.posterior),
        _multiplications(method.decoder, z),
        _multiplications(method.discriminator, z),
    )
    encoder, decoder, discriminator = (list(layers.values()) for layers in found)
    return encoder, decoder, discriminator


def _blank_images(method: AnyMethod) -> torch.Tensor:
    height, width, channels = method.setup.image_shape
    return torch.zeros(2, channels, height, width, device=method.setup.device)


def _multiplications(
    network: torch.nn.Module, *inputs: torch.Tensor, call: Callable[..., object] | None = None
) -> dict[str, int]:
    """Multiplications of each layer for one image, by the layer's name, in the order of the forward pass."""
    from engine.models.layers import Weighted

    found = {}

    def note(name: str) -> Callable[[Any, Any, Any], None]:
        def count_products(layer: Any, given: tuple[torch.Tensor, ...], result: torch.Tensor) -> None:
            # A kernel meets each pixel of the smaller side: convolution halves the sides, its transpose doubles them.
            positions = min(prod(given[0].shape[2:]), prod(result.shape[2:]))
            found[name] = layer.weight.numel() * positions

        return count_products

    layers = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, Weighted)]
    hooks = [layer.register_forward_hook(note(name)) for name, layer in layers]
    with torch.no_grad():
        (call or network)(*inputs)
    for hook in hooks:
        hook.remove()
    return found
