"""Packages that a machine without a network lacks, from wheels that were carried there. Standard library only."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tomllib
import venv
from collections.abc import Sequence
from pathlib import Path

_INSTALL_SECONDS = 120.0
_ASK_SECONDS = 60.0
_MISSING = """import importlib.metadata, json, re, sys
def known(requirement):
    try:
        importlib.metadata.distribution(re.match(r"[A-Za-z0-9._-]+", requirement)[0])
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
print(json.dumps([requirement for requirement in sys.argv[1:] if not known(requirement)]))
"""


class WheelsError(Exception):
    """The wheels could not be installed."""


def requirements_of(project: Path) -> list[str]:
    """What the ``pyproject.toml`` of a folder asks for, such as ``numpy>=1.26``."""
    requirements: list[str] = tomllib.loads((project / "pyproject.toml").read_text())["project"]["dependencies"]
    return requirements


def install(wheels: Path, requirements: Sequence[str], environment: Path) -> str:
    """Make a virtual environment that has this one's packages and, of the requirements, those that it lacks.

    Args:
        wheels: folder of wheels; nothing else is asked.
        requirements: what must be there.
        environment: where it is made.

    Returns:
        The path of its Python.

    Raises:
        WheelsError: something could not be installed; the message is the installer's.
    """
    venv.create(environment, system_site_packages=True, symlinks=True)
    python = environment / "bin" / "python"
    packages = environment / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    # The system's packages are not those of an environment that this process runs in.
    ours = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    (packages / "parent.pth").write_text("".join(f"{path}\n" for path in ours))
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index"]
    command += ["--disable-pip-version-check", "--find-links", str(wheels), *requirements]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise WheelsError(f"no end after {_INSTALL_SECONDS:.0f} seconds") from error
    if done.returncode:
        raise WheelsError(done.stderr.strip() or done.stdout.strip())
    return str(python)


def missing(python: str, requirements: Sequence[str]) -> list[str]:
    """The requirements of which a Python has no version at all."""
    command = [python, "-c", _MISSING, *requirements]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=_ASK_SECONDS, check=True)
    found: list[str] = json.loads(answer.stdout)
    return found
