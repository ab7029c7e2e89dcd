"""Exporting a model: a folder with all that inference needs, for other programs and other people.

The folder is outside of the store and holds no trainer state and no pickle:

- ``weights.safetensors``: the tensors of decoder and encoder.
- ``manifest.json``: how to build the networks, and sizes and hashes of the files that programs read.
- ``spec.json``, ``scores.json``: the run's specification, and the JSON array of ``crtui score``.
- ``README.md``: the model card. ``traversal.png``: what each code does.
- ``decoder.onnx``, ``encoder.onnx``, where they are asked for.

:func:`engine.runs.loading.load_model` reads it like a checkpoint, :mod:`engine.runs.exported` like a run.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from engine.errors import InputError, WorkError
from engine.models.unmixed import unmixed
from engine.runs.exported import Exported, kept_scores
from engine.runs.folder import spec_content
from engine.runs.loading import (
    find_checkpoint,
    inference_tensors,
    is_unmixed,
    load_method,
    model_of,
    refuse_unmixed,
    unmixing_of,
)
from engine.runs.model_card import model_card
from engine.storage.descriptors import cause
from engine.storage.files import sync
from engine.training.checkpoints import EXPORTED_FORMAT, Checkpoint, describe_file
from engine.training.step_folders import EXPORTED_FILES, MANIFEST, SCORES, SPEC, WEIGHTS
from engine.version import VERSION

if TYPE_CHECKING:
    from engine.runs.catalogue import RunRecord

CARD = "README.md"
TRAVERSAL = "traversal.png"


@dataclass(frozen=True)
class Export:
    """What was exported.

    Attributes:
        path: the folder.
        step: finished updates of the checkpoint.
        files: bytes of each file.
        scores: the scores that went along, by protocol.
        onnx: the largest difference between each ONNX file's answers and ours; empty where none was asked for.
    """

    path: Path
    step: int
    files: dict[str, int]
    scores: dict[str, dict[str, float | None]]
    onnx: dict[str, float] = field(default_factory=dict)


def export_run(
    record: RunRecord,
    target: Path,
    *,
    step: int | None = None,
    picture: bytes | None = None,
    onnx: bool = False,
    licence: str | None = None,
    unmixing: Mapping[str, torch.Tensor] | None = None,
) -> Export:
    """Write a run's model into a new folder, which appears whole.

    Args:
        record: the run, or an exported model.
        target: the folder; it must not exist, or be empty.
        step: which checkpoint; default: the newest whole one.
        picture: a PNG file of the model's traversals, for the card.
        onnx: also write decoder and encoder as ONNX files, checked as :func:`engine.models.onnx_files.write_onnx` does.
        unmixing: a map of the model's codes to others that stand in their place in what is exported, the tensors of
            :func:`engine.models.unmixed.unmixed`. Scores of the run do not go along then: they are of its own codes.
        licence: what the card gives as the weights' licence, an identifier of the Hugging Face hub such as ``mit``.

    Raises:
        InputError: no such checkpoint, or a damaged one; its codes are mapped already; the folder
            has content or cannot be made; a library for ONNX is missing.
        WorkError: the disk refused, or an ONNX file does not compute what the model computes.
    """
    check_target(target)
    record.folder.require()
    checkpoint = find_checkpoint(record.folder.path, step)
    if unmixing:
        refuse_unmixed(checkpoint)
    left = making = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.tmp")
    try:
        making.mkdir()
    except OSError as error:
        raise InputError(f"folder '{target}' cannot be made: {cause(error)}") from error
    try:
        written = _write(record, checkpoint, making, picture, onnx, licence, unmixing or {})
        making.rename(target)
        left = target
        sync(target.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            shutil.rmtree(left)
        if isinstance(error, OSError | SafetensorError):
            # safetensors reports a full disk through an exception of its own.
            raise WorkError(f"'{target}' cannot be written: {cause(error)}") from error
        raise
    return Export(target, **written)


def check_target(target: Path) -> None:
    """Refuse a folder that could not be exported to, before anything is computed for it.

    Raises:
        InputError: it has content, is no folder, or the folder above it is not there.
    """
    if not target.name or target.name == "..":
        raise InputError(f"'{target}' is no name for a new folder; give one that does not exist yet")
    if not target.parent.is_dir():
        raise InputError(f"'{target}' cannot be made: there is no folder '{target.parent}'")
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise InputError(f"'{target}' is not a folder; give the name of a new one")
    if target.is_dir() and any(target.iterdir()):
        raise InputError(f"'{target}' is not empty; give the name of a new folder")


def _write(
    record: RunRecord,
    checkpoint: Checkpoint,
    folder: Path,
    picture: bytes | None,
    onnx: bool,
    licence: str | None,
    unmixing: Mapping[str, torch.Tensor],
) -> dict[str, Any]:
    """Write every file, the manifest last, and return the fields of :class:`Export`."""
    method = load_method(checkpoint)
    names = inference_tensors(method)
    tensors = {name: tensor for name, tensor in method.networks.state_dict().items() if name in names}
    documents = [] if unmixing else kept_scores(record, checkpoint)
    scores = {document["protocol"]: document["scores"] for document in documents}
    model = model_of(method, checkpoint, record.name or record.id)
    unmixing = unmixing or unmixing_of(checkpoint)
    if unmixing and not is_unmixed(checkpoint):
        model = unmixed(model, unmixing)
    differences: dict[str, float] = {}
    if onnx:
        from engine.models.onnx_files import write_onnx

        differences = write_onnx(model, folder)
    if picture is not None:
        (folder / TRAVERSAL).write_bytes(picture)
    exported = Exported(id=record.id, status=record.status, checkpoint=checkpoint.fingerprint)
    (folder / SPEC).write_bytes(spec_content(record.folder.spec()))
    (folder / SCORES).write_bytes(_json(documents))
    card = model_card(
        record,
        checkpoint.step,
        model.codes,
        model.image_shape,
        scores,
        picture=TRAVERSAL if picture is not None else None,
        onnx=differences,
        licence=licence,
        unmixed=bool(unmixing),
    )
    (folder / CARD).write_text(card, encoding="utf-8")
    save_file(
        {name: tensor.detach().contiguous() for name, tensor in {**tensors, **unmixing}.items()},
        folder / WEIGHTS,
        metadata={"format": "pt"},
    )
    # The library chooses permissions of its own.
    (folder / WEIGHTS).chmod((folder / CARD).stat().st_mode & 0o777)
    manifest = {
        "format": EXPORTED_FORMAT,
        "exported": True,
        "step": checkpoint.step,
        "milestone": False,
        "crtui": VERSION,
        "torch": torch.__version__,
        "run": exported.model_dump(mode="json"),
        "files": {name: describe_file(folder / name) for name in EXPORTED_FILES},
        "description": {**checkpoint.description, **({"codes": "ica"} if unmixing else {})},
    }
    if differences:
        manifest["onnx"] = differences
    (folder / MANIFEST).write_bytes(_json(manifest))
    files = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    for name in files:
        sync(folder / name)
    sync(folder)
    return {"step": checkpoint.step, "files": files, "scores": scores, "onnx": differences}


def _json(document: Mapping[str, Any] | list[Any]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
