"""A model as ONNX files, for programs without PyTorch. Each file is run and held against the model before it counts."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.errors import WorkError
from engine.extras import require
from engine.models.layers import Network
from engine.models.model import Model

TOLERANCE = 1e-4
"""Largest difference that is accepted: of pixels in [0, 1], and of codes relative to the larger of 1 and their size.
Two libraries add up in different orders, so float32 results differ in the last digits."""
_ROWS = 64
_SEED = 0
_LIBRARIES = ("onnx", "onnxscript", "onnxruntime")


def require_onnx() -> None:
    """Check that the libraries are there.

    Raises:
        InputError: one is missing; the message says how to install it.
    """
    require(_LIBRARIES, "onnx", "exporting to ONNX")


def write_onnx(model: Model, folder: Path) -> dict[str, float]:
    """Write ``decoder.onnx`` (``z`` to ``images``) and ``encoder.onnx`` (``images`` to ``codes``).

    Both take any number of rows. ONNX Runtime runs them on latent vectors drawn from the prior, on the images of these,
    and on noise, in batches of two sizes, and the answers are compared with the model's.

    Args:
        model: on the CPU.
        folder: where.

    Returns:
        The largest difference of each file, by its name.

    Raises:
        InputError: a library is missing.
        WorkError: a network cannot be expressed in ONNX, or a difference exceeds :data:`TOLERANCE`.
    """
    require_onnx()
    draws = torch.Generator().manual_seed(_SEED)
    latents = model.codes.sample(_ROWS, draws)
    noise = torch.rand((_ROWS, *_channels_first(model)), generator=draws)
    images = torch.cat([model.decode(latents), noise])
    encode = getattr(model.encoder, "encode", model.encoder)
    differences = {}
    for name, network, compute, inputs, of, to in (
        ("decoder.onnx", model.decoder, model.decoder, latents, "z", "images"),
        ("encoder.onnx", model.encoder, encode, images, "images", "codes"),
    ):
        path = folder / name
        with _settled(network):
            _export(_Computed(network, compute), inputs, path, of, to)
        answer = model.decode if of == "z" else model.encode
        difference = _difference(path, inputs.numpy(), answer(inputs).numpy())
        if not difference <= TOLERANCE:
            raise WorkError(f"{name} differs from the model by {difference:.1e}, more than {TOLERANCE:g}; not exported")
        differences[name] = difference
    return differences


class _Computed(nn.Module):
    """A network with the function of it that is exported."""

    def __init__(self, network: nn.Module, compute: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.network = network
        self._compute = compute

    def forward(self, rows: Tensor) -> Tensor:
        return self._compute(rows)


def _channels_first(model: Model) -> tuple[int, int, int]:
    height, width, channels = model.image_shape
    return channels, height, width


@contextlib.contextmanager
def _settled(network: nn.Module) -> Iterator[None]:
    """Compute normalised weights once, so that the file holds them and not how they are computed."""
    parts = [part for part in network.modules() if isinstance(part, Network)]
    with torch.no_grad():
        for part in parts:
            part.normalise()
        try:
            yield
        finally:
            for part in parts:
                part.release()


def _export(network: nn.Module, inputs: Tensor, path: Path, of: str, to: str) -> None:
    rows = torch.export.Dim("rows", min=1)
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        # The exporter prints and warns about itself.
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            torch.onnx.export(
                network.eval(),
                (inputs,),
                path,
                input_names=[of],
                output_names=[to],
                dynamic_shapes=({0: rows},),
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except (torch.onnx.OnnxExporterError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise WorkError(f"{path.name} cannot be made of this model: {reason}") from error
    finally:
        logger.setLevel(level)


def _difference(path: Path, inputs: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """The largest difference of a file's answers, relative where they are larger than 1; infinite if one is missing."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    [entry] = session.get_inputs()

    def run(rows: NDArray[np.float32]) -> NDArray[Any]:
        answer: NDArray[Any] = session.run(None, {entry.name: rows})[0]
        return answer

    found = np.concatenate([run(inputs[:1]), run(inputs[1:])])
    if found.shape != expected.shape:
        return float("inf")
    error = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
    return float(np.nan_to_num(error, nan=np.inf).max())
