"""Writers of the store that are killed at any moment: what one of them was told is kept, is kept."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from engine.runs.catalogue import add_scores, look_at
from engine.runs.folder import RunFolder
from engine.runs.registry import Registry
from engine.runs.run_folders import create_run_folders
from engine.storage.store import Store
from tests.toys import toy

WRITERS = 8
fork = multiprocessing.get_context("fork")


def acknowledged(notes: Path) -> list[int]:
    """The updates whose end a writer has seen; it notes each only then."""
    return [int(line) for line in notes.read_text().split()] if notes.exists() else []


def write(own: RunFolder, shared: RunFolder, number: int, notes: Path, updates: int) -> None:
    """Go on after the last update that was acknowledged: to the writer's own run, and to one that all write to."""
    registry, record = Registry(own.store), look_at(shared)
    descriptor = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for update in range(max(acknowledged(notes), default=0) + 1, updates + 1):
        own.update_state(lambda state, step=update: state.model_copy(update={"step": step}))
        registry.update_runs([own])
        add_scores(record, {f"{number}-{update}": float(update)})
        os.write(descriptor, f"{update}\n".encode())


def check_killed_writers(store: Store, tmp_path: Path, updates: int, kills: int) -> None:
    folders = []
    for folder, lease in create_run_folders(store, [toy(seed=number) for number in range(WRITERS + 1)]):
        os.close(lease)
        folders.append(folder)
    shared, *own = folders
    Registry(store).add_runs(folders)
    notes = [tmp_path / f"acknowledged-{number}" for number in range(WRITERS)]

    def begin(number: int) -> BaseProcess:
        process = fork.Process(target=write, args=(own[number], shared, number, notes[number], updates))
        process.start()
        return process

    dice, killed = random.Random(0), 0
    writers = [begin(number) for number in range(WRITERS)]
    while any(writer.is_alive() for writer in writers):
        time.sleep(dice.uniform(0.0, 0.01))
        living = [number for number, writer in enumerate(writers) if writer.is_alive()]
        if killed < kills and living:
            number = dice.choice(living)
            writers[number].kill()
            writers[number].join()
            killed += 1
            rows = {row.id: row for row in Registry(store).rows()}
            seen = acknowledged(notes[number])
            assert rows[own[number].id].step >= max(seen, default=0)
            assert {f"{number}-{update}" for update in seen} <= rows[shared.id].scores.keys()
            writers[number] = begin(number)
    # On a quick machine the writers are done before the last of them.
    assert killed > kills // 2
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    for rows in (Registry(store).rows(), [Registry(store).reindex(), *Registry(store).rows()][1:]):
        by_id = {row.id: row for row in rows}
        assert [by_id[folder.id].step for folder in own] == [updates] * WRITERS
        expected = {f"{number}-{update}" for number in range(WRITERS) for update in range(1, updates + 1)}
        assert by_id[shared.id].scores.keys() == expected


def test_no_acknowledged_update_of_killed_writers_is_lost(store: Store, tmp_path: Path) -> None:
    check_killed_writers(store, tmp_path, updates=15, kills=20)


@pytest.mark.slow
def test_no_acknowledged_update_of_many_killed_writers_is_lost(store: Store, tmp_path: Path) -> None:
    check_killed_writers(store, tmp_path, updates=200, kills=200)
