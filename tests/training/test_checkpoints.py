"""Checkpoints are whole or not there."""

import errno
import os
import stat
from pathlib import Path

import pytest
import torch

from engine.errors import InputError, StoreError, WorkError
from engine.training import checkpoints


def save(folder: Path, step: int, milestone: bool = False) -> checkpoints.Checkpoint:
    weights = {"a": torch.full((3, 2), float(step)), "b": torch.arange(4)}
    trainer = {"draws": torch.Generator().manual_seed(step).get_state(), "steps": {0: {"lr": 0.1}}}
    return checkpoints.save(folder, step, weights, trainer, {"method": {"name": "x"}}, milestone)


def test_round_trip(tmp_path: Path) -> None:
    written = save(tmp_path, 7)
    read = checkpoints.load(tmp_path / "step-00000007")
    assert read == written
    assert torch.equal(read.weights()["a"], torch.full((3, 2), 7.0))
    assert read.trainer_state()["steps"] == {0: {"lr": 0.1}}
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000007"]


@pytest.mark.parametrize("name", [checkpoints.WEIGHTS, checkpoints.TRAINER, checkpoints.MANIFEST])
@pytest.mark.parametrize("damage", ["flip", "truncate", "delete"])
def test_a_damaged_newest_checkpoint_is_set_aside_for_the_one_before(tmp_path: Path, name: str, damage: str) -> None:
    save(tmp_path, 1)
    save(tmp_path, 2)
    path = tmp_path / "step-00000002" / name
    content = bytearray(path.read_bytes())
    if damage == "flip":
        # The manifest's first byte is its opening brace; elsewhere any byte is covered by the hash.
        content[0] ^= 1
        path.write_bytes(content)
    elif damage == "truncate":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.unlink()
    warnings: list[str] = []
    found = checkpoints.newest(tmp_path, warnings.append)
    assert found is not None
    assert found.step == 1
    assert len(warnings) == 1
    assert "step-00000002" in warnings[0]
    assert checkpoints.steps(tmp_path) == [1]
    assert (tmp_path / "step-00000002.damaged").is_dir()


def test_a_half_written_checkpoint_does_not_count(tmp_path: Path) -> None:
    (tmp_path / ".step-00000009.tmp").mkdir()
    (tmp_path / "step-x").mkdir()
    assert checkpoints.steps(tmp_path) == []
    assert checkpoints.newest(tmp_path, print) is None


def test_the_same_step_can_be_written_again(tmp_path: Path) -> None:
    save(tmp_path, 3)
    save(tmp_path, 3, milestone=True)
    assert checkpoints.load(tmp_path / "step-00000003").milestone
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000003"]


def test_pruning_keeps_the_newest_and_the_milestones(tmp_path: Path) -> None:
    for step in range(1, 7):
        save(tmp_path, step, milestone=step == 2)
    checkpoints.prune(tmp_path, keep=2)
    assert checkpoints.steps(tmp_path) == [2, 5, 6]


def test_the_best_are_kept_beside_the_newest(tmp_path: Path) -> None:
    scores = {1: 0.3, 2: 0.9, 3: float("nan"), 4: 0.9, 5: 0.1, 99: 1.0}
    for step in range(1, 7):
        save(tmp_path, step)
    assert checkpoints.best_steps(tmp_path, scores, 0) == []
    assert checkpoints.best_steps(tmp_path, scores, 2) == [4, 2]
    checkpoints.prune(tmp_path, 1, checkpoints.best_steps(tmp_path, scores, 1))
    assert checkpoints.steps(tmp_path) == [4, 6]


def test_a_deleted_run_does_not_come_back_as_half_a_folder(tmp_path: Path) -> None:
    with pytest.raises(WorkError, match="step 5"):
        save(tmp_path / "gone" / "checkpoints", 5)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_pruned_while_the_newest_is_damaged(tmp_path: Path) -> None:
    for step in range(1, 5):
        save(tmp_path, step)
    (tmp_path / "step-00000004" / checkpoints.WEIGHTS).write_bytes(b"")
    with pytest.raises(InputError, match="damaged"):
        checkpoints.prune(tmp_path, keep=1)
    assert checkpoints.steps(tmp_path) == [1, 2, 3, 4]


@pytest.mark.parametrize("name", [checkpoints.WEIGHTS, checkpoints.MANIFEST])
def test_what_may_be_readable_later_is_not_called_damaged(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's file, or a network file system that went away; root reads everything, so the call is replaced."""
    save(tmp_path, 1)
    newest = save(tmp_path, 2)
    inode, fstat, refusal = (newest.path / name).stat().st_ino, os.fstat, errno.EACCES

    def refuse(descriptor: int) -> os.stat_result:
        found = fstat(descriptor)
        if found.st_ino == inode:
            raise OSError(refusal, os.strerror(refusal), name)
        return found

    monkeypatch.setattr(os, "fstat", refuse)
    with pytest.raises(WorkError, match="Permission denied"):
        checkpoints.newest(tmp_path, pytest.fail)
    assert checkpoints.steps(tmp_path) == [1, 2]
    # A bad sector will not get better.
    refusal = errno.EIO
    found = checkpoints.newest(tmp_path, lambda text: None)
    assert found is not None
    assert found.step == 1


def test_a_disk_that_reads_nothing_and_takes_nothing_has_lost_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, 1)
    save(tmp_path, 2)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(checkpoints, "open_regular", refuse)
    monkeypatch.setattr(checkpoints, "new_file", refuse)
    with pytest.raises(StoreError, match="does not answer: Input/output error"):
        checkpoints.newest(tmp_path, pytest.fail)
    monkeypatch.undo()
    found = checkpoints.newest(tmp_path, pytest.fail)
    assert found is not None
    assert found.step == 2


def test_what_could_not_be_deleted_is_deleted_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for step in (1, 2):
        save(tmp_path, step)
    remove = checkpoints.remove_tree

    def refuse(path: Path) -> None:
        if path.exists():
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    monkeypatch.setattr(checkpoints, "remove_tree", refuse)
    with pytest.raises(StoreError, match="Stale file handle"):
        checkpoints.prune(tmp_path, keep=1)
    monkeypatch.setattr(checkpoints, "remove_tree", remove)
    checkpoints.prune(tmp_path, keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000002"]


def test_files_are_their_users_or_the_groups(tmp_path: Path) -> None:
    for mode, of_folders, of_files in ((0o755, 0o700, 0o600), (0o2770, 0o2770, 0o660)):
        tmp_path.chmod(mode)
        written = save(tmp_path, mode)
        assert stat.S_IMODE(written.path.stat().st_mode) == of_folders
        assert {stat.S_IMODE(file.stat().st_mode) for file in written.path.iterdir()} == {of_files}


def test_an_unwritable_folder_is_a_work_error_and_leaves_nothing(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(WorkError, match="step 5"):
        save(blocker / "checkpoints", 5)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


class Exploit:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("executed",)


def test_a_pickle_in_the_trainer_state_is_not_executed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"x": Exploit()}, tmp_path / checkpoints.PICKLED_TRAINER)
    checkpoint = checkpoints.Checkpoint(tmp_path, 1, False, {}, "", format=1)
    with pytest.raises(InputError, match=r"cannot be read with weights_only=True"):
        checkpoint.trainer_state()
    assert capsys.readouterr().out == ""
