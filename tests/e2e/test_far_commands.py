"""Commands on a store of another machine, over a real SSH server on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.storage.store import Store
from engine.training import checkpoints
from tests.ssh_server import ROOT, SshServer, needs_ssh, ssh_server
from tests.tiny_runs import add_tiny_run

pytestmark = needs_ssh
Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with ssh_server(tmp_path_factory.mktemp("far") / "ssh") as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "there")


@pytest.fixture
def far(server: SshServer, store: Store, tmp_path: Path) -> Call:
    """Runs ``crtui --store ssh://…`` in a folder of its own."""
    (tmp_path / "here").mkdir()
    slots = {"CRTUI_SLOTS": str(tmp_path / "slots")}
    variables = os.environ | server.variables(slots) | {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path / "here")}

    def call(*words: str, address: str | None = None, **changed: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cr_tui", "--store", address or server.address(store.root), *words]
        there = variables | changed
        return subprocess.run(
            command, cwd=tmp_path / "here", env=there, capture_output=True, text=True, check=False, timeout=120
        )

    return call


def test_a_list_of_runs_is_that_of_the_other_machine(far: Call, store: Store) -> None:
    run = add_tiny_run(store, "tiny")
    listed = far("runs", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    assert [row["id"] for row in json.loads(listed.stdout)] == [run.id]


def test_errors_and_exit_codes_come_through(far: Call) -> None:
    refused = far("runs", "show", "it's not there; touch x")
    assert refused.returncode == 2
    assert "there is no run" in refused.stderr


def test_a_file_that_a_command_writes_is_written_here(far: Call, store: Store, tmp_path: Path) -> None:
    add_tiny_run(store, "tiny")
    shown = far("export", "tiny", "--to=a model")
    assert shown.returncode == 0, shown.stderr
    written = tmp_path / "here" / "a model"
    assert checkpoints.load(written).exported
    again = far("export", "tiny", "--to=a model")
    assert again.returncode == 2
    assert "exists" in again.stderr


def test_a_file_that_a_command_reads_goes_along(far: Call, store: Store, tmp_path: Path) -> None:
    from PIL import Image

    add_tiny_run(store, "tiny")
    Image.new("RGB", (40, 40)).save(tmp_path / "here" / "cat.png")
    encoded = far("encode", "tiny", "cat.png", "--json")
    assert encoded.returncode == 0, encoded.stderr
    assert json.loads(encoded.stdout)[0]["file"].endswith("cat.png")


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_asked(far: Call) -> None:
    refused = far("report", "--to", "nowhere/page.html", address="ssh://no.host.invalid/store")
    assert refused.returncode == 2
    assert "cannot write 'nowhere/page.html'" in refused.stderr


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("ssh://", "names no host"),
        ("ssh://-oProxyCommand=touch/x", "names no host"),
        ("ssh://-l@host/x", "unusable user"),
        ("ssh://me:secret@host/x", "holds no password"),
        ("ssh://host:99999/x", "no address of a store"),
        ("ssh://host:0/x", "unusable port"),
        ("ssh://host/x?y", "unusable path"),
        ("ssh://host/%0a", "unusable path"),
    ],
)
def test_an_address_that_is_none_gets_one_sentence(far: Call, address: str, sentence: str) -> None:
    refused = far("runs", "list", address=address)
    assert refused.returncode == 2
    assert sentence in refused.stderr
    assert "secret" not in refused.stderr


def test_a_machine_that_is_not_there_gets_a_sentence(far: Call) -> None:
    refused = far("runs", "list", address="ssh://127.0.0.1:1/store")
    assert refused.returncode == 1
    assert "there is no connection to 127.0.0.1" in refused.stderr


def test_a_machine_without_crtui_gets_a_sentence(far: Call) -> None:
    refused = far("runs", "list", CRTUI_FAR_COMMAND="no-such-crtui")
    assert refused.returncode == 2
    assert "has no crtui on its PATH" in refused.stderr
