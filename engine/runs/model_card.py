"""The card of an exported model: ``README.md`` with the fields that the Hugging Face hub reads."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.models.codes import Codes
    from engine.runs.catalogue import RunRecord

_TASK = "unconditional-image-generation"
Scores = Mapping[str, Mapping[str, float | None]]


def model_card(
    record: RunRecord,
    step: int,
    codes: Codes,
    image_shape: tuple[int, int, int],
    scores: Scores,
    *,
    picture: str | None = None,
    onnx: Mapping[str, float] | None = None,
    licence: str | None = None,
    unmixed: bool = False,
) -> str:
    """The text of a model card, Markdown below a YAML header.

    Args:
        record: the run.
        step: finished updates.
        codes: the model's codes.
        image_shape: ``(height, width, channels)``.
        scores: by protocol and name.
        picture: name of the traversal picture beside the card.
        onnx: the largest difference between each ONNX file's answers and ours.
        licence: identifier of a licence on the hub.
        unmixed: whether the codes are the independent components of those that were trained.
    """
    name = record.name or record.id
    data = PurePath(record.data or "unknown").name
    parts = [
        _header(name, record.method or "unknown", data, scores, licence),
        f"# {name}\n",
        f"A model of images with {_counted(codes.count, 'latent code')}, trained by `{record.method}` on `{data}` with "
        f"crtui: seed {record.seed}, {step:,} updates. A decoder makes images of codes, an encoder reads codes off "
        "images.\n",
    ]
    if unmixed:
        parts.append("Its codes are the independent components (FastICA) of the codes that were trained.\n")
    if picture is not None:
        parts.append(f"![What each code does]({picture})\n")
        parts.append("Each row moves one code over its range, from left to right, while everything else stays.\n")
    parts += [_scores(scores), _usage(codes, image_shape), _onnx(onnx or {}), _files(bool(onnx), picture)]
    return "\n".join(part for part in parts if part)


def _header(name: str, method: str, data: str, scores: Scores, licence: str | None) -> str:
    """The YAML header. JSON is YAML, and quotes whatever a name may hold."""
    fields: dict[str, object] = {
        "library_name": "crtui",
        "pipeline_tag": _TASK,
        "tags": ["crtui", "disentanglement", "representation-learning", method],
        "datasets": [data],
    }
    if licence:
        fields["license"] = licence
    results = [
        {
            "task": {"type": _TASK, "name": "disentanglement"},
            "dataset": {"type": data, "name": data, "args": {"protocol": protocol}},
            "metrics": [
                {"type": metric, "name": metric, "value": value}
                for metric, value in found.items()
                if value is not None and math.isfinite(value)
            ],
        }
        for protocol, found in scores.items()
    ]
    results = [result for result in results if result["metrics"]]
    if results:
        fields["metrics"] = sorted({metric for found in scores.values() for metric in found})
        fields["model-index"] = [{"name": name, "results": results}]
    lines = [f"{key}: {json.dumps(value)}" for key, value in fields.items()]
    return "\n".join(["---", *lines, "---", ""])


def _scores(scores: Scores) -> str:
    if not scores:
        return "## Scores\n\nNone were computed before the export.\n"
    names = list(dict.fromkeys(name for found in scores.values() for name in found))
    head = ["score", *(f"{protocol} protocol" for protocol in scores)]
    rows = [[name, *(_number(found.get(name)) for found in scores.values())] for name in names]
    lines = [head, ["---"] * len(head), *rows]
    return "## Scores\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _usage(codes: Codes, image_shape: tuple[int, int, int]) -> str:
    height, width, channels = image_shape
    low, high = codes.traversal_range
    prior = f"uniform on [{low:g}, {high:g}]" if codes.prior == "uniform" else "standard normal"
    blocks = [_counted(codes.continuous, "continuous code")] if codes.continuous else []
    blocks += [f"a one-hot block of {categories}" for categories in codes.categorical]
    blocks += [f"{_counted(codes.noise, 'number')} of noise"] if codes.noise else []
    return f"""## Use

```python
import engine  # crtui's library

model = engine.load("path/of/this/folder")
images = model.sample(16, seed=0)  # float32 [16, {channels}, {height}, {width}] in [0, 1]
codes = model.encode(images)  # float32 [16, {codes.count}]
again = model.decode(z)  # of latent vectors z, float32 [n, {codes.dimensions}]
```

A latent vector has {codes.dimensions} numbers: {", ".join(blocks)}. Their prior is {prior}.

`crtui traverse path/of/this/folder` shows what the codes do. `crtui score`, `select` and `plot` take the folder too.
"""


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _onnx(differences: Mapping[str, float]) -> str:
    if not differences:
        return ""
    measured = ", ".join(f"`{name}` {value:.1e}" for name, value in differences.items())
    return f"""## ONNX

`decoder.onnx` maps `z` to `images`, `encoder.onnx` maps `images` to `codes`; both take any number of rows. Run by ONNX
Runtime, their answers differ from PyTorch's by at most: {measured}.
"""


def _files(onnx: bool, picture: str | None) -> str:
    listed = {
        "weights.safetensors": "weights of decoder and encoder",
        "manifest.json": "how to build the networks; sizes and SHA-256 of what programs read",
        "spec.json": "the specification that the model was trained by",
        "scores.json": "its scores",
    }
    if picture is not None:
        listed[picture] = "the picture above"
    if onnx:
        listed |= {"decoder.onnx": "the decoder for other programs", "encoder.onnx": "the encoder for other programs"}
    return "## Files\n\n" + "\n".join(f"- `{name}`: {what}" for name, what in listed.items()) + "\n"
