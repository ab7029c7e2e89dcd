"""A report as one HTML file: styles and pictures are in it, nothing is fetched and no script runs."""

from __future__ import annotations

import base64

from cr_tui.report.facts import Picture, Report

MOST_BYTES = 5_000_000
"""Size that a page stays below, so that it can be mailed."""


def page(report: Report) -> bytes:
    """The page. Animations that would make it larger than :data:`MOST_BYTES` are left out, the last ones first."""
    shown = report
    left_out: list[str] = []
    while True:
        content = _rendered(shown, left_out)
        if len(content) <= MOST_BYTES or not shown.traversals:
            return content
        left_out.insert(0, shown.traversals[-1].title)
        shown = Report(**{**vars(report), "traversals": shown.traversals[:-1]})


def _rendered(report: Report, left_out: list[str]) -> bytes:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("cr_tui.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_url"] = _data_url
    environment.filters["still_url"] = _still_url
    notes = list(report.notes)
    if left_out:
        notes.append(f"left out, because the page would be larger than {MOST_BYTES:,} bytes: {', '.join(left_out)}")
    text = environment.get_template("page.html.jinja").render(report=report, notes=notes)
    return text.encode("utf-8", "backslashreplace")


def _data_url(picture: Picture) -> str:
    return f"data:image/{picture.kind};base64,{base64.b64encode(picture.content).decode()}"


def _still_url(picture: Picture) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture.still or b'').decode()}"
