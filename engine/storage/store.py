"""The store: one folder that holds everything.

Files and folders are their user's alone, whatever the umask, unless the store's own folder lets its group write: then
the whole store is the group's. What is made below a folder is open to those that the folder is open to.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from engine.errors import InputError, StoreError
from engine.storage.descriptors import FOLDER_MODE, cause, group_mode
from engine.storage.files import make_folders

STORE_VARIABLE = "CRTUI_STORE"


@dataclass(frozen=True)
class Store:
    """Where runs, selections, prepared data and the registry lie.

    Args:
        root: absolute path of the store's folder.
    """

    root: Path

    @classmethod
    def open(cls, path: str | Path | None = None, *, writing: bool = True) -> Store:
        """Find the store and create what is missing of it.

        Args:
            path: the folder; default: ``$CRTUI_STORE``, else the user's data folder.
            writing: whether it must be one that can be written. One that is there can be read, whatever is missing.

        Raises:
            InputError: the folder cannot be made or written.
        """
        chosen = path if path is not None else default_store()
        if not str(chosen):
            raise InputError("the store's path is empty; give the folder that holds the runs")
        # A path has lost one of the two slashes.
        if str(chosen).startswith("ssh:/"):
            raise InputError("the store is on another machine; 'crtui --store' and 'crtui dashboard' can use it there")
        try:
            store = cls(Path(chosen).expanduser().resolve())
            # Its user's alone, whosever the folder above is: only its own mode makes a store a group's.
            store.root.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            for folder in (store.runs, store.selections, store.data):
                make_folders(folder)
        except (OSError, ValueError, RuntimeError) as error:
            if not writing and isinstance(error, OSError) and os.access(store.root, os.R_OK | os.X_OK):
                return store
            raise InputError(
                f"store {str(chosen)!r} cannot be used: {cause(error)}; give a folder that can be written"
            ) from error
        for folder in (store.root, store.runs) if writing else ():
            if not os.access(folder, os.W_OK | os.X_OK):
                raise InputError(f"store {str(chosen)!r} cannot be used: {folder} cannot be written")
        return store

    @property
    def must_be_named(self) -> bool:
        """Whether a command that is not told of a store would take another one."""
        return default_store().resolve() != self.root

    @property
    def shared(self) -> bool:
        """Whether it is the whole group's of its folder, because that lets the group write.

        Raises:
            StoreError: the folder cannot be looked at just now.
        """
        try:
            return bool(group_mode(self.root))
        except OSError as error:
            raise StoreError(f"store {self.root} cannot be looked at: {cause(error)}") from error

    @property
    def umask(self) -> int:
        """The umask of processes that write into it by other means than this module's."""
        return 0o007 if self.shared else 0o077

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def selections(self) -> Path:
        return self.root / "selections"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def trash(self) -> Path:
        """Folders of runs that were deleted and can still be brought back."""
        return self.root / "trash"

    @property
    def registry_path(self) -> Path:
        return self.root / "registry.json"

    @property
    def pause_path(self) -> Path:
        """The file whose presence keeps queued runs from starting."""
        return self.root / "queue-paused"


def default_store() -> Path:
    """Where the store is unless a command says otherwise: ``$CRTUI_STORE``, else the user's data folder."""
    named = os.environ.get(STORE_VARIABLE)
    if named:
        return Path(named).expanduser()
    # Only now, because `crtui --help` does not need it.
    from platformdirs import user_data_dir

    return Path(user_data_dir("crtui", appauthor=False)).expanduser()
