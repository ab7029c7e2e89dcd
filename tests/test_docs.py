"""The documents are true to the tree: what they link to and name exists, and so does what the code cites of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cr_tui.cli.pages import pages

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
CODE = sorted(path for folder in ("engine", "cr_tui", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py"))
CITATION = re.compile(r"docs/method\.md, sections? ([\d.]+(?:(?:-| to | and |, )[\d.]+)*)(?:, trap (\d+))?")
LINK = re.compile(r"\]\((?!https?:)([^)\s#]*)(?:#([^)\s]+))?\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`((?:engine|cr_tui|tests|benchmarks|docs)/[\w./-]*)`")


def anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def unwrapped(path: Path) -> str:
    """The text of a module with comments and docstrings on one line each, so that a citation is never broken."""
    return re.sub(r"\s*\n\s*(?:#\s+)?", " ", path.read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(FENCED.sub("", page.read_text())):
        found = (page.parent / target).resolve() if target else page
        assert found.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in anchors(found), f"{page.name} links to #{anchor} of {found.name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    named = [name for name in NAMED.findall(FENCED.sub("", page.read_text())) if "NAME" not in name]
    missing = [name for name in named if not (ROOT / name).exists()]
    assert not missing, f"{page.name} names {', '.join(missing)}"


def test_what_the_code_cites_is_in_the_page_about_the_method() -> None:
    method = (ROOT / "docs" / "method.md").read_text()
    sections = set(re.findall(r"^##+ (\d+(?:\.\d+)?)\.? ", method, re.MULTILINE))
    traps = set(re.findall(r"^(\d+)\. ", method.partition("\n## 10. ")[2].partition("\n## ")[0], re.MULTILINE))
    citations = [(path, *cited) for path in CODE for cited in CITATION.findall(unwrapped(path))]
    assert len(citations) > 30
    for path, numbers, trap in citations:
        assert set(re.findall(r"\d+(?:\.\d+)?", numbers)) <= sections, f"{path} cites section {numbers}"
        assert not trap or trap in traps, f"{path} cites trap {trap}"


def test_pages_that_messages_cite_are_those_that_are_installed() -> None:
    cited = {name for path in CODE for name in re.findall(r"crtui docs ([a-z]\w+)", path.read_text())}
    assert cited >= {"data", "scores"}
    assert cited <= set(pages())


def test_the_readme_has_the_test_command_of_ci() -> None:
    script = ROOT / ".ci" / "run"
    if not script.exists():
        pytest.skip("this copy has no .ci")
    assert script.read_text().splitlines()[-1] in (ROOT / "README.md").read_text()
