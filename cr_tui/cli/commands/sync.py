"""``crtui runs sync``: hand runs over to other people's tools, afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cr_tui.cli.chosen_runs import chosen_runs
from cr_tui.cli.invocation import GroupsOption, JsonOption, OptionalRunsArgument, invocation_of
from cr_tui.cli.output import put, put_json, raise_last
from cr_tui.cli.progress import TaskDisplay
from engine.errors import CrtuiError, InputError, WorkError
from engine.runs.tracker_names import TRACKERS

if TYPE_CHECKING:
    from engine.runs.catalogue import RunRecord


def sync(
    context: typer.Context,
    run: OptionalRunsArgument = None,
    to: Annotated[
        list[str] | None, typer.Option(metavar="|".join(TRACKERS), help="Which tool; repeatable.", show_default=False)
    ] = None,
    group: GroupsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hand losses and scores over to other tools.

    TensorBoard, Weights & Biases and Trackio. Without RUN and --group, those of all runs. Only what a tool does not
    have yet is handed over, so the command can be repeated at any time.
    """
    from engine.tracking.tracker import require_trackers

    if not to:
        raise InputError(f"say which tool, for instance --to tensorboard ({', '.join(TRACKERS)})")
    require_trackers(to)
    invocation = invocation_of(context)
    records = chosen_runs(context, run or (), group or ())
    answers: list[dict[str, Any]] = []
    errors: list[CrtuiError] = []
    with TaskDisplay(invocation.quiet, as_json) as display:
        pairs = [(record, tool) for record in records for tool in dict.fromkeys(to)]
        for done, (record, tool) in enumerate(pairs):
            display(f"{record.name or record.id} to {tool}", done, len(pairs))
            try:
                answers.append(_hand_over(record, tool))
            except CrtuiError as error:
                errors.append(error)
    if as_json and (answers or not errors):
        put_json(answers)
    elif not as_json:
        _put(answers)
    raise_last(errors)


def _hand_over(record: RunRecord, tool: str) -> dict[str, Any]:
    """Hand one run over to one tool.

    Raises:
        InputError: the run is gone.
        WorkError: the disk or the tool refused.
    """
    from engine.tracking.handover import Handover, handover_lock

    answer: dict[str, Any] = {
        "run": record.id,
        "name": record.name,
        "to": tool,
        "rows": 0,
        "place": None,
        "busy": False,
    }
    with handover_lock(record.folder) as free:
        if not free:
            return answer | {"busy": True}
        try:
            handover = Handover(record.folder, tool)
            answer |= {"rows": handover.catch_up(), "place": handover.place and str(handover.place)}
            handover.close()
        except CrtuiError:
            raise
        except (Exception, SystemExit) as error:
            raise WorkError(f"{tool} refuses run {record.id}: {type(error).__name__}: {error}") from error
    return answer


def _put(answers: Sequence[dict[str, Any]]) -> None:
    for answer in answers:
        where = f" in {answer['place']}" if answer["place"] else ""
        rows = f"{answer['rows']} new rows{where}" if answer["rows"] else f"has all{where}"
        words = "is being given the run while it trains" if answer["busy"] else rows
        put(f"{answer['run']}  {answer['name'] or ''}  {answer['to']}: {words}")
