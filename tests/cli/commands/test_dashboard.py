from __future__ import annotations

import pytest

from cr_tui.cli import main


@pytest.mark.parametrize("rate", ["", "0", "999", "fast", "4G", "-1", "1e6", "٣٠٠٠", "9" * 12])
def test_a_rate_that_is_none_is_refused(crtui, rate: str) -> None:
    refused = crtui("dashboard", "ssh://host/store", "--limit-rate", rate)
    assert refused.code == 2
    assert "--limit-rate takes bytes a second from 1000" in refused.err


def test_a_rate_is_for_stores_on_other_machines(crtui) -> None:
    refused = crtui("dashboard", "--limit-rate", "500k")
    assert refused.code == 2
    assert "for stores on other machines" in refused.err


def test_an_address_that_is_none_is_refused(crtui) -> None:
    refused = crtui("dashboard", "ssh://-oProxyCommand=x/store")
    assert refused.code == 2
    assert "names no host" in refused.err


@pytest.mark.parametrize("words", [("dashboard",), ("dashboard", "ssh://host/store")])
def test_without_a_terminal_nothing_is_connected(crtui, words: tuple[str, ...]) -> None:
    refused = crtui(*words)
    assert refused.code == 2
    assert "needs a terminal" in refused.err


def test_a_far_store_in_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("CRTUI_STORE", "ssh://me:secret@host/store")
    assert main(["runs", "list"]) == 2
    assert "holds no password" in capsys.readouterr().err


def test_a_far_store_is_no_folder_for_programs(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    from engine.errors import InputError
    from engine.storage.store import Store

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRTUI_STORE", "ssh://host/store")
    with pytest.raises(InputError, match="on another machine"):
        Store.open()
    assert not list(tmp_path.glob("ssh*"))
