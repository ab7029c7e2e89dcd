"""The form, and computations that run or ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from textual.widgets import Checkbox, Input, Select, SelectionList

from cr_tui.dashboard.model.selections import Computation
from cr_tui.dashboard.model.view_state import ViewState
from cr_tui.dashboard.selection.form import SelectionFormScreen
from cr_tui.dashboard.selection.screen import SelectionScreen
from cr_tui.dashboard.shared.confirm import ConfirmScreen
from engine.choosing.request import SelectionRequest
from engine.choosing.result import MethodResult, SelectionResult
from engine.errors import InputError
from tests.dashboard.selection.results import NOW, asked, full_selection, rows_of

Open = Callable[..., Any]


class TestComputing:
    async def test_the_form_starts_what_it_says(self, opened: Open, source: Any) -> None:
        source.stored = []
        async with opened((80, 24), "has not been ranked yet") as at:
            assert "crtui select --group pool" in at.text
            await at.press("c", until=lambda: isinstance(at.screen, SelectionFormScreen))
            form = at.screen
            form.query_one("#methods", SelectionList).select("udr-lasso")
            form.query_one("#similarity", Select).value = "margin"
            form.query_one("#protocol", Select).value = "paper"
            form.query_one("#votes").value = "4x"  # type: ignore[attr-defined]
            await at.until("votes must be a whole number from 1 on, not '4x'")
            at.send("ctrl+s")
            await at.settle()
            assert asked(source) == []
            form.query_one("#votes").value = "40"  # type: ignore[attr-defined]
            form.query_one("#accept_data", Checkbox).value = True
            command = "crtui select --group pool --method model-centrality --method"
            await at.until(lambda: command in at.text and "9 pairs at most" in at.text)
            await at.press("ctrl+s", until="2/9")
            wanted = tuple(run.id for run in source.listed[:3])
            methods = ("model-centrality", "udr-lasso")
            request = SelectionRequest(runs=wanted, methods=methods, similarity="margin", protocol="paper", votes=40)
            request = request.model_copy(update={"accept_data": True})
            assert asked(source) == [("select", request)]
            assert "is being ranked" in at.text

    async def test_a_refusal_stays_in_the_form(self, opened: Open, source: Any) -> None:
        source.refusal = "this very selection [x] is being computed already"
        async with opened((80, 24)) as at:
            await at.press("c", until=lambda: isinstance(at.screen, SelectionFormScreen))
            await at.press("ctrl+s", until="selection [x] is being computed already")
            await at.press("escape", until=lambda: isinstance(at.screen, SelectionScreen))

    async def test_marked_runs_can_be_the_pool(self, opened: Open, source: Any) -> None:
        async with opened((120, 40)) as at:
            at.app.session.marked = [source.listed[k].id for k in (0, 1, 3, 6)]
            await at.press("c", until=lambda: isinstance(at.screen, SelectionFormScreen))
            runs = at.screen.query_one("#runs", Select)
            # The third and the fourth still change.
            assert [str(title) for title, _ in runs._options] == ["the 3 finished runs of group pool",
                                                                  "the 2 marked runs"]  # fmt: skip
            runs.value = 1
            await at.press("ctrl+s", until=lambda: bool(asked(source)))
            assert asked(source)[0][1].runs == tuple(run.id for run in source.listed[:2])

    async def test_the_partial_matrix_shows_while_it_fills(self, opened: Open, source: Any) -> None:
        pool = source.listed[:3]
        ids = tuple(run.id for run in pool)
        matrix = np.array([[1.0, 0.5, np.nan], [0.7, 1.0, np.nan], [np.nan, np.nan, np.nan]])
        found = MethodResult(scores=(0.6, 0.6, float("nan")), ranking=ids[:2])
        partial = SelectionResult(
            id="job-1", created=NOW, runs=ids, methods={"model-centrality": found}, matrix=matrix, partial=True
        )
        computation = Computation(True, "comparing models", "job", ids, 4, 9, 90.0, NOW - 60, True, partial)
        source.stored, source.computing = [full_selection(pool)], [computation]
        async with opened((120, 40), "so far") as at:
            screen = at.screen
            text = at.text
            for shown in ("4/9", "1m30 left", "begun 1m00 ago", "by crtui select", "not compared", "result 1 of 2"):
                assert shown in text, shown
            assert "leads" in text
            source.computing = []
            screen._read_again()
            await at.until("cannot tell")

    async def test_cancel_asks_first_and_forgets_what_has_ended(self, opened: Open, source: Any) -> None:
        ids = tuple(run.id for run in source.listed[:3])
        source.computing = [Computation(True, "comparing models", "job", ids, 4, 9, begun=NOW)]
        async with opened((80, 24), "4/9") as at:
            screen = at.screen
            await at.press("x", until=lambda: isinstance(at.screen, ConfirmScreen))
            await at.press("n", until=lambda: at.screen is screen)
            assert asked(source) == []
            await at.press("x", until=lambda: isinstance(at.screen, ConfirmScreen))
            await at.press("y", until=lambda: asked(source) == [("cancel", "job")])
            request = SelectionRequest(runs=ids, votes=77)
            source.computing = [replace(source.computing[0], running=False, message="killed [x]", request=request)]
            screen._read_again()
            await at.until("not ranked: killed [x]")
            await at.press("c", until=lambda: isinstance(at.screen, SelectionFormScreen))
            await at.press("ctrl+s", until=lambda: asked(source)[-1] == ("select", request))
            source.computing = [Computation(False, "no", "job", ids, begun=NOW)]
            screen._read_again()
            await at.until("not ranked: no")
            await at.press("x", until=lambda: asked(source)[-1] == ("forget", "job"))

    async def test_too_few_runs_teach(self, opened: Open, source: Any) -> None:
        source.listed = source.listed[-2:]
        async with opened((80, 24), "A ranking needs at least 2 finished runs") as at:
            await at.press("c", until="mark some, or train more")
            source.listed = source.stored = []
            at.app.read_runs()
            at.screen._read_again()  # type: ignore[attr-defined]
            await at.until("There is no run yet")

    async def test_read_only_withholds_what_changes_anything(self, opened: Open, source: Any) -> None:
        ids = tuple(run.id for run in source.listed[:3])
        source.stored, source.computing = [], [Computation(False, "ended", "job", ids, begun=NOW)]
        async with opened((80, 24), "This dashboard is read-only", read_only=True) as at:
            assert "Compute" not in at.footer
            at.send("c", "x", "v")
            await at.settle()
            assert asked(source) == []
            assert isinstance(at.screen, SelectionScreen)

    async def test_a_store_that_vanishes_leaves_what_was_known(
        self, opened: Open, source: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:

        def gone() -> list[SelectionResult]:
            raise InputError("/store/selections cannot be read: [gone]")

        async with opened((80, 24)) as at:
            screen = at.screen
            present = source.selections
            source.selections, source.damaged = gone, 2
            screen._read_again()
            await at.until("/store/selections cannot be read: [gone]")
            assert len(rows_of(screen)) == 3
            source.selections = present
            screen._read_again()
            await at.until(lambda: "2 damaged" in at.text and "[gone]" not in at.text)


async def test_the_form_remembers_what_was_chosen(opened: Open, source: Any) -> None:
    async with opened((120, 40)) as at:
        await at.press("c", until=lambda: isinstance(at.screen, SelectionFormScreen))
        at.screen.query_one("#votes", Input).value = "77"
        await at.press("ctrl+s", until=lambda: bool(asked(source)))
    kept = ViewState.model_validate_json(at.app.session.kept_view.model_dump_json())
    source.computing = []
    async with opened((120, 40), view=kept) as at:
        await at.press("c", until=lambda: isinstance(at.screen, SelectionFormScreen))
        assert at.screen.query_one("#votes", Input).value == "77"
        at.app.session.view.ranking = {"votes": ["nonsense"], "methods": "x"}
        at.send("escape", "c")
        await at.until(lambda: isinstance(at.screen, SelectionFormScreen))
        await at.until(lambda: at.screen.query_one("#votes", Input).value == "")
