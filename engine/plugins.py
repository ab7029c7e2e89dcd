"""Parts that other packages bring: methods, datasets, scores and selection methods, announced by entry points.

A package names its parts in the metadata that it is installed with (docs/extending.md)::

    [project.entry-points."crtui.scores"]
    moving_codes = "crtui_example.moving_codes"

What an entry point names is what a line of our own registry would name. The metadata is read when a registry is first
asked for more than a part of our own, and no module of a package is imported before its part is used. So packages that
bring nothing cost nothing, and ``crtui --help`` never waits for one.

A part that cannot be used is left out with one warning, which names it and its package.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from engine.errors import InputError

if TYPE_CHECKING:
    from importlib.metadata import Distribution

GROUPS = ("crtui.methods", "crtui.datasets", "crtui.scores", "crtui.selectors")
"""The groups of entry points that are read."""

T = TypeVar("T")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*(:[^\W\d]\w*(\.[^\W\d]\w*)*)?")


@dataclass(frozen=True)
class Plugin:
    """A part that another package brings.

    Attributes:
        group: one of :data:`GROUPS`.
        name: what people call it.
        target: ``module`` or ``module:attribute``.
        package: the package's name and version.
    """

    group: str
    name: str
    target: str
    package: str

    def __str__(self) -> str:
        return f"'{self.name}' ({self.group}) of the package {self.package}"

    def load(self) -> Any:
        """Import the module, or take the attribute of it.

        Raises:
            InputError: that failed; the message names part, package and reason.
        """
        module, _, attributes = self.target.partition(":")
        try:
            found: Any = importlib.import_module(module)
            for attribute in attributes.split(".") if attributes else ():
                found = getattr(found, attribute)
        except (Exception, SystemExit) as error:
            raise self.unusable(f"{type(error).__name__}: {error}") from error
        return found

    def unusable(self, reason: str) -> InputError:
        """The error that says why this part cannot be used."""
        return InputError(f"the plug-in {self} cannot be used: {' '.join(reason.split())[:300]}")


class Registry(MutableMapping[str, T]):
    """Parts by name: our own, and those that other packages bring.

    Other packages are looked for when a name is asked for that is not our own, or all names are.

    Args:
        group: the group of entry points.
        own: our own parts; they win over others of the same name.
        entry: makes the entry of a part of another package.

    Raises:
        InputError: by ``entry``: the part cannot be used; it is left out with a warning.
    """

    def __init__(self, group: str, own: Mapping[str, T], entry: Callable[[Plugin], T]) -> None:
        self._group = group
        self._entry = entry
        self._own = frozenset(own)
        self._entries = dict(own)
        self._plugins: dict[str, Plugin] | None = None

    def plugin(self, name: str) -> Plugin | None:
        """Which package brings a part; ``None`` for one of our own, or one that does not exist."""
        return None if name in self._own else self._found().get(name)

    def __getitem__(self, name: str) -> T:
        if name not in self._entries:
            self._found()
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in self._found()

    def __iter__(self) -> Iterator[str]:
        self._found()
        return iter(self._entries)

    def __len__(self) -> int:
        self._found()
        return len(self._entries)

    def __setitem__(self, name: str, part: T) -> None:
        self._entries[name] = part

    def __delitem__(self, name: str) -> None:
        del self._entries[name]

    def _found(self) -> dict[str, Plugin]:
        """The parts of other packages, which are among the entries from the first call on."""
        if self._plugins is None:
            self._plugins = {}
            for plugin in (found for found in installed() if found.group == self._group):
                self._admit(plugin, self._plugins)
        return self._plugins

    def _admit(self, plugin: Plugin, admitted: dict[str, Plugin]) -> None:
        try:
            if plugin.name in self._entries:
                taken_by = admitted[plugin.name].package if plugin.name in admitted else "crtui itself"
                raise plugin.unusable(f"{taken_by} has one of that name")
            self._entries[plugin.name] = self._entry(plugin)
            admitted[plugin.name] = plugin
        except InputError as error:
            leave_out(error)


@cache
def installed() -> tuple[Plugin, ...]:
    """Every part that an installed package announces, whether it can be used or not."""
    # It brings the readers of e-mail and of archives with it, which `crtui --help` does not need.
    from importlib.metadata import distributions

    found: dict[tuple[str, str], Plugin] = {}
    seen: set[str] = set()
    for distribution in distributions():
        for plugin in _announced(distribution, seen):
            key = (plugin.group, plugin.name)
            if key in found:
                leave_out(plugin.unusable(f"{found[key].package} has one of that name"))
            else:
                found[key] = plugin
    return tuple(found.values())


def leave_out(error: InputError) -> None:
    """Warn that a part is left out."""
    warnings.warn(f"{error}; it is left out", stacklevel=2)


def _announced(distribution: Distribution, seen: set[str]) -> list[Plugin]:
    """The parts that one package announces; none of a package that was seen earlier on the search path."""
    try:
        text = distribution.read_text("entry_points.txt") or ""
        # Nearly all packages end here, before anything is parsed.
        if "crtui." not in text:
            return []
        name = distribution.metadata["Name"]
        if name in seen:
            return []
        seen.add(name)
        package = f"{name} {distribution.version}"
        entries = [entry for entry in distribution.entry_points if entry.group in GROUPS]
    except Exception as error:
        where = getattr(distribution, "_path", "a package")
        leave_out(InputError(f"the entry points of {where} cannot be read ({type(error).__name__}: {error})"))
        return []
    plugins = []
    for entry in entries:
        plugin = Plugin(entry.group, entry.name, "".join(entry.value.partition("[")[0].split()), package)
        if not _NAME.fullmatch(plugin.name):
            leave_out(plugin.unusable("a name is at most 64 letters, digits, dots, dashes and underscores"))
        elif not _TARGET.fullmatch(plugin.target):
            leave_out(plugin.unusable(f"'{plugin.target[:80]}' is neither module nor module:attribute"))
        else:
            plugins.append(plugin)
    return plugins
