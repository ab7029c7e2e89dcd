"""The worked example of docs/data.md, run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cr_tui.cli import main

PAGE = Path(__file__).parents[1] / "docs" / "data.md"
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_worked_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRTUI_SLOTS", str(tmp_path / "slots"))
    monkeypatch.setenv("CRTUI_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "slots").mkdir(mode=0o700)
    blocks = BLOCK.findall(PAGE.read_text())
    assert [kind for kind, _ in blocks] == ["python", "console", "console", "console", "python"]
    for kind, text in blocks:
        if kind == "python":
            exec(compile(text, str(PAGE), "exec"), {})
            capsys.readouterr()
            continue
        for command, said in re.findall(r"^\$ crtui (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
            code = main(command.split())
            printed = capsys.readouterr()
            expected = re.escape(said).replace("…", "(?s:.*)")
            assert code == (2 if said.startswith("error: ") else 0), printed.err
            assert re.fullmatch(expected, printed.err if code else printed.out), printed
            if command == "data prepare photos":
                assert "left out of 'photos': 1 .mp4 file" in printed.err
                assert "left out of 'photos': 1 .mp4 file" in PAGE.read_text()
