"""What is said of a missing library fits how crtui was installed."""

from __future__ import annotations

import json
from importlib import metadata

import pytest

from engine import extras
from engine.errors import InputError


class Installed:
    """A distribution as an installer describes it."""

    def __init__(self, origin: object) -> None:
        self._origin = origin

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return None if self._origin is None else json.dumps(self._origin)


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (None, "pip install 'crtui[plot]'"),
        ({"url": "file:///a/clone", "dir_info": {}}, "pip install '/a/clone[plot]'"),
        ({"url": "file:///a/clone", "dir_info": {"editable": True}}, "pip install -e '/a/clone[plot]'"),
        ({"url": "file:///a%20b/clone", "dir_info": {}}, "pip install '/a b/clone[plot]'"),
        ({"url": "file:///crtui.whl", "archive_info": {}}, "pip install 'crtui[plot] @ file:///crtui.whl'"),
        ([], "pip install 'crtui[plot]'"),
    ],
)
def test_the_command_installs_from_where_crtui_came(
    monkeypatch: pytest.MonkeyPatch, origin: object, command: str
) -> None:
    monkeypatch.setattr(metadata, "distribution", lambda name: Installed(origin))
    assert extras.install_command("plot").endswith(command)


def test_what_is_missing_is_named() -> None:
    extras.require(("json",), "plot", "this")
    with pytest.raises(InputError, match="this needs nosuch and nothere; install with: "):
        extras.require(("json", "nosuch", "nothere"), "plot", "this")
