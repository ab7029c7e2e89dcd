"""``crtui report``: one HTML page about a pool of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cr_tui.cli.invocation import JsonOption, OptionalModelsArgument, invocation_of
from cr_tui.cli.output import put_json
from cr_tui.cli.pool import pool_of
from cr_tui.cli.pool_selection import DeviceOption, FinishedGroupsOption, MethodOption, selection_of
from cr_tui.cli.progress import TaskDisplay
from cr_tui.cli.saving import require_writable
from cr_tui.figures import drawing
from cr_tui.text import clean
from engine.choosing.methods import CENTRALITY
from engine.errors import InputError

SAVED_AS = (".html", ".htm")


def report(
    context: typer.Context,
    to: Annotated[Path, typer.Option(metavar="FILE.html", help="The page, one file that needs no network.")],
    run: OptionalModelsArgument = None,
    group: FinishedGroupsOption = None,
    method: MethodOption = None,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="Its title; default: names of the groups.")] = None,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Write one HTML page about a pool of runs.

    It has their scores, ranking, cross-scores, traversals and curves, and what differs between them, in one file.
    Two runs or more are ranked as 'crtui select' does, unless a selection of the same runs is in the store. Needs the
    extra 'plot'.
    """
    require_writable(to, SAVED_AS, option="--to")
    drawing.require_matplotlib("a report")
    invocation = invocation_of(context)
    store = invocation.open_store()
    records = pool_of(invocation, store, run or [], group or ())
    if not records:
        raise InputError("there is no finished run to report on; name runs or a group ('crtui runs list' shows them)")
    result, notes, findings = None, [], []
    if len(records) > 1:
        try:
            result = selection_of(invocation, store, records, tuple(method or (CENTRALITY,)), device, as_json)
        except InputError as error:
            if method:
                raise
            notes.append(f"the models could not be ranked: {clean(str(error))}")
    if result is not None:
        from cr_tui.cli.ranking import pick_sentence

        for name, found in result.methods.items():
            findings.append(clean(pick_sentence(name, found, result)))
            findings += [clean(f"Careful: {warning}.") for warning in found.warnings]
    from cr_tui.report.gather import gather
    from cr_tui.report.page import page
    from engine.machine.cores import prepare_to_compute
    from engine.storage.files import save_file

    prepare_to_compute()
    usual = records[0].name or records[0].id if len(records) == 1 else "Runs"
    named = clean(title or ", ".join(group or ()) or usual, 120)
    with TaskDisplay(invocation.quiet, as_json) as display:
        facts = gather(records, result, title=named, findings=findings, notes=notes, progress=display)
    content = page(facts)
    save_file(to, content)
    if as_json:
        put_json({"file": str(to), "bytes": len(content), "runs": [record.id for record in records]})
    else:
        invocation.note(f"wrote {to}, {len(content) / 1e6:.1f} MB")
