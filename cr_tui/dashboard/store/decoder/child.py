"""The process that loads PyTorch and answers :class:`cr_tui.dashboard.store.decoder.process.DecoderProcess`.

It keeps the models and the dataset it used last, and ends when its standard input does, that is, with the dashboard.
"""

from __future__ import annotations

import json
import math
import os
import sys
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from engine.data.bridge import as_floats, as_pixels
from engine.errors import CrtuiError, InputError
from engine.machine.cores import prepare_to_compute

if TYPE_CHECKING:
    from engine.data.dataset import Dataset
    from engine.models.model import Model

_NICENESS = 5
_MODELS_KEPT = 6

Answer = tuple[dict[str, Any], NDArray[np.uint8] | None]


def main(arguments: Sequence[str]) -> int:
    """Answer requests until standard input ends. Takes no arguments; returns the exit code."""
    os.nice(_NICENESS)
    prepare_to_compute()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Text that a library prints must not get between the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    warnings.simplefilter("ignore")
    decoder = Decoder()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        content = sys.stdin.buffer.read(4 * math.prod(request["shape"])) if "shape" in request else b""
        _reply(decoder, request, content, answers)
    return 0


class Decoder:
    """Answers one request at a time, with the models and the dataset that were used last at hand."""

    def __init__(self) -> None:
        self._models: OrderedDict[tuple[str, int], Model] = OrderedDict()
        self._dataset: tuple[str, Dataset] | None = None

    def answer(self, request: dict[str, Any], content: bytes) -> Answer:
        """The answer's line, and the pixels that follow it."""
        asked: dict[str, Callable[[dict[str, Any], bytes], Answer]] = {
            "model": self._describe,
            "decode": self._decode,
            "encode": self._encode,
            "match": self._match,
        }
        return asked[request["ask"]](request, content)

    def _describe(self, request: dict[str, Any], content: bytes) -> Answer:
        from engine.runs.loading import find_checkpoint
        from engine.training.step_folders import steps

        folder = Path(request["run"])
        present = steps(folder / "checkpoints")
        if not present:
            return {"error": "there is no checkpoint yet", "checkpoints": []}, None
        step = request["step"]
        if step is None:
            try:
                step = find_checkpoint(folder).step
            except CrtuiError:
                # None can be read: go on with the newest, whose error tells the user why.
                step = present[-1]
        model = self._model(folder, step)
        facts = {"step": step, "checkpoints": present, "codes": asdict(model.codes)}
        return facts | {"image_shape": model.image_shape, "has_posterior": model.has_posterior}, None

    def _decode(self, request: dict[str, Any], content: bytes) -> Answer:
        latents = np.frombuffer(content, dtype=np.float32).reshape(request["shape"])
        images = self._model(Path(request["run"]), request["step"]).decode(latents)
        pixels = as_pixels(images)
        return {}, pixels

    def _encode(self, request: dict[str, Any], content: bytes) -> Answer:
        folder, number = Path(request["run"]), request["number"]
        model, dataset = self._model(folder, request["step"]), self._data(folder)
        if not 0 <= number < len(dataset):
            raise InputError(f"the dataset has no image {number}; it has 0 to {len(dataset) - 1}")
        image = dataset.images([number])
        codes = model.encode(as_floats(image))[0]
        return {"codes": codes.tolist(), "images": len(dataset), "factors": _factors(dataset, number)}, image[0]

    def _match(self, request: dict[str, Any], content: bytes) -> Answer:
        from engine.selection.matching import match_models

        first = self._model(Path(request["run"]), request["step"])
        second = self._model(Path(request["other"]), request["other_step"])
        matches = match_models(first, second)
        return {"matches": [[m.code, m.partner, m.agreement, -1 if m.sign < 0 else 1] for m in matches]}, None

    def _model(self, folder: Path, step: int) -> Model:
        from engine.runs.loading import load_model

        key = (str(folder), step)
        if key not in self._models:
            self._models[key] = load_model(folder, step)
            while len(self._models) > _MODELS_KEPT:
                self._models.popitem(last=False)
        self._models.move_to_end(key)
        return self._models[key]

    def _data(self, folder: Path) -> Dataset:
        import engine.data
        from engine.runs.folder import RunFolder

        spec = RunFolder(folder).spec().data
        if self._dataset is None or self._dataset[0] != str(spec):
            data = folder.parent.parent / "data"
            engine.data.require_found(spec.name, f"run {folder.name}")
            # Looking at an image must not write gigabytes.
            if spec.name in engine.data.DATASETS and not engine.data.is_prepared(spec.name, data):
                raise InputError(
                    f"dataset '{spec.name}' is not prepared here; 'crtui data prepare {spec.name}' does it"
                )
            self._dataset = str(spec), engine.data.load(spec.name, data, **spec.options())
        return self._dataset[1]


def _factors(dataset: Dataset, number: int) -> list[tuple[str, str]]:
    """Names and values of an image's true factors; none where they are not known."""
    if not dataset.factors:
        return []
    values = dataset.factor_values([number])[0]
    return [(factor.name, f"{value:.3g}") for factor, value in zip(dataset.factors, values, strict=True)]


def _reply(decoder: Decoder, request: dict[str, Any], content: bytes, answers: BinaryIO) -> None:
    pixels = None
    try:
        header, pixels = decoder.answer(request, content)
    except CrtuiError as error:
        header = {"error": str(error)}
    except Exception as error:
        # The user is told. The process must survive a bad checkpoint, for the next request.
        header = {"error": f"the model cannot be shown: {type(error).__name__}: {error}"}
    if pixels is not None:
        header |= {"shape": pixels.shape}
    answers.write(json.dumps(header).encode() + b"\n")
    if pixels is not None:
        answers.write(np.ascontiguousarray(pixels).tobytes())
    answers.flush()
