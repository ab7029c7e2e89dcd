"""Bad input is normal input: exit 2, one sentence on stderr, nothing on stdout, nothing changed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cr_tui.cli import main

TRAIN = {
    "unknown method": (["infogen"], "infogan"),
    "unknown preset": (["--preset", "quack"], "quack"),
    "unknown dataset": (["--data", "dsprits"], "dsprites"),
    "corrupt npz": (["--data", "{tmp}/corrupt.npz"], "corrupt.npz"),
    "missing file": (["--data", "{tmp}/missing.npz"], "missing.npz"),
    "folder as data": (["--data", "{tmp}"], "folder"),
    "unknown key": (["--set", "lambda_ct=1"], "lambda_cr"),
    "assignment without value": (["--set", "lambda_cr"], "key=value"),
    "negative lambda": (["--set", "lambda_cr=-1"], "lambda_cr"),
    "lambda not a number": (["--set", "lambda_cr=nan"], "lambda_cr"),
    "lambda infinite": (["--set", "lambda_info=inf"], "lambda_info"),
    "learning rate of zero": (["--set", "generator_learning_rate=0"], "generator_learning_rate"),
    "no steps": (["--steps", "0"], "steps"),
    "steps not a number": (["--steps", "many"], "--steps"),
    "no threads": (["--threads", "0"], "threads"),
    "negative seed": (["--seed", "-1"], "seed"),
    "seed and seeds": (["--seed", "1", "--seeds", "0-1"], "--seed"),
    "seeds in words": (["--seeds", "all"], "all"),
    "seeds with a hole": (["--seeds", "1,,2"], "1,,2"),
    "seeds backwards": (["--seeds", "4-0"], "0-4"),
    "seeds twice": (["--seeds", "0-2,1"], "seed 1"),
    "too many seeds": (["--seeds", "0-99999999"], "10000"),
    "sweep of an unknown key": (["--sweep", "lambda_ct=1,2"], "lambda_cr"),
    "missing configuration": (["--config", "{tmp}/missing.toml"], "missing.toml"),
    "broken configuration": (["--config", "{tmp}/broken.toml"], "broken.toml"),
    "unknown device": (["--device", "gpu0"], "device"),
    "absent device": (["--device", "cuda:99"], "cuda:99"),
    "unknown launcher": (["--launcher", "ray"], "launcher"),
    "Slurm's partition without Slurm": (["--partition", "gpu"], "launcher slurm"),
    "unreadable time limit": (["--launcher", "slurm", "--time", "soon"], "slurm.time"),
    "option of sbatch that runs things": (["--launcher", "slurm", "--slurm-option=--wrap=id"], "--wrap"),
    "name that climbs": (["--name", "../../x"], "name"),
    "name with markup": (["--name", "[/nope]"], "name"),
    "name with escapes": (["--name", "a\x1b]52;c;x\x07"], "name"),
    "endless name": (["--name", "n" * 300], "name"),
    "unknown option": (["--sede", "1"], "--sede"),
    "two methods": (["infogan", "infogan-cr"], "infogan-cr"),
}
OTHERS = {
    "unknown command": (["trian"], "trian"),
    "group without command": (["runs"], "crtui runs"),
    "show an unknown run": (["runs", "show", "nobody"], "nobody"),
    "logs of an unknown run": (["runs", "logs", "nobody"], "nobody"),
    "metrics of an unknown run": (["runs", "metrics", "nobody"], "nobody"),
    "unknown metric": (["runs", "metrics", "here", "--name", "loss"], "loss"),
    "metrics in two formats": (["runs", "metrics", "here", "--json", "--csv"], "--csv"),
    "follow as json": (["runs", "logs", "here", "--follow", "--json"], "--follow"),
    "stop an unknown run": (["runs", "stop", "nobody"], "nobody"),
    "stop a finished run": (["runs", "stop", "here"], "finished"),
    "stop nothing": (["runs", "stop"], "--group"),
    "resume nothing": (["runs", "resume"], "--all"),
    "resume a finished run": (["runs", "resume", "here"], "finished"),
    "remove an unknown run": (["runs", "rm", "nobody", "--yes"], "nobody"),
    "remove without a yes": (["runs", "rm", "here"], "--yes"),
    "run that climbs": (["runs", "show", "../.."], "../.."),
    "run with escapes": (["runs", "show", "\x1b[2J"], "there is no run"),
    "unknown status": (["runs", "list", "--status", "dead"], "dead"),
    "where in words": (["runs", "list", "--where", "good ones"], "good ones"),
    "where of an unknown field": (["runs", "list", "--where", "loss>1"], "loss"),
    "where with NaN": (["runs", "list", "--where", "score.mig>nan"], "nan"),
    "sort by an unknown field": (["runs", "list", "--sort", "loss"], "loss"),
    "score an unknown run": (["score", "nobody"], "nobody"),
    "unknown protocol": (["score", "here", "--protocol", "mine"], "mine"),
    "score without checkpoint": (["score", "here"], "checkpoint"),
    "score without the step": (["score", "here", "--step", "7"], "7"),
    "select an unknown run": (["select", "nobody"], "nobody"),
    "select an unknown group": (["select", "--group", "none"], "none"),
    "unknown selection method": (["select", "--method", "dice"], "dice"),
    "unknown similarity": (["select", "--similarity", "dice"], "dice"),
    "save as text": (["select", "--save", "{tmp}/x.txt"], "x.txt"),
    "save in no folder": (["select", "--save", "{tmp}/none/x.json"], "none"),
    "traverse an unknown run": (["traverse", "nobody"], "nobody"),
    "traverse without checkpoint": (["traverse", "here"], "checkpoint"),
    "traversal as bitmap": (["traverse", "here", "--save", "{tmp}/x.bmp"], "x.bmp"),
    "traversal as json": (["traverse", "here", "--json"], "--save"),
    "traversal by an unknown way": (["traverse", "here", "--images", "png"], "--images"),
    "prepare an unknown dataset": (["data", "prepare", "dsprits"], "dsprites"),
    "preview an unknown dataset": (["data", "preview", "dsprits"], "dsprites"),
    "preview a corrupt file": (["data", "preview", "{tmp}/corrupt.npz"], "corrupt.npz"),
    "preview of nothing": (["data", "preview", "minisprites", "--images", "0"], "--images"),
    "dashboard without terminal": (["dashboard"], "terminal"),
    "refresh that is no time": (["dashboard", "--refresh", "nan"], "--refresh"),
}
CASES = {name: (["train", *words], hint) for name, (words, hint) in TRAIN.items()} | OTHERS


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file below a folder; locks, which hold nothing, aside."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        # Where selections are while they are being computed.
        if path.name != ".jobs"
        if not path.name.endswith(".lock") and path.name != ".lease"
    }


@pytest.mark.parametrize(("words", "hint"), CASES.values(), ids=CASES.keys())
def test_bad_input_is_refused_in_one_sentence(
    crtui, add_run, store, tmp_path: Path, words: list[str], hint: str
) -> None:
    add_run(name="here")
    (tmp_path / "corrupt.npz").write_bytes(b"PK\x03\x04 this is no archive")
    (tmp_path / "broken.toml").write_text("seed = = 1")
    before = contents(tmp_path)
    result = crtui(*(word.replace("{tmp}", str(tmp_path)) for word in words))
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1, "more than one line"
    assert "Traceback" not in result.err
    assert "\x1b" not in result.err
    assert hint in result.err
    assert contents(tmp_path) == before


@pytest.mark.parametrize("store_path", ["{tmp}/file", "{tmp}/file/below", "/proc/crtui", "/dev/null"])
@pytest.mark.parametrize("words", [["runs", "list"], ["train", "--steps", "1", "-d"], ["select"], ["data", "list"]])
def test_a_store_that_cannot_be_written_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, store_path: str, words: list[str]
) -> None:
    (tmp_path / "file").write_text("precious")
    code = main(["--store", store_path.replace("{tmp}", str(tmp_path)), *words])
    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert captured.err.startswith("error: store ")
    assert captured.err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "slots"]
    assert (tmp_path / "file").read_text() == "precious"


def test_a_usage_error_names_the_help_that_would_show_it(crtui) -> None:
    assert "crtui runs show --help" in crtui("runs", "show").err


def test_a_damaged_registry_is_named_with_its_cure(crtui, add_run, store) -> None:
    add_run()
    store.registry_path.write_bytes(b"\0" * 100)
    result = crtui("runs", "list", "--json")
    assert result.code == 2
    assert result.out == ""
    assert "crtui runs reindex" in result.err
    assert crtui("runs", "reindex", "--json").json["runs"] == 1
    assert len(crtui("runs", "list", "--json").json) == 1


def run_crtui(words: list[str], **options: object) -> subprocess.CompletedProcess[str]:
    """``crtui`` as a process of its own."""
    program = "import sys; from cr_tui.cli import main; sys.exit(main())"
    return subprocess.run([sys.executable, "-c", program, *words], stderr=subprocess.PIPE, text=True, **options)


def test_output_that_cannot_be_written_is_a_failure_in_one_sentence(store, add_run) -> None:
    add_run()
    with Path("/dev/full").open("w") as full:
        done = run_crtui(["--store", str(store.root), "runs", "list", "--json"], stdout=full)
    assert done.returncode == 1
    assert done.stderr == "error: No space left on device\n"


@pytest.mark.parametrize("closed", [">&-", "2>&- >&-", "<&- >&- 2>&-", "<&-"])
def test_closed_streams_are_no_error(store, add_run, closed: str) -> None:
    folder = add_run()
    program = "import sys; from cr_tui.cli import main; sys.exit(main())"
    words = [sys.executable, "-c", program, "--store", str(store.root), "runs"]
    for action in (["list"], ["rm", folder.id, "--yes"]):
        done = subprocess.run(
            ["sh", "-c", f'exec "$@" {closed}', "sh", *words, *action], capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
    assert not folder.path.exists()
    # None of the files that were opened meanwhile took what was printed.
    assert b"deleted" not in b"".join(path.read_bytes() for path in store.root.rglob("*") if path.is_file())


def test_a_reader_that_has_seen_enough_is_no_error(store, add_run) -> None:
    add_run()
    reading, writing = os.pipe()
    os.close(reading)
    done = run_crtui(["--store", str(store.root), "runs", "list", "--json"], stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_want_of_memory_is_one_sentence(crtui, monkeypatch, error: Exception) -> None:
    def exhausted(store: object) -> None:
        raise error

    monkeypatch.setattr("engine.runs.catalogue.list_runs", exhausted)
    result = crtui("runs", "list")
    assert result.code == 1
    assert result.err == "error: out of memory; free some, or ask for less at a time\n"
