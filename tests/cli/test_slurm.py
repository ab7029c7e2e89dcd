"""``--launcher slurm`` from the command line, with programs that answer like Slurm's."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.runs import slurm_jobs


@pytest.fixture(autouse=True)
def _fresh_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    slurm_jobs._answers.clear()
    monkeypatch.setattr(slurm_jobs, "FRESH_SECONDS", 0.0)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An sbatch that accepts everything, and a Slurm whose jobs wait until they are cancelled."""
    folder = tmp_path / "bin"
    folder.mkdir()
    commands = {
        "sbatch": f'printf "%s\\n" "$@" > {folder}/options; cat > /dev/null; echo PENDING > {folder}/state; echo 7',
        "squeue": f'for task in 0 1 2; do echo "7_$task|$(cat {folder}/state)"; done',
        "scancel": f"echo CANCELLED > {folder}/state",
        "scontrol": "echo 'MaxArraySize = 1001'",
        "sinfo": "echo 'gpu* long gpu*' | tr ' ' '\\n'",
    }
    for name, line in commands.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o700)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder


def test_a_sweep_is_submitted_listed_and_stopped(crtui, programs: Path) -> None:
    options = ["--partition", "gpu", "--gres", "gpu:1", "--time", "2:00:00", "--memory", "8G", "--cpus", "2"]
    options += ["--account", "lab", "--slurm-option=--constraint=a100"]
    result = crtui("train", "infogan", "--seeds", "0-2", "--launcher", "slurm", *options, "-d", "--json")
    assert result.code == 0
    assert [(run["status"], run["job"]) for run in result.json] == [("queued", f"7_{task}") for task in range(3)]
    given = (programs / "options").read_text().split()
    assert {"--partition=gpu", "--gres=gpu:1", "--time=2:00:00", "--mem=8G", "--cpus-per-task=2"} <= set(given)
    assert {"--array=0-2", "--account=lab", "--constraint=a100"} <= set(given)
    stopped = crtui("runs", "stop", "infogan-s0", "--json")
    assert [run["status"] for run in stopped.json] == ["stopped"]
    listed = crtui("runs", "list", "--json").json
    assert [(run["status"], run["reason"]) for run in listed] == [
        ("stopped", "asked to stop"),
        ("stopped", "its Slurm job 7_1 was cancelled"),
        ("stopped", "its Slurm job 7_2 was cancelled"),
    ]


def test_a_refusal_of_slurm_is_one_clear_sentence(crtui, programs: Path) -> None:
    (programs / "sbatch").write_text("#!/bin/sh\necho 'sbatch: error: invalid partition specified: gpu' >&2\nexit 1\n")
    result = crtui("train", "infogan", "--launcher", "slurm", "--partition", "gpu", "-d")
    assert (result.code, result.out) == (2, "")
    assert result.err == "error: Slurm's sbatch refused: invalid partition specified: gpu\n"
    assert crtui("runs", "list", "--json").json == []


def test_a_dry_run_needs_no_slurm(crtui, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    shown = crtui("train", "infogan", "--launcher", "slurm", "--memory", "8G", "--dry-run")
    assert shown.code == 0
    assert 'slurm.memory = "8G"' in shown.out.splitlines()
    result = crtui("train", "infogan", "--launcher", "slurm", "-d")
    assert result.code == 2
    assert "'sbatch' is not installed here" in result.err


def test_doctor_says_whether_slurm_can_be_used(crtui, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = crtui("doctor", "--json").json["slurm"]
    assert facts["sbatch"] == str(programs / "sbatch")
    assert (facts["usable"], facts["partitions"]) == (True, ["gpu*", "long"])
    (programs / "sinfo").write_text(
        "#!/bin/sh\necho 'slurm_load_partitions: Unable to contact slurm controller' >&2\nexit 1\n"
    )
    report = crtui("doctor", "--json").json
    assert report["slurm"]["usable"] is False
    assert any("Unable to contact slurm controller" in finding["text"] for finding in report["findings"])
