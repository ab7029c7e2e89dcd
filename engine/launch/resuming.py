"""How a run is made ready for another attempt, whatever launcher starts that."""

from __future__ import annotations

from collections.abc import Callable

from engine.errors import InputError
from engine.runs.catalogue import look_at
from engine.runs.folder import RunFolder
from engine.runs.ownership import require_own
from engine.runs.rebuilding import rebuilt_state
from engine.runs.state import RunState, Status
from engine.storage.descriptors import release


def require_resumable(folder: RunFolder) -> None:
    """Check that a run may be resumed.

    Raises:
        InputError: the run is missing, somebody else's, still active, or finished.
        StoreError: it cannot be read just now.
    """
    folder.require()
    require_own(folder)
    status = look_at(folder).status
    if not status.terminal:
        raise InputError(f"run {folder.id} is {status} already; there is nothing to resume")
    if status is Status.FINISHED:
        raise InputError(f"run {folder.id} has finished; there is nothing to resume")


def reopen(folder: RunFolder, next_state: Callable[[RunState], RunState]) -> int:
    """Mend what is damaged of a run that has ended, and put it back into the queue.

    A damaged specification is replaced by its copy. A lost state is rebuilt from the rest of the folder.

    Args:
        folder: the run.
        next_state: makes the queued state from the one at the end of the last attempt; called under the state's lock.

    Returns:
        The descriptor of the run's lease, which is the caller's.

    Raises:
        InputError: the run still has a live process or has finished meanwhile, or its specification is damaged and so
            is the copy.
        WorkError: the disk refused.
    """
    folder.summary()
    # Rebuilt before we take the lease, which would look like a live process.
    lost = rebuilt_state(folder, "its state is lost")
    lease = folder.take_lease()
    try:
        folder.repair_spec()
        folder.fill_reserve()

        def queue(state: RunState) -> RunState:
            # Check under the lease: another process may have resumed and finished the run since the caller looked.
            if state.status is Status.FINISHED:
                raise InputError(f"run {folder.id} has finished; there is nothing to resume")
            return next_state(state)

        folder.update_state(queue, fallback=lost)
    except BaseException:
        release(lease)
        raise
    return lease
