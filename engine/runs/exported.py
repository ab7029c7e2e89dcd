"""Exported models as runs: what commands that take a run do with the folder of one.

Nothing here imports PyTorch before a folder is read.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from engine.errors import InputError
from engine.runs.catalogue import RunRecord
from engine.runs.folder import RunFolder
from engine.runs.state import ID_PATTERN, Count, Scores, Status
from engine.storage.descriptors import names_in
from engine.storage.files import leads_to, read_file, read_named
from engine.training.step_folders import MANIFEST, SCORES, SPEC

if TYPE_CHECKING:
    from engine.training.checkpoints import Checkpoint

_MAX_BYTES = 4 * 2**20


class Exported(BaseModel):
    """What the manifest says of the run that a model was exported from.

    Attributes:
        id: of the run.
        status: of the run when it was exported.
        checkpoint: SHA-256 of the weights of the checkpoint.
    """

    id: Annotated[str, Field(pattern=ID_PATTERN)]
    status: Status
    checkpoint: str = ""


class _ScoreDocument(BaseModel):
    step: Count
    protocol: str
    scores: Scores = Field(default_factory=dict)


_SCORE_DOCUMENTS = TypeAdapter(list[_ScoreDocument])


class ExportFolder(RunFolder):
    """The folder of an exported model. Download caches keep its files behind symbolic links, which are followed."""

    @property
    def spec_path(self) -> Path:
        return Path(os.path.realpath(self.path / SPEC))

    @property
    def scores_path(self) -> Path:
        return Path(os.path.realpath(self.path / SCORES))


def has_manifest(path: Path) -> bool:
    """Whether a folder is one checkpoint or an exported model."""
    return leads_to(path / MANIFEST, "file")


def read_export(path: Path) -> RunRecord:
    """The run that a model was exported from, with the exported folder as its folder.

    Args:
        path: the folder.

    Raises:
        InputError: it is no exported model, or a damaged one.
        WorkError: the disk cannot read it.
    """
    if not has_manifest(path):
        raise InputError(f"there is no exported model in '{str(path)[:200]}'; 'crtui export RUN --to DIR' makes one")
    from engine.training import checkpoints

    checkpoint = checkpoints.load(path)
    if not checkpoint.exported:
        raise InputError(f"'{path}' is a checkpoint of a run; name the run, or export it")
    folder = ExportFolder(path.resolve())
    summary = folder.summary()
    try:
        manifest = orjson.loads(read_named(path / MANIFEST, _MAX_BYTES))
        exported = Exported.model_validate(manifest["run"])
        documents = _SCORE_DOCUMENTS.validate_json(read_file(folder.scores_path, _MAX_BYTES))
    except (OSError, KeyError, TypeError, ValueError) as error:
        reason = "scores.json" if isinstance(error, ValidationError) and "list" in error.title else MANIFEST
        raise InputError(f"exported model '{path}' is damaged: {reason} does not say what it should") from error
    return RunRecord(
        id=exported.id,
        name=summary.name,
        group=summary.group,
        method=summary.method.name,
        data=summary.data.name,
        seed=summary.seed,
        status=exported.status if exported.status.terminal else Status.STOPPED,
        step=checkpoint.step,
        total_steps=summary.training.steps,
        scores=next((document.scores for document in documents if document.protocol == "paper"), {}),
        precision=summary.training.precision,
        folder=folder,
        exported=True,
    )


def kept_scores(record: RunRecord, checkpoint: Checkpoint) -> list[dict[str, Any]]:
    """What is known of a checkpoint's scores, a JSON object of ``crtui score`` for each protocol.

    Args:
        record: the run, or an exported model.
        checkpoint: one of its checkpoints.
    """
    if checkpoint.exported:
        return list(_documents(ExportFolder(checkpoint.path).scores_path))
    documents = []
    folder, names = record.folder.path / "scores", list[str]()
    with contextlib.suppress(OSError):
        names = [name for name in names_in(folder) if name.startswith(f"{checkpoint.path.name}-")]
    for name in sorted(names):
        documents += [
            document for document in _documents(folder / name) if document.get("fingerprint") == checkpoint.fingerprint
        ]
    known = {name: score for name, score in record.scores.items() if score is not None}
    if known and record.step == checkpoint.step and not any(document["protocol"] == "paper" for document in documents):
        documents.append({"run": record.id, "step": checkpoint.step, "protocol": "paper", "scores": known})
    return documents


def _documents(path: Path) -> list[dict[str, Any]]:
    """The JSON objects in a file of scores; those that are damaged are left out."""
    try:
        content = orjson.loads(read_file(path, _MAX_BYTES))
    except (FileNotFoundError, InputError, orjson.JSONDecodeError):
        return []
    listed = content if isinstance(content, list) else [content]
    good = []
    for document in listed:
        with contextlib.suppress(ValidationError):
            _ScoreDocument.model_validate(document)
            if isinstance(document, Mapping):
                good.append(dict(document))
    return good
