"""``crtui docs``: the pages of the documentation in the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from cr_tui.cli import pages

ROOT = Path(__file__).parents[3]


def test_pages_are_listed_and_read(crtui) -> None:
    listed = crtui("docs").out
    assert "data                  Your own data" in listed
    assert "tutorials/dsprites" in listed
    assert "index" not in listed
    page = (ROOT / "docs" / "tutorials" / "own-images.md").read_text()
    assert crtui("docs", "tutorials/own-images").out == page
    [found] = crtui("docs", "data", "--json").json
    assert found == {"name": "data", "title": "Your own data", "path": str(ROOT / "docs" / "data.md")}
    assert {row["name"] for row in crtui("docs", "--json").json} == set(pages.pages())


@pytest.mark.parametrize("page", ["nonsense", "../README", "index", ""])
def test_a_page_that_is_not_there_is_refused_with_those_that_are(crtui, page: str) -> None:
    refused = crtui("docs", page)
    assert refused.code == 2
    assert refused.err.startswith(f"error: there is no page '{page}'; there are architecture, commands,")


def test_without_the_documentation_it_says_so(crtui, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pages, "_PLACES", (tmp_path,))
    assert "there are none" in crtui("docs", "data").err
    assert crtui("docs", "--json").json == []


def test_the_packaged_pages_come_before_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for place in ("package", "clone"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "data.md").write_text(f"# {place}\n")
    monkeypatch.setattr(pages, "_PLACES", (tmp_path / "package", tmp_path / "clone"))
    assert [page.title for page in pages.pages().values()] == ["package"]
