"""PyTorch's compiler, which our processes do not use, is not loaded only to be told so.

Each optimiser of PyTorch calls ``torch._dynamo.graph_break()`` around its step, and ``torch._dynamo.disable`` around
the rest. Both mean something only to a program that is being compiled. To be called they must be imported, with a
computer algebra system and more behind them: that is half of what a training process computes before its first update
(docs/performance.md). A model has its optimisers even where it is only loaded.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

_NAME = "torch._dynamo"


class _StandIn(ModuleType):
    """Answers the calls of optimisers. Whoever asks for anything else gets the compiler itself, from then on."""

    @staticmethod
    def graph_break(*_: object, **__: object) -> None:
        """Nothing is being compiled, so there is nothing to break."""

    @staticmethod
    def disable(function: Callable[..., Any], *_: object, **__: object) -> Callable[..., Any]:
        """What is never compiled needs no protection from it."""
        return function

    def __getattr__(self, name: str) -> Any:
        # inspect asks every loaded module for such names; whoever imports a part of the compiler asks for its path.
        if name.startswith("__") and name != "__path__":
            raise AttributeError(name)
        if sys.modules.get(_NAME) is self:
            del sys.modules[_NAME]
        return getattr(importlib.import_module(_NAME), name)


def leave_out_compiler() -> None:
    """For a process of our own. In a process that has loaded the compiler nothing changes.

    PyTorch need not be loaded yet: it looks for its compiler among the loaded modules when it is first asked for it.
    """
    if _NAME not in sys.modules:
        sys.modules[_NAME] = _StandIn(_NAME)
