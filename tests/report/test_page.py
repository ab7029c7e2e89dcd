"""The page of a report: in one piece, without network and script, and showing names as they are."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser

import numpy as np
from PIL import Image

from cr_tui.report.facts import Picture, Report, Table
from cr_tui.report.page import MOST_BYTES, page

HOSTILE = '<script>alert(1)</script> & "x" {{ 7 * 7 }}'


class Reader(HTMLParser):
    """Collects what a page refers to, its elements and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.elements: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "srcset", "href", "data", "action")]

    def handle_data(self, data: str) -> None:
        self.text += data


def read(content: bytes) -> Reader:
    reader = Reader()
    reader.feed(content.decode())
    return reader


def png(size: int = 8) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, format="PNG")
    return file.getvalue()


def full_report() -> Report:
    picture = Picture("title", HOSTILE, "svg+xml", b"<svg/>")
    table = Table(("a", HOSTILE), ((HOSTILE, "1"), ("b", "2")), frozenset({1}), HOSTILE)
    moving = [Picture(f"run {number}", "moves", "gif", png(), png(), HOSTILE, 64) for number in range(2)]
    return Report(
        HOSTILE,
        [HOSTILE],
        [HOSTILE],
        table,
        table,
        table,
        picture,
        picture,
        picture,
        moving,
        "key = 1",
        HOSTILE,
        [HOSTILE],
    )


def test_nothing_is_fetched_and_no_script_runs() -> None:
    found = read(page(full_report()))
    assert len(found.sources) == 7
    assert all(source.startswith("data:image/") for source in found.sources)
    assert not {"script", "iframe", "link", "object", "form"} & set(found.elements)
    assert b"default-src 'none'" in page(full_report())
    assert not re.search(rb"https?://", page(full_report()))


def test_names_are_text_whatever_is_in_them() -> None:
    found = read(page(full_report()))
    assert found.text.count(HOSTILE) >= 10


def test_what_is_not_there_has_no_heading() -> None:
    found = read(page(Report("Runs")))
    assert "h2" not in found.elements
    assert "img" not in found.elements


def test_the_page_stays_small_and_says_what_it_left_out() -> None:
    heavy = png(500)
    report = Report(
        "Runs", traversals=[Picture(f"run {n}", "moves", "gif", heavy, heavy, "is still", 64) for n in range(4)]
    )
    content = page(report)
    assert len(content) <= MOST_BYTES
    found = read(content)
    assert found.elements.count("img") == 2
    assert "left out, because the page would be larger than 5,000,000 bytes: run 2, run 3" in found.text
