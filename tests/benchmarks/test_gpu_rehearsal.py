"""The command for a loan of a GPU, gone through on a CPU: what it keeps, and what it does to stages that go wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path
from typing import Any

import psutil
import pytest

import gpu
from gpu_stages import many, paper, wheels
from gpu_stages.stage import NO_GPU, Request, Stage, result_path

ROOT = Path(__file__).parents[2]
STAGES = ["product", "equality", "rates", "many", "selection", "paper"]


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """What a whole rehearsal kept, by stage, and where."""
    folder = tmp_path_factory.mktemp("loan")
    out = folder / "out"
    done = command("--out", str(out), "--work", str(folder / "work"), "--rehearse")
    report = json.loads((out / "results.json").read_text())
    assert done.returncode == 0, done.stdout + done.stderr + json.dumps(report, indent=1)
    assert done.stdout.splitlines()[0] == "rehearsal on the CPU: no figure here says anything about a GPU"
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:]] == [[name, "ok"] for name in STAGES]
    assert report["rehearsal"] is True
    assert [stage["stage"] for stage in report["stages"]] == STAGES
    assert [stage["status"] for stage in report["stages"]] == ["ok"] * len(STAGES)
    assert all(0 < stage["seconds"] < stage["limit_seconds"] for stage in report["stages"])
    return {stage["stage"]: stage["result"] for stage in report["stages"]}, out


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CRTUI_")}
    program = [sys.executable, str(ROOT / "benchmarks/gpu.py"), *arguments]
    return subprocess.run(program, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.slow
def test_the_product_is_walked_through(rehearsal: tuple[dict[str, Any], Path]) -> None:
    product = rehearsal[0]["product"]
    unrecorded, recorded = product["runs"]
    assert [run["status"] for run in product["runs"]] == ["finished", "finished"]
    assert [run["cuda_graph"] for run in product["runs"]] == [False, True]
    assert [unrecorded["attempt"], recorded["attempt"]] == [1, 2]
    assert product["stopped"]["status"] == "stopped"
    assert 0 < product["stopped"]["step"] < recorded["total_steps"]
    assert product["stopped"]["step"] in recorded["checkpoints"]
    assert all(run["it_per_s"] > 0 for run in product["runs"])
    assert all(run["gpu_peak_mib"] == product["nvidia_smi"] == NO_GPU for run in product["runs"])
    assert [set(one["scores"]) for one in product["scores"]] == [{"factor_vae"}] * 2
    assert product["selection"]["pick"] in [run["id"] for run in product["runs"]]
    assert product["doctor"]["devices"]["cores"] > 0
    assert all(part["seconds"] >= 0 for part in product["parts"].values())


@pytest.mark.slow
def test_the_device_is_compared_with_the_cpu(rehearsal: tuple[dict[str, Any], Path]) -> None:
    equality = rehearsal[0]["equality"]
    losses = {"loss_contrastive", "loss_discriminator", "loss_generator", "loss_information"}
    for found in (equality["updates"], equality["recorded_updates"]):
        # The device of a rehearsal is the CPU itself.
        assert found["first"] == found["largest"] == dict.fromkeys(losses, 0.0)
        assert found["compared"] > 1
    assert set(equality["functions"]) >= {"generator", "discriminator", "codes", "contrastive", "generator_loss"}
    assert set(equality["functions"].values()) == {0.0}


@pytest.mark.slow
def test_every_variant_is_timed(rehearsal: tuple[dict[str, Any], Path]) -> None:
    rates = rehearsal[0]["rates"]
    rows = {(row["variant"], row["precision"], row["lambda_cr"]): row for row in rates["rows"]}
    assert len(rows) == len(rates["rows"]) == 16
    for (_, precision, _), row in rows.items():
        if precision == "tf32":
            assert row["it_per_s"] == NO_GPU
        else:
            assert row["slowest"] <= row["it_per_s"] <= row["fastest"]
            assert row["tflop_per_s"] == pytest.approx(row["gflop"] * row["it_per_s"] / 1000)
    needed = {lambda_cr: rows["engine", "float32", lambda_cr]["gflop"] for lambda_cr in (0.0, 2.0)}
    assert 0 < needed[0.0] < needed[2.0]
    assert len(rates["runs"]) == 5
    for run in rates["runs"]:
        fast, slow = (rows[run["variant"], run["precision"], lambda_cr]["it_per_s"] for lambda_cr in (0.0, 2.0))
        assert min(fast, slow) <= run["mean_it_per_s"] <= max(fast, slow)
        # Tiny networks say nothing about the paper's.
        assert "reaches" not in run


@pytest.mark.slow
def test_many_models_are_compared_both_ways(rehearsal: tuple[dict[str, Any], Path]) -> None:
    found = rehearsal[0]["many"]
    assert [row["models"] for row in found["rows"]] == [1, 2]
    for row in found["rows"]:
        assert row["ratio"] == pytest.approx(row["one_process"]["it_per_s"] / row["processes"]["it_per_s"])
        assert row["one_process"]["memory"] == row["processes"]["memory"] == NO_GPU
    assert found["processes_that_pay"] in (1, 2)


@pytest.mark.slow
def test_models_are_selected(rehearsal: tuple[dict[str, Any], Path]) -> None:
    selection = rehearsal[0]["selection"]
    assert (selection["models"], selection["compared_pairs"], selection["evaluated_pairs"]) == (2, 4, 4)
    assert selection["excluded"] == {}
    assert 0 < selection["seconds"] < selection["command_seconds"]


@pytest.mark.slow
def test_the_papers_runs_are_kept(rehearsal: tuple[dict[str, Any], Path]) -> None:
    results, out = rehearsal
    [run], [kept] = results["paper"]["runs"], results["paper"]["kept"]
    assert (run["status"], run["step"] > 0, run["it_per_s"] > 0) == ("stopped", True, True)
    assert [set(one["scores"]) for one in results["paper"]["scores"]] == [{"factor_vae"}]
    with tarfile.open(out / kept["archive"]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names == set(kept["files"])
    last = f"step-{run['checkpoints'][-1]:08d}"
    assert names == {
        "spec.json",
        "events.jsonl",
        f"scores/{last}-paper.json",
        f"checkpoints/{last}/weights.safetensors",
    }


TOY_STAGES = """import json, subprocess, sys, time
request = json.load(open(sys.argv[1]))
print("begun", flush=True)
if request["stage"] == "rates":
    child = subprocess.Popen(["sleep", "1000"])
    json.dump({"child": child.pid}, open(request["work"] + "/rates.json", "w"))
    time.sleep(1000)
