"""Every file of a store, damaged: clean errors, and what is not damaged stays usable."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given

from cr_tui.dashboard.model.curves import History
from cr_tui.dashboard.model.view_state import ViewState, ViewStates
from cr_tui.dashboard.store.log_tail import LogTail
from cr_tui.dashboard.store.stored_selections import StoredSelections
from engine.errors import CrtuiError, InputError
from engine.methods import method_class
from engine.methods.base import Setup
from engine.models.codes import Codes
from engine.runs.catalogue import list_runs, look_at
from engine.runs.event_log import EventLog
from engine.runs.events import EventTail, last_step, read_events
from engine.runs.folder import RunFolder
from engine.runs.loading import describe, find_checkpoint, load_model
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders
from engine.runs.specification.resolving import resolve, validate
from engine.runs.state import Outcome, Status
from engine.selection.latent_sets import LatentSet
from engine.selection.pair_cache import PairCache
from engine.selection.pair_statistics import PairStatistics
from engine.storage.store import Store
from engine.training import checkpoints

Damage = Callable[[Any, bytes], bytes]
Watch = Callable[[], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of two runs, a selection, a cached pair, a configuration and a view state."""
    folder = tmp_path_factory.mktemp("pristine")
    store = Store.open(folder / "store")
    widths = {"dense": [8], "channels": []}
    method = {"name": "infogan", "codes": 2, "noise": 1, "generator": widths, "discriminator": widths}
    tree = {"method": method, "data": {"name": "minisprites"}, "training": {"steps": 7}}
    made = create_run_folders(store, [validate({"name": name} | tree) for name in ("first", "second")])
    for run, lease in made:
        with EventLog(run.events_path) as log:
            for step in range(20):
                log.write(step, "train", loss=1.0 / (step + 1), gap=float("nan"))
            log.write(20, "score", factor_vae=0.5)
        run.log_path.write_text("a line\nWarning: another\n" * 20)
        network = method_class("infogan")(run.spec().method, Setup((8, 8, 1), 100, 0, 7, torch.device("cpu")))
        described = describe(network, (8, 8, 1), "minisprites")
        state = {"moments": torch.zeros(3), "rng": torch.get_rng_state()}
        checkpoints.save(run.checkpoints, 7, network.networks.state_dict(), state, described, milestone=True)
        run.update_state(lambda state: state.ended_as(Status.FINISHED))
        os.close(lease)
    run = made[0][0]
    run.outcome_path.write_bytes(Outcome(status=Status.FINISHED, step=7).model_dump_json().encode())
    Registry(store).add_runs([run for run, _ in made])
    ids = [run.id for run, _ in made]
    ranked = {"scores": [0.5, None], "ranking": ids, "pick": ids[0]}
    selection = store.root / "selections" / "20260101-000000-abcdef"
    selection.mkdir(parents=True)
    ranking = {"runs": ids, "matrix": [[1.0, 0.5], [0.5, None]], "methods": {"model-centrality": ranked}}
    (selection / "ranking.json").write_text(json.dumps(ranking))
    draws = np.random.default_rng(0).normal(size=(60, 2))
    PairCache(folder / "cache").save("p", "g", "e", _statistics(draws))
    (folder / "run.toml").write_text(_TOML)
    ViewStates(folder / "dashboard.json", "here").save(ViewState())
    return folder


_TOML = """
name = "mine"
seed = 3
[method]
name = "infogan-cr"
lambda_cr = [[0, 0.0], [100, 0.1]]
[method.generator]
dense = [8]
[data]
name = "minisprites"
[training]
steps = 10
"""


def _statistics(draws: np.ndarray[Any, Any]) -> PairStatistics:
    drawn = LatentSet(torch.from_numpy(draws).float(), np.arange(60).reshape(10, 6), slice(None))
    return PairStatistics.of(draws, drawn, Codes(2, prior="normal"))


@dataclass(frozen=True)
class Case:
    """A kind of file.

    Args:
        name: of the test.
        path: of the file, below the pristine folder.
        read: everything that reads it; may raise the project's own errors only.
        rehash: make the checkpoint's manifest say that the damaged file is right.
    """

    name: str
    path: str
    read: Callable[[Path], object]
    rehash: bool = False


def _run(folder: Path) -> RunFolder:
    return RunFolder(min((folder / "store" / "runs").glob("2*")))


def _tolerated(*readers: Callable[[], object]) -> None:
    """Each may refuse, cleanly."""
    for reader in readers:
        with contextlib.suppress(CrtuiError):
            reader()


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True


def _list(folder: Path) -> None:
    """A damaged run must not hide the other one, whose folder is whole."""
    records = list_runs(Store(folder / "store"))
    assert "second" in {record.name for record in records}
    _tolerated(lambda: look_at(_run(folder)))


def _read_specification(folder: Path) -> None:
    _list(folder)
    run = _run(folder)
    _tolerated(run.spec, run.summary, lambda: load_model(run.path))


