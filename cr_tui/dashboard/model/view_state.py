"""What the dashboard remembers from one session to the next: how things were shown, no data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from platformdirs import user_state_dir
from pydantic import BaseModel, Field, ValidationError

from cr_tui.dashboard.theme import DARK
from engine.errors import CrtuiError
from engine.storage.files import make_folders, read_file, replace_file

_MAX_BYTES = 2**20
_MAX_STORES = 50
_Text = Annotated[str, Field(max_length=500)]
_Texts = Annotated[list[_Text], Field(max_length=2000)]

DetailView = Literal["overview", "more", "card", "log"]
"""Parts of a run's details, in the order they are stepped through."""

SMOOTHINGS = (0.0, 0.6, 0.9, 0.97, 0.99, 0.999)
"""Weights of the past in moving averages; 0 does not smooth."""


class ViewState(BaseModel):
    """How one store was looked at.

    Attributes:
        theme: name of the colours.
        sort: key of the column that the runs are sorted by.
        descending: from the largest.
        filter: what the filter box of the runs held.
        skip: how many columns of the table are scrolled past.
        marked: ids of marked runs.
        folded: names of folded groups.
        view: which part of a run's details was shown.
        colours: place in the palette by run id.
        smoothing: weight of the past, one of :data:`SMOOTHINGS`.
        band: whether the measured values are drawn behind the smoothed ones.
        log_y: whether the y axis is logarithmic.
        clip: whether outliers are left outside of charts.
        guides: whether charts have faint lines at round values.
        axis: the x axis of charts.
        average: the key of the specification by which runs are averaged in charts; empty for a line a run.
        average_key: the key that was averaged by last.
        pinned: id of the run that charts always show; empty for none.
        across: charts side by side; 0 for as many as fit.
        down: charts one below the other; 0 for as many as fit.
        charts: the name filter of the charts.
        differences: whether the table of differing settings was shown.
        ranking: what the form for a ranking held last, its runs left out.
        wrap_log: whether long lines of logs are broken at the edge.
        date_log: whether lines of logs have their times.
    """

    theme: _Text = DARK.theme.name
    sort: _Text = "age"
    descending: bool = False
    filter: _Text = ""
    skip: int = Field(default=0, ge=0, le=1000)
    marked: _Texts = Field(default_factory=list)
    folded: _Texts = Field(default_factory=list)
    view: DetailView = "overview"
    colours: dict[_Text, Annotated[int, Field(ge=0, le=1000)]] = Field(default_factory=dict, max_length=2000)
    smoothing: float = Field(default=0.0, ge=0.0, lt=1.0)
    band: bool = True
    log_y: bool = False
    clip: bool = False
    guides: bool = True
    axis: Literal["step", "time"] = "step"
    average: _Text = ""
    average_key: _Text = "group"
    pinned: _Text = ""
    across: int = Field(default=0, ge=0, le=8)
    down: int = Field(default=0, ge=0, le=8)
    charts: _Text = ""
    differences: bool = False
    ranking: dict[_Text, _Text | int | list[_Text] | None] = Field(default_factory=dict, max_length=20)
    wrap_log: bool = False
    date_log: bool = False


class ViewStates:
    """The file of view states, one a store. Whatever in it is damaged is ignored.

    Args:
        path: the file; None remembers nothing.
        store: whose state it is.
    """

    def __init__(self, path: Path | None, store: str) -> None:
        self._path = path
        self._store = store

    def load(self) -> ViewState:
        """The state of the store; a field that cannot be used has its default value."""
        found = self._read().get(self._store)
        return _usable(found) if isinstance(found, dict) else ViewState()

    def save(self, state: ViewState) -> None:
        """Write a state. Errors are ignored: the view is not worth a message."""
        if self._path is None:
            return
        states = self._read()
        states.pop(self._store, None)
        kept = dict(list(states.items())[-(_MAX_STORES - 1) :]) | {self._store: state.model_dump()}
        try:
            make_folders(self._path.parent)
            replace_file(self._path, orjson.dumps({"stores": kept}, option=orjson.OPT_INDENT_2))
        except (OSError, CrtuiError, TypeError):
            return

    def _read(self) -> dict[str, Any]:
        if self._path is None:
            return {}
        try:
            content = orjson.loads(read_file(self._path, _MAX_BYTES))
        except (OSError, CrtuiError, orjson.JSONDecodeError):
            return {}
        states = content.get("stores") if isinstance(content, dict) else None
        return states if isinstance(states, dict) else {}


def default_path() -> Path:
    """Where view states are kept: the user's state folder."""
    return Path(user_state_dir("crtui", appauthor=False)) / "dashboard.json"


def _usable(found: dict[str, Any]) -> ViewState:
    fields: dict[str, Any] = {}
    for name in ViewState.model_fields.keys() & found.keys():
        try:
            fields[name] = getattr(ViewState.model_validate({name: found[name]}), name)
        except ValidationError:
            continue
    return ViewState.model_validate(fields)