sys.exit(request["stage"] == "product")
"""


def lives(pid: int) -> bool:
    """Whether a process runs. Where nobody collects orphans, a killed one stays in the table."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_stage_that_crashes_or_hangs_does_not_stop_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "toy" / "gpu_stages"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(TOY_STAGES)
    monkeypatch.setattr(gpu, "_LEAST_SECONDS", 0.5)
    environment = os.environ | {"PYTHONPATH": str(package.parent)}
    ends = time.monotonic() + 60
    loan = gpu.Loan(tmp_path, tmp_path, sys.executable, ("false",), environment, rehearse=False, ends=ends)
    crashed = gpu._stage(loan, "product", [], 60.0)
    hung = gpu._stage(loan, "rates", [crashed], 15.0)
    well = gpu._stage(loan, "many", [crashed, hung], 60.0)
    assert [one["status"] for one in (crashed, hung, well)] == ["failed", "timed out", "ok"]
    assert [one["output"] for one in (crashed, hung, well)] == [["begun"]] * 3
    assert hung["seconds"] >= 0.17 * 15.0
    assert not lives(hung["result"]["child"])
    late = gpu.Loan(tmp_path, tmp_path, sys.executable, ("false",), environment, rehearse=True, ends=time.monotonic())
    assert gpu._stage(late, "paper", [], 60.0)["status"] == "skipped"


