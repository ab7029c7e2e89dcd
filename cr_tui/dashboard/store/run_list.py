"""The list of runs, read again and again at little cost."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cr_tui.dashboard.model.data import LIVE_STATUSES, Run
from cr_tui.dashboard.store.live_rows import LiveRows
from cr_tui.dashboard.store.loss_samples import sample_losses
from engine.errors import InputError, StoreError
from engine.launch.queueing import waits_of
from engine.runs.catalogue import RunRecord, list_runs, look_again
from engine.runs.folder import RunFolder
from engine.runs.labels import read_labels
from engine.runs.values import values_of
from engine.storage.descriptors import folder_status, status
from engine.storage.store import Store

_WHOLE_SECONDS = 60.0
"""After this time everything is read again, whatever the dates of the files say."""
_SPECS_A_LOOK = 200
"""Most specifications read at a time, so that the first list of a large store comes soon."""
_LOSSES_SECONDS, _NO_LOSSES_SECONDS = 5.0, 0.5


class RunList:
    """Remembers every run and reads only what can have changed. Used by one thread at a time.

    A run that has not changed is the same object as before, which makes comparing two lists cheap.

    Args:
        store: the store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._live_rows = LiveRows()
        self._records: list[RunRecord] = []
        self._stamp: object = None
        self._looked = 0.0
        self._runs: dict[str, Run] = {}
        self._made_from: dict[str, tuple[object, ...]] = {}
        self._settings: dict[str, Mapping[str, object]] = {}
        self._tags: dict[str, tuple[str, ...]] = {}
        self._losses: dict[str, tuple[float, tuple[float, ...]]] = {}
        self._waits: Mapping[str, str] = {}
        self.watched: Sequence[str] = ()
        self.ranks: Mapping[str, int] = {}

    def read(self) -> list[Run]:
        """Every run, oldest first, with a status that its processes and files confirm.

        Raises:
            InputError: the store is gone, or its registry is damaged.
        """
        self._look()
        self._read_settings()
        watched = frozenset(self.watched)
        self._waits = {run: wait.sentence(self._store) for run, wait in waits_of(self._records).items() if wait.held}
        runs = [self._run(record, record.id in watched) for record in self._records]
        self._runs = {run.id: run for run in runs}
        for kept in (self._settings, self._losses, self._made_from, self._tags):
            for run_id in kept.keys() - self._runs.keys():
                del kept[run_id]
        return runs

    def settings(self, run_id: str) -> Mapping[str, object]:
        """A run's specification by dotted key; empty when it cannot be read."""
        if run_id not in self._settings:
            self._settings[run_id] = values_of(RunFolder(self._store.runs / run_id))
        return self._settings[run_id]

    def _look(self) -> None:
        """Read the whole catalogue if runs were created, ended or removed; otherwise only the runs that still run."""
        stamp, now = self._folder_stamp(), time.monotonic()
        if stamp == self._stamp and now - self._looked < _WHOLE_SECONDS:
            looked = [look_again(record) if record.status in LIVE_STATUSES else record for record in self._records]
            if all(new.status is old.status for new, old in zip(looked, self._records, strict=True)):
                self._records = looked
                return
        self._records = list_runs(self._store)
        # The listing may itself have written the registry.
        self._stamp, self._looked = self._folder_stamp(), now

    def _folder_stamp(self) -> object:
        try:
            folder, registry = folder_status(self._store.runs), status(self._store.registry_path)
        except StoreError as error:
            raise InputError(f"{error}; waiting for {self._store.root}") from error
        if folder is None:
            raise InputError(f"the store is gone; waiting for {self._store.root}")
        if registry is None:
            return folder.st_mtime_ns, folder.st_ino
        return folder.st_mtime_ns, folder.st_ino, registry.st_mtime_ns, registry.st_ino, registry.st_size

    def _read_settings(self) -> None:
        if not self._runs:
            return
        unread = [record.id for record in self._records if record.id not in self._settings]
        for run_id in unread[-_SPECS_A_LOOK:]:
            self.settings(run_id)
            self._read_tags(run_id)

    def _read_tags(self, run_id: str) -> None:
        try:
            tags = read_labels(RunFolder(self._store.runs / run_id)).tags
        except StoreError:
            # What cannot be read just now stays what it was.
            return
        # The same object as before if they are the same, by which a change is known.
        if self._tags.get(run_id) != tags:
            self._tags[run_id] = tags

    def reread_tags(self, run_id: str) -> None:
        """Read the tags of a run again: they were changed from here."""
        self._read_tags(run_id)

    def _run(self, record: RunRecord, watched: bool) -> Run:
        """What the table shows of a run; the same object as before if nothing is new."""
        live = record.status == "running"
        losses = self._sampled(record, live) if watched else self._losses.get(record.id, (0.0, ()))[1]
        before = self._runs.get(record.id)
        made_from = (
            record,
            losses,
            self.ranks.get(record.id),
            self._settings.get(record.id),
            self._waits.get(record.id),
            self._tags.get(record.id),
        )
        # Of the same objects Python does not ask whether they are equal, so this costs next to nothing.
        if before is not None and not live and made_from == self._made_from.get(record.id):
            return before
        self._made_from[record.id] = made_from
        eta = None
        scores = {name: score for name, score in record.scores.items() if score is not None}
        if live:
            now = time.monotonic()
            newest, speed = self._live_rows.read(record.folder, now)
            scores |= newest
            eta = speed.seconds_left(now, record.total_steps)
        else:
            self._live_rows.forget(record.id)
        created = record.created.timestamp() if record.created else 0.0
        run = Run(
            id=record.id,
            name=record.name or record.id,
            group=record.group or "",
            method=record.method or "",
            data=record.data or "",
            seed=record.seed or 0,
            status=str(record.status),
            step=record.step,
            total_steps=record.total_steps,
            created=created,
            updated=record.updated.timestamp() if record.updated else created,
            stalled=record.stalled,
            scores=scores,
            device=record.device or "",
            eta=None if eta is None else float(round(eta)),
            reason=record.reason or self._waits.get(record.id, ""),
            pid=record.pid,
            losses=losses,
            rank=self.ranks.get(record.id),
            settings=self._settings.get(record.id, {}),
            tags=self._tags.get(record.id, ()),
        )
        # The time of the last heartbeat is not shown.
        return before if before is not None and replace(run, updated=before.updated) == before else run

    def _sampled(self, record: RunRecord, live: bool) -> tuple[float, ...]:
        """Losses of a run; read again while it runs, and once after."""
        now = time.monotonic()
        again_at, losses = self._losses.get(record.id, (0.0, ()))
        # Once resumed, a run that had ended writes again.
        if now >= again_at or (live and again_at == float("inf")):
            losses = sample_losses(record.folder.events_path)
            if live or record.status == "queued":
                # Until there are some, the file is short or missing, and looking costs nothing.
                again_at = now + (_LOSSES_SECONDS if losses else _NO_LOSSES_SECONDS)
            else:
                again_at = float("inf")
            self._losses[record.id] = (again_at, losses)
        return losses