def _read_registry(folder: Path) -> None:
    store, path = Store(folder / "store"), folder / "store" / "registry.json"
    before = path.read_bytes()
    _tolerated(lambda: Registry(store).add_runs([_run(folder)]))
    if not _is_json(before):
        assert path.read_bytes() == before
    _tolerated(lambda: list_runs(store))
    # Reindexing is what errors tell to do; it mends whatever it was.
    Registry(store).reindex()
    assert {record.name for record in list_runs(store)} == {"first", "second"}


def _read_events(folder: Path) -> None:
    path = _run(folder).events_path
    read_events(path)
    last_step(path)
    tail, history = EventTail(path), History()
    for _ in range(3):
        history.add(tail.read().rows)
    with EventLog(path) as log:
        log.write(99, "note", text="after the damage")
    # Whatever was left of the last line, the next one is whole.
    assert json.loads(path.read_bytes().splitlines()[-1])["text"] == "after the damage"


def _read_checkpoint(folder: Path) -> None:
    run = _run(folder)
    checkpoint = run.checkpoints / "step-00000007"
    _tolerated(
        lambda: find_checkpoint(run.path),
        lambda: load_model(run.path),
        lambda: checkpoints.load(checkpoint).weights(),
        lambda: checkpoints.load(checkpoint).trainer_state(),
        lambda: checkpoints.newest(run.checkpoints, lambda warning: None),
    )


def _read_selection(folder: Path) -> None:
    for selection in StoredSelections(folder / "store" / "selections").newest_first():
        assert all(set(ranked.ranking) <= set(selection.runs) for ranked in selection.methods.values())


def _read_pair(folder: Path) -> None:
    found = PairCache(folder / "cache").load("p", "g", "e")
    if found is not None:
        found.fits(10, Codes(2), Codes(2))


def _read_view_state(folder: Path) -> None:
    states = ViewStates(folder / "dashboard.json", "here")
    states.load()
    states.save(ViewState())
    assert states.load() == ViewState()


def _read_log(folder: Path) -> None:
    tail = LogTail(_run(folder).log_path, 100, 1 << 20)
    while tail.poll():
        pass
    assert len(tail.lines) <= 100


_RUN = "store/runs/*"
CASES = (
    Case("spec", f"{_RUN}/spec.json", _read_specification),
    Case("state", f"{_RUN}/state.json", _list),
    Case("outcome", f"{_RUN}/outcome.json", _list),
    Case("registry", "store/registry.json", _read_registry),
    Case("events", f"{_RUN}/events.jsonl", _read_events),
    Case("log", f"{_RUN}/log.txt", _read_log),
    Case("manifest", f"{_RUN}/checkpoints/*/manifest.json", _read_checkpoint),
    Case("weights", f"{_RUN}/checkpoints/*/weights.safetensors", _read_checkpoint),
    Case("weights that were made so", f"{_RUN}/checkpoints/*/weights.safetensors", _read_checkpoint, True),
    Case("trainer", f"{_RUN}/checkpoints/*/trainer.safetensors", _read_checkpoint),
    Case("trainer that was made so", f"{_RUN}/checkpoints/*/trainer.safetensors", _read_checkpoint, True),
    Case("ranking", "store/selections/*/ranking.json", _read_selection),
    Case("pair", "cache/*/*/*.npz", _read_pair),
    Case("view state", "dashboard.json", _read_view_state),
    Case("configuration", "run.toml", lambda folder: _tolerated(lambda: resolve(config=folder / "run.toml"))),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@given(data=st.data())
def test_a_damaged_file_of_a_store_gives_clean_errors(
    case: Case,
    data: st.DataObject,
    pristine: Path,
    damaged: Damage,
    watched: Watch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    shutil.copytree(pristine, folder, dirs_exist_ok=True)
    path = min(folder.glob(case.path))
    path.write_bytes(damaged(data, path.read_bytes()))
    if case.rehash:
        manifest = path.parent / "manifest.json"
        content = json.loads(manifest.read_text())
        content["files"][path.name] |= {
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "bytes": path.stat().st_size,
        }
        manifest.write_text(json.dumps(content))
    with watched():
        case.read(folder)
    shutil.rmtree(folder)


def test_a_description_cannot_ask_for_more_memory_than_its_weights_fill(
    pristine: Path, tmp_path: Path, watched: Watch
) -> None:
    shutil.copytree(pristine, tmp_path, dirs_exist_ok=True)
    manifest = min(tmp_path.glob(f"{_RUN}/checkpoints/*/manifest.json"))
    content = json.loads(manifest.read_text())
    content["description"]["method"]["generator"]["dense"] = [60_000, 60_000]
    manifest.write_text(json.dumps(content))
    with watched(), pytest.raises(InputError, match="does not fit its method"):
        load_model(_run(tmp_path).path)
