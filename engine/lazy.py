"""PyTorch, and public names of a package, imported when first touched.

Settings, presets and the specification live beside the code that computes with them, yet listing runs or printing
``--help`` must not pay two seconds for a library it never calls. ``from engine.lazy import torch`` gives modules
that *describe* computations the name; the import happens at the first attribute access, that is, when something
computes. Modules that only compute (``engine.models`` networks, ``engine.training.loop``) import torch plainly.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch as torch
else:

    class _LazyModule:
        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, attribute: str) -> Any:
            return getattr(importlib.import_module(self._name), attribute)

    torch = _LazyModule("torch")


def lazy_names(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package whose public names are imported when first asked for.

    Args:
        package: its ``__name__``.
        modules: the module of each name.
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(modules[name]), name)

    return get
