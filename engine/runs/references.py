"""Runs and exported models as people name them: ids, beginnings of ids, names, folders; from Python also records.

Where no run and no folder of the user's own is called so, a name can mean a model that comes with crtui
(:mod:`engine.runs.pretrained`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from engine.errors import InputError
from engine.runs.catalogue import RunRecord, all_meant, find_among, list_runs, look_at, of_groups
from engine.runs.exported import has_manifest, read_export
from engine.runs.folder import RunFolder
from engine.runs.pretrained import pretrained_folder, pretrained_names
from engine.storage.files import leads_to
from engine.storage.store import Store
from engine.training.step_folders import SPEC

RunReference = str | Path | RunRecord
"""A run: its id, an unambiguous beginning of it, its name, its folder, or a record of it. Or an exported model: its
folder, or the name of one that comes with crtui."""


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
    named = [found or find_by_name(known, str(reference)) for found, reference in zip(with_place, asked, strict=True)]
    groups = [group] if isinstance(group, str) else group or ()
    chosen = [*named, *of_groups(known, groups)] if runs is not None or group is not None else known
    return root, list({record.id: record for record in chosen}.values())


def find_models(store: Store, references: Sequence[str]) -> list[RunRecord]:
    """The runs and exported models that references on a command line mean, each once.

    Args:
        store: where runs are looked for.
        references: of a run its id, an unambiguous prefix of the id, or its exact name; of an exported model the path
            of its folder, or the name of one that comes with crtui. A run is preferred to a folder, unless there is a
            slash in the reference, and either to what comes with crtui.

    Raises:
        InputError: nothing or several things match; a folder is no exported model, or a damaged one; two references
            mean different models of one run.
    """
    known = list_runs(store)
    found: dict[str, RunRecord] = {}
    for reference in references:
        record = _find_model(known, reference)
        other = found.setdefault(record.id, record)
        if other.folder.path != record.folder.path:
            raise InputError(
                f"{other.folder.path} and {record.folder.path} both hold run {record.id}; name one of them"
            )
    return list(found.values())


def find_by_name(known: Sequence[RunRecord], reference: str) -> RunRecord:
    """The one of the known runs that a reference means, else the model that comes with crtui under that name.

    Raises:
        InputError: nothing or several things match.
    """
    if all_meant(known, reference):
        return find_among(known, reference)
    folder = pretrained_folder(reference)
    return read_export(folder) if folder else find_among(known, reference, pretrained_names())


def _find_model(known: Sequence[RunRecord], reference: str) -> RunRecord:
    path = Path(reference)
    with contextlib.suppress(RuntimeError):
        path = path.expanduser()
    if "/" in reference or reference in (".", ".."):
        return read_export(path)
    if reference and has_manifest(path) and not all_meant(known, reference):
        return read_export(path)
    return find_by_name(known, reference)


def _with_place(reference: RunReference) -> RunRecord | None:
    """The run of a folder or record, or an exported model; ``None`` if it must be looked up by name."""
    if isinstance(reference, RunRecord):
        return reference
    path = Path(reference)
    if str(reference) and has_manifest(path):
        return read_export(path)
    return look_at(RunFolder(path.resolve())) if leads_to(path / SPEC, "file") else None
