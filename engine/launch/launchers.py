"""The contract of launchers, and what can be done with runs whatever launcher they use.

A launcher is a module with the members of :class:`Launcher`, named by one line in :mod:`engine.runs.launcher_names`.
A run is handled by the launcher that its specification names.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, cast

from pydantic import BaseModel

import engine.data
from engine.errors import InputError, WorkError
from engine.launch.resuming import require_resumable
from engine.launch.stopping import GRACE_SECONDS
from engine.runs import data_record
from engine.runs.catalogue import RunRecord, launcher_of, look_at
from engine.runs.folder import RunFolder, delete_aside
from engine.runs.launcher_names import launcher_module
from engine.runs.registry import Registry
from engine.runs.run_folders import sweep
from engine.runs.sightings import Sighting
from engine.runs.state import RunState
from engine.storage.descriptors import is_folder, release
from engine.storage.store import Store
from engine.tracking.handover import remove_copies

if TYPE_CHECKING:
    from engine.runs.specification.spec import RunSpec


class Launcher(Protocol):
    """Where runs are started, and how they are reached there.

    Attributes:
        QUEUE: where queued runs wait and how people hold them back, for a message; ``{job}`` stands for the run's job.
            ``None`` if they wait for device slots of this machine: only those can be held back and foreseen here, and
            are put back into the queue when they lose their supervisor.
    """

    QUEUE: str | None

    def start(self, store: Store, specs: Sequence[BaseModel]) -> list[RunRecord]:
        """Start runs in the background.

        Args:
            store: where.
            specs: one resolved specification per run; earlier ones get a device first.

        Returns:
            One record per specification, in the same order.

        Raises:
            InputError: the launcher refuses, or the registry is damaged; nothing was started or left behind.
            WorkError: the disk refused, or a scheduler does not answer; likewise.
        """

    def stop(self, record: RunRecord, grace_seconds: float = GRACE_SECONDS) -> RunRecord:
        """Stop a run that is queued or running, and wait until it has stopped.

        The worker is asked first. It stops after the current update and writes a checkpoint.

        Args:
            record: the run.
            grace_seconds: how long the worker may take before it is killed.

        Returns:
            The run as it is then.

        Raises:
            InputError: the run has ended already, or cannot be stopped from here or by this user.
            WorkError: its processes or its job do not end, or the disk refused.
        """

    def resume(self, record: RunRecord) -> RunRecord:
        """Continue a run that stopped, failed or crashed, from its newest checkpoint.

        Returns:
            The run as it is then.

        Raises:
            InputError: the run is missing, still active, or finished; its specification is damaged; or the launcher
                refuses. The run stays as it was.
            WorkError: the disk refused, or a scheduler does not answer; likewise.
        """

    def look(self, folder: RunFolder, state: RunState) -> Sighting:
        """What is known of a run that is queued or running, but has no supervisor that can be seen from here.

        It is called often and while the run's state is locked, so it must answer soon and not write the state. If it
        cannot find out, it answers that the run is alive: a run that is not is written down as ended.

        Args:
            folder: the run.
            state: its state.
        """


def launcher(name: str) -> Launcher:
    """The launcher called ``name``.

    Raises:
        InputError: there is no such launcher.
    """
    return cast(Launcher, launcher_module(name))


def start(store: Store, specs: Sequence[RunSpec]) -> list[RunRecord]:
    """Start runs with the launcher that they name; see :meth:`Launcher.start`.

    Raises:
        InputError: the specifications name several launchers, or the one that they name refuses.
        WorkError: the disk refused, or a scheduler does not answer.
    """
    names = list(dict.fromkeys(spec.launcher for spec in specs))
    if len(names) > 1:
        raise InputError(f"a sweep has one launcher, not both {' and '.join(names)}; leave 'launcher' out of the sweep")
    sweep(store)
    return launcher(names[0]).start(store, specs) if names else []


def stop(record: RunRecord, grace_seconds: float = GRACE_SECONDS) -> RunRecord:
    """Stop a run and wait until it has stopped; see :meth:`Launcher.stop`.

    Raises:
        InputError: the run has ended already, or cannot be stopped from here or by this user.
        WorkError: its processes or its job do not end, or the disk refused.
    """
    return launcher(launcher_of(record.folder)).stop(record, grace_seconds)


def resume(record: RunRecord, *, accept_data: bool = False) -> RunRecord:
    """Continue a run from its newest checkpoint; see :meth:`Launcher.resume`.

    Args:
        record: the run.
        accept_data: whether to go on although its data are not those that it was trained on.

    Raises:
        InputError: the run cannot be resumed, its data have changed, or the launcher refuses.
        WorkError: the disk refused, or a scheduler does not answer.
    """
    folder = record.folder
    require_resumable(folder)
    if accept_data:
        with data_record.accepting(folder):
            return launcher(launcher_of(folder)).resume(record)
    if data_record.recorded(folder) is not None:
        # Data with a registered name must be loaded to be known. The worker does that.
        data = folder.summary().data
        present = engine.data.fingerprint(data.name, **data.options())
        if present is not None:
            data_record.require_same(folder, present)
    return launcher(launcher_of(record.folder)).resume(record)


def remove(store: Store, record: RunRecord, *, force: bool = False) -> None:
    """Delete a run with everything it has.

    Args:
        store: the run's store.
        record: the run; if its folder is gone, it only leaves the registry.
        force: kill the run first if it is queued or running.

    Raises:
        InputError: the run is queued or running, and ``force`` is not given.
        WorkError: the run cannot be stopped, or the disk refused.
    """
    folder = record.folder
    if is_folder(folder.path):
        status = look_at(folder).status
        if not status.terminal and not force:
            raise InputError(f"run {folder.id} is {status}; stop it first, or remove it by force")
        if not status.terminal:
            stop(record, grace_seconds=0.0)
        # Held while the folder is deleted, so that nobody resumes the run meanwhile.
        lease = folder.take_lease()
        try:
            remove_copies(folder)
            _take_away(store, folder)
        finally:
            release(lease)
    else:
        _take_away(store, folder)
    sweep(store)


def _take_away(store: Store, folder: RunFolder) -> None:
    """Take a run out of the store: first its folder, which is the one step that counts, then its row, then its data."""
    aside = folder.set_aside()
    try:
        Registry(store).remove_run(folder.id)
    except BaseException:
        if aside is not None:
            folder.bring_back(aside)
        raise
    if aside is not None:
        try:
            delete_aside(aside)
        except WorkError as error:
            warnings.warn(f"run {folder.id} is deleted, its files are not yet: {error}", stacklevel=1)
