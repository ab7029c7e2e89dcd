"""Records what happens to the files of a folder, and makes the states that a power cut may leave of it.

A file system promises this: what was synced is there. What was not is there or not, of each folder up to any moment: a
name can be lost although a later one in another folder is kept, and a name can be kept although the content of its
file is not. What is moved between two folders is never in neither of them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

_CALLS = ("fsync", "rename", "replace", "unlink", "remove", "rmdir", "mkdir", "link", "ftruncate")
Names = dict[str, int]


@dataclass
class Node:
    """A file or folder.

    Attributes:
        is_folder: which of the two.
        mode: its rights.
        versions: its contents one after the other, of a folder its names.
        safe: how many of them a power cut cannot undo; of a file, the last of them counts.
    """

    is_folder: bool
    mode: int
    versions: list[Any] = field(default_factory=list)
    safe: int = 0

    def kept(self, count: int) -> Any:
        """The content if so many versions were kept."""
        return self.versions[count - 1] if count else ({} if self.is_folder else b"")


class Recording:
    """Every version of every file below a folder, as far as it has come.

    Args:
        root: the folder; what it holds at the beginning is safe.
        at: called after each change, with the recording as it is then.
    """

    def __init__(self, root: Path, at: Callable[[Recording], None]) -> None:
        self.root = root
        self.nodes: dict[int, Node] = {}
        self._at = at
        self._pins: list[int] = []
        self._seen: dict[int, tuple[int, int]] = {}
        self._lock = threading.RLock()
        self.look()
        for node in self.nodes.values():
            node.safe = len(node.versions)

    def look(self) -> bool:
        """Take over what has changed; whether anything has."""
        changed = False
        for path, folders, files in os.walk(self.root):
            here = Path(path)
            names = {name: self._meet(here / name) for name in sorted([*folders, *files])}
            changed |= self._note(self._meet(here), {name: ino for name, ino in names.items() if ino})
        return changed

    def _meet(self, path: Path) -> int:
        """The number of a file or folder, whose content is taken over if it is a file; 0 if it is gone already."""
        try:
            found = path.lstat()
        except FileNotFoundError:
            return 0
        if found.st_ino not in self.nodes:
            # Held, so that its number is not given to another.
            self._pins.append(os.open(path, os.O_PATH | os.O_CLOEXEC))
            self.nodes[found.st_ino] = Node(stat.S_ISDIR(found.st_mode), stat.S_IMODE(found.st_mode))
        stamp = (found.st_size, found.st_mtime_ns)
        if stat.S_ISREG(found.st_mode) and self._seen.get(found.st_ino) != stamp:
            self._seen[found.st_ino] = stamp
            self._note(found.st_ino, path.read_bytes())
        return found.st_ino

    def _note(self, ino: int, content: object) -> bool:
        node = self.nodes[ino]
        if node.versions and node.versions[-1] == content:
            return False
        node.versions.append(content)
        return True

    def synced(self, ino: int) -> None:
        """What there is of a file or folder is safe."""
        if ino in self.nodes:
            self.nodes[ino].safe = len(self.nodes[ino].versions)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Record what this process does within the block."""
        with pytest.MonkeyPatch.context() as patch:
            for name in _CALLS:
                patch.setattr(os, name, self._watched(getattr(os, name), name == "fsync"))
            yield
        self.look()

    def close(self) -> None:
        """Let go of the files."""
        for pin in self._pins:
            os.close(pin)

    def _watched(self, call: Callable[..., Any], syncs: bool) -> Callable[..., Any]:
        def watched(*given: Any, **named: Any) -> Any:
            with self._lock:
                changed = self.look()
                done = call(*given, **named)
                changed |= self.look()
                if syncs:
                    # Before the promise, what there is may still be lost.
                    self._at(self)
                    self.synced(os.fstat(given[0]).st_ino)
                if changed or syncs:
                    self._at(self)
                return done

        return watched


State = dict[str, tuple[int, bytes | None]]
"""Mode and content of each path; of a folder no content."""


def states(recording: Recording) -> Iterator[State]:
    """What a power cut at this moment may leave."""
    nodes = recording.nodes
    top = recording.root.lstat().st_ino
    loose = [ino for ino, node in nodes.items() if node.is_folder and node.safe < len(node.versions)]
    full = {ino: len(node.versions) for ino, node in nodes.items()}
    safe = {ino: node.safe for ino, node in nodes.items()}
    choices = [full, safe]
    for ino in loose:
        # One folder is ahead of the others, or behind them.
        choices += [safe | {ino: count} for count in range(safe[ino] + 1, full[ino] + 1)]
        choices += [full | {ino: count} for count in range(safe[ino], full[ino])]
    for kept in choices:
        names = _never_in_neither(nodes, kept)
        for content in (_all, _synced, _half):
            yield _tree(nodes, names, top, content)


def _never_in_neither(nodes: Mapping[int, Node], kept: Mapping[int, int]) -> dict[int, Names]:
    """Names in folders. What was moved to a folder that lost it is still where it was."""
    folders = {ino: node for ino, node in nodes.items() if node.is_folder}
    names: dict[int, Names] = {ino: dict(node.kept(kept[ino])) for ino, node in folders.items()}
    present = {child for folder in names.values() for child in folder.values()}
    lost = {child for node in folders.values() for child in node.versions[-1].values()} - present
    for ino, node in folders.items():
        for version in node.versions[max(node.safe - 1, 0) : -1]:
            for name, child in version.items():
                if child in lost:
                    names[ino].setdefault(name, child)
    return names


def _all(node: Node) -> bytes:
    return bytes(node.versions[-1])


def _synced(node: Node) -> bytes:
    return bytes(node.kept(node.safe))


def _half(node: Node) -> bytes:
    """What was synced, and the first half of what was added."""
    before, now = _synced(node), _all(node)
    return now[: (len(before) + len(now)) // 2] if now.startswith(before) else before


def _tree(nodes: Mapping[int, Node], names: Mapping[int, Names], top: int, content: Callable[[Node], bytes]) -> State:
    found: State = {}

    def walk(folder: int, path: str) -> None:
        for name, ino in sorted(names[folder].items()):
            node = nodes[ino]
            found[f"{path}{name}"] = (node.mode, None if node.is_folder else content(node))
            if node.is_folder:
                walk(ino, f"{path}{name}/")

    walk(top, "")
    return found


def build(state: State, root: Path) -> None:
    """Make a state in place of what is there."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(mode=0o700)
    for name, (mode, content) in state.items():
        path = root / name
        if content is None:
            path.mkdir(mode=0o700)
        else:
            path.write_bytes(content)
            path.chmod(mode)
