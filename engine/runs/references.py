"""Runs and exported models as people name them from Python: ids, beginnings of ids, names, folders, or records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.errors import InputError
from engine.runs.catalogue import RunRecord, find_among, list_runs, look_at, of_groups
from engine.runs.exported import has_manifest, read_export
from engine.runs.folder import RunFolder
from engine.storage.files import leads_to
from engine.storage.store import Store
from engine.training.step_folders import SPEC

RunReference = str | Path | RunRecord
"""A run: its id, an unambiguous beginning of it, its name, its folder, or a record of it. Or the folder of an exported
model."""


def referred(
    runs: RunReference | Sequence[RunReference] | None,
    group: str | Sequence[str] | None = None,
    store: str | Path | None = None,
) -> tuple[Store, list[RunRecord]]:
    """The runs that are meant, each once, and the store they lie in.

    Args:
        runs: one run or several; ``None`` for those of the group, or, without a group, all of the store.
        group: the runs of this group or these groups, beside those that are named.
        store: folder of the store; default: that of the first run that is named by its folder or record, else
            ``$CRTUI_STORE``, else the user's data folder. Exported models belong to no store.

    Raises:
        InputError: a run or group does not exist, runs lie in several stores, or an exported model is damaged.
    """
    asked = [runs] if isinstance(runs, str | Path | RunRecord) else list(runs or [])
    with_place = [_with_place(reference) for reference in asked]
    placed = [found for found in with_place if found is not None and not found.exported]
    root = Store.open(store if store is not None else placed[0].folder.store.root if placed else None)
    strangers = [record for record in placed if record.folder.store.root.resolve() != root.root]
    if strangers:
        elsewhere = strangers[0].folder.store.root
        raise InputError(f"run {strangers[0].id} lies in the store {elsewhere}, not in {root.root}")
    known = list_runs(root)
    named = [found or find_among(known, str(reference)) for found, reference in zip(with_place, asked, strict=True)]
    groups = [group] if isinstance(group, str) else group or ()
    chosen = [*named, *of_groups(known, groups)] if runs is not None or group is not None else known
    return root, list({record.id: record for record in chosen}.values())


def _with_place(reference: RunReference) -> RunRecord | None:
    """The run of a folder or record, or an exported model; ``None`` if it must be looked up by name."""
    if isinstance(reference, RunRecord):
        return reference
    path = Path(reference)
    if str(reference) and has_manifest(path):
        return read_export(path)
    return look_at(RunFolder(path.resolve())) if leads_to(path / SPEC, "file") else None
