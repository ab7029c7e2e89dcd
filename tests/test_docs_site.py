"""The documentation site is built from the pages without a warning, and every page is in its contents."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    # A page that no contents names, a link that leads nowhere and a command that fails are warnings or errors.
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "docs", str(tmp_path / "site")]
    built = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert "crtui runs diff" in (tmp_path / "site" / "reference" / "commands.html").read_text()
