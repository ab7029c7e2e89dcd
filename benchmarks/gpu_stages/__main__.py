"""The process of one stage: ``python -m gpu_stages REQUEST.json``. Exits with 1 if something of it failed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from gpu_stages.stage import Request, Stage


def main(arguments: Sequence[str]) -> int:
    """Do what the file that the only argument names asks for."""
    stage = Stage(Request.read(Path(arguments[0])))
    try:
        importlib.import_module(f"gpu_stages.{stage.request.stage}").measure(stage)
    except Exception as error:
        stage.keep(error=f"{type(error).__name__}: {error}")
        raise
    return 1 if stage.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