def test_the_end_of_the_loan_keeps_what_has_been_measured(tmp_path: Path) -> None:
    program = [sys.executable, str(ROOT / "benchmarks/gpu.py"), "--rehearse", "--stages", "equality,rates"]
    with subprocess.Popen([*program, "--out", str(tmp_path), "--work", str(tmp_path / "work")]) as process:
        while process.poll() is None and not (tmp_path / "work" / "equality.json").exists():
            time.sleep(0.05)
        process.terminate()
    [stage] = json.loads((tmp_path / "results.json").read_text())["stages"]
    assert (process.returncode, stage["stage"], stage["status"]) == (1, "equality", "interrupted")
    assert stage["result"]["compared"] == "cpu with cpu"


def test_a_part_that_fails_leaves_what_was_measured(tmp_path: Path) -> None:
    request = Request("rates", str(tmp_path), str(tmp_path), "cpu", True, 60.0, ["crtui"])
    stage = Stage(request)
    with stage.part("first"):
        stage.keep(it_per_s=float("inf"))
    assert not stage.failed
    with stage.part("second"):
        raise ValueError("no such kernel")
    assert stage.failed
    kept = json.loads(result_path(request).read_text())
    assert kept["it_per_s"] == "Infinity"
    assert kept["parts"]["second"]["error"] == "ValueError: no such kernel"
    assert "error" not in kept["parts"]["first"]


@pytest.mark.parametrize(
    ("rates", "paying"), [([100.0, 190.0, 300.0, 310.0], 4), ([100.0, 110.0, 300.0], 1), ([None], None)]
)
def test_processes_pay_while_doubling_them_makes_them_faster(rates: list[float | None], paying: int | None) -> None:
    rows = [
        {"models": 2**place, "processes": "skipped: no time left" if rate is None else {"it_per_s": rate}}
        for place, rate in enumerate(rates)
    ]
    assert many._that_pay(rows) == paying


def test_the_papers_stage_records_updates_where_that_was_faster() -> None:
    runs = [{"variant": "engine", "mean_it_per_s": 50.0}, {"variant": "engine recorded", "mean_it_per_s": 400.0}]
    assert paper._is_faster_recorded(runs)
    assert not paper._is_faster_recorded(runs[:1])
    assert not paper._is_faster_recorded([])


def test_wheels_are_installed_beside_what_this_python_has(tmp_path: Path) -> None:
    folder = tmp_path / "wheels"
    folder.mkdir()
    with zipfile.ZipFile(folder / "crtui_toy-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("crtui_toy.py", "ANSWER = 42\n")
        wheel.writestr("crtui_toy-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: crtui-toy\nVersion: 1.0\n")
        wheel.writestr(
            "crtui_toy-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("crtui_toy-1.0.dist-info/RECORD", "crtui_toy.py,,\n")
    requirements = [*wheels.requirements_of(ROOT), "crtui-toy>=1"]
    assert wheels.missing(sys.executable, requirements) == ["crtui-toy>=1"]
    python = wheels.install(folder, requirements, tmp_path / "environment")
    assert wheels.missing(python, requirements) == []
    asked = [python, "-c", "import crtui_toy, psutil; print(crtui_toy.ANSWER)"]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout == "42\n"
    with pytest.raises(wheels.WheelsError, match="crtui-missing"):
        wheels.install(folder, ["crtui-missing"], tmp_path / "other")


def test_an_unknown_stage_is_bad_usage(tmp_path: Path) -> None:
    done = command("--out", str(tmp_path), "--stages", "rates,speed")
    assert done.returncode == 2
    assert "there is no stage 'speed'; there are product, equality" in done.stderr
