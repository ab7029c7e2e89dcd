"""Optional libraries: which extra brings them, and how it is installed here."""

from __future__ import annotations

import importlib.util
import json
import shlex
import sys
from urllib.parse import unquote, urlsplit

from engine.errors import InputError

_DISTRIBUTION = "crtui"


def require(modules: tuple[str, ...], extra: str, purpose: str) -> None:
    """Check that optional libraries are installed, without importing them.

    Args:
        modules: their top-level modules.
        extra: the extra of crtui that brings them.
        purpose: what needs them, such as ``"a PDF file"``.

    Raises:
        InputError: one is missing; the message says how to install it.
    """
    missing = [module for module in modules if not is_installed(module)]
    if missing:
        raise InputError(f"{purpose} needs {' and '.join(missing)}; install with: {install_command(extra)}")


def is_installed(module: str) -> bool:
    """Whether a top-level module could be imported."""
    return importlib.util.find_spec(module) is not None


def install_command(extra: str) -> str:
    """The command that adds an extra to this environment, from where crtui itself was installed."""
    what = shlex.quote(f"{_DISTRIBUTION}[{extra}]")
    origin = _origin()
    url = urlsplit(str(origin.get("url", "")))
    if url.scheme == "file":
        path = unquote(url.path)
        folder = origin.get("dir_info")
        if isinstance(folder, dict):
            what = ("-e " if folder.get("editable") else "") + shlex.quote(f"{path}[{extra}]")
        else:
            what = shlex.quote(f"{_DISTRIBUTION}[{extra}] @ {url.geturl()}")
    return f"{shlex.quote(sys.executable)} -m pip install {what}"


def _origin() -> dict[str, object]:
    """Where crtui was installed from (PEP 610); empty where that is a package index."""
    from importlib import metadata

    try:
        text = metadata.distribution(_DISTRIBUTION).read_text("direct_url.json")
        origin = json.loads(text or "{}")
    except (metadata.PackageNotFoundError, ValueError, OSError):
        return {}
    return origin if isinstance(origin, dict) else {}
