"""``crtui train`` without training: what it resolves, starts, prints and returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from engine.launch import local
from engine.runs.catalogue import RunRecord, look_at
from engine.runs.folder import RunFolder
from engine.runs.specification.spec import RunSpec
from engine.runs.state import Status


@pytest.fixture
def ends_as(monkeypatch: pytest.MonkeyPatch, add_run: Callable[..., RunFolder]) -> Callable[..., list[RunSpec]]:
    """Let ``local.start`` make runs that have ended already; the list returned fills with what was asked for."""

    def arrange(*statuses: Status) -> list[RunSpec]:
        asked: list[RunSpec] = []

        def start(store: object, specs: Sequence[RunSpec]) -> list[RunRecord]:
            asked.extend(specs)
            return [
                look_at(add_run(status, name=spec.name, group=spec.group, seed=spec.seed))
                for status, spec in zip(statuses, specs, strict=True)
            ]

        monkeypatch.setattr(local, "start", start)
        return asked

    return arrange


def test_every_option_reaches_the_specification(crtui, ends_as, tmp_path: Path) -> None:
    asked = ends_as(Status.FINISHED)
    config = tmp_path / "mine.toml"
    config.write_text("[training]\nlog_every = 7\n[method]\nnoise = 3\n")
    result = crtui(
        *("train", "infogan-cr", "--data", "minisprites", "--preset", "quick", "--config", str(config)),
        *("--set", "method.lambda_info=0.7", "--set", "gap=0.5", "--seed", "9", "--name", "mine", "--group", "ours"),
        *("--steps", "33", "--device", "cpu", "--threads", "1", "--launcher", "local"),
    )
    assert result.code == 0
    [spec] = asked
    tree = spec.model_dump(mode="json")
    assert (spec.name, spec.group, spec.seed, spec.device, spec.threads) == ("mine", "ours", 9, "cpu", 1)
    assert (spec.training.steps, spec.training.log_every) == (33, 7)
    assert (tree["method"]["lambda_info"], tree["method"]["noise"], tree["method"]["gap"]) == (0.7, 3, 0.5)


def test_sweep_and_seeds_make_the_grid(crtui, ends_as) -> None:
    asked = ends_as(*[Status.FINISHED] * 6)
    assert crtui("train", "--preset", "quick", "--sweep", "lambda_info=0.1,0.2", "--seeds", "0-2", "-d").code == 0
    assert len({(spec.seed, spec.model_dump()["method"]["lambda_info"]) for spec in asked}) == 6
    assert len({spec.name for spec in asked}) == 6


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ([Status.FINISHED, Status.FINISHED], 0),
        ([Status.FINISHED, Status.STOPPED], 0),
        ([Status.FINISHED, Status.FAILED], 1),
        ([Status.CRASHED, Status.FINISHED], 1),
    ],
)
def test_the_exit_code_says_whether_a_run_failed(crtui, ends_as, statuses: list[Status], code: int) -> None:
    ends_as(*statuses)
    result = crtui("train", "--preset", "quick", "--seeds", "0-1")
    assert result.code == code
    for status in statuses:
        assert str(status) in result.out
    assert ("it was made so" in result.err) == (code == 1)
    assert ("crtui runs logs" in result.err) == (code == 1)


def test_json_is_the_list_of_the_runs_created(crtui, ends_as, add_run) -> None:
    add_run(name="another")
    ends_as(Status.FINISHED, Status.FAILED)
    result = crtui("train", "--preset", "quick", "--seeds", "0-1", "--json")
    assert result.code == 1
    assert [(run["seed"], run["status"]) for run in result.json] == [(0, "finished"), (1, "failed")]
    listed = {run["id"]: run for run in crtui("runs", "list", "--json").json}
    assert all(run == listed[run["id"]] for run in result.json)


def test_detached_runs_are_named_at_once(crtui, ends_as) -> None:
    ends_as(Status.FINISHED)
    result = crtui("train", "--preset", "quick", "--name", "mine", "-d")
    [run] = crtui("runs", "list", "--json").json
    assert result.code == 0
    assert result.out.startswith(f"{run['id']}  mine\n")
    assert f"crtui runs logs --follow {run['id']}" in result.out


def test_a_dry_run_starts_nothing_and_can_be_given_as_configuration(crtui, ends_as, tmp_path: Path) -> None:
    asked = ends_as()
    words = ("--preset", "quick", "--set", "lambda_cr=[[0, 0.0], [500, 2.5]]", "--steps", "700", "--seed", "3")
    printed = crtui("train", *words, "--dry-run")
    [resolved] = crtui("train", *words, "--dry-run", "--json").json
    assert asked == []
    assert resolved["method"]["lambda_cr"] == [[0, 0.0], [500, 2.5]]
    config = tmp_path / "resolved.toml"
    config.write_text(printed.out)
    [again] = crtui("train", "--config", str(config), "--dry-run", "--json").json
    assert again == resolved
    assert crtui("runs", "list", "--json").json == []


def test_a_dry_run_of_several_prints_each(crtui) -> None:
    assert len(crtui("train", "--preset", "quick", "--seeds", "0-2", "--dry-run", "--json").json) == 3
    assert crtui("train", "--preset", "quick", "--seeds", "0-2", "--dry-run").out.count("# run ") == 3


def test_a_branch_takes_the_settings_and_the_checkpoint_of_its_trunk(crtui, add_run: Callable[..., RunFolder]) -> None:
    trunk = add_run(Status.FINISHED, name="trunk", seed=4)
    for step in (8, 16):
        (trunk.checkpoints / f"step-{step:08d}").mkdir(parents=True)
    result = crtui(
        *("train", "--branch-from", "trunk@8", "--steps", "30", "--set", "lambda_info=0.3", "--name", "arm"),
        *("--dry-run", "--json"),
    )
    [tree] = result.json
    assert tree["branch"] == {"run": trunk.id, "step": 8}
    assert (tree["name"], tree["seed"], tree["training"]["steps"]) == ("arm", 4, 30)
    # The trunk's schedule stays where it was, though the branch is longer.
    unmoved = {"lambda_info": 0.3, "lambda_cr": [[0, 0.0], [1_500, 0.1]]}
    assert tree["method"] == trunk.spec().model_dump(mode="json")["method"] | unmoved


def test_a_branch_of_another_method_is_refused(crtui, add_run: Callable[..., RunFolder]) -> None:
    (add_run(Status.FINISHED, name="trunk").checkpoints / "step-00000008").mkdir(parents=True)
    result = crtui("train", "vae", "--branch-from", "trunk", "--steps", "30", "--dry-run")
    assert result.code == 2
    assert "a branch of 'trunk' has method 'infogan-cr', not 'vae'; leave method out" in result.err


def test_a_repetition_takes_the_settings_of_a_run(crtui, add_run: Callable[..., RunFolder]) -> None:
    first = add_run(name="first", seed=4, group="ours")
    [again] = crtui("train", "--like", "first", "--set", "lambda_info=0.3", "--dry-run", "--json").json
    assert again["method"] == first.spec().model_dump(mode="json")["method"] | {"lambda_info": 0.3}
    assert (again["seed"], again["group"], again["name"]) == (4, None, "infogan-cr-s4")
    config = str(first.spec_path)
    assert crtui("train", "--config", config, "--dry-run", "--json").json == [first.spec().model_dump(mode="json")]
    assert crtui("train", "--like", "first", "--branch-from", "first").code == 2
    assert "no run 'nobody'" in crtui("train", "--like", "nobody").err


def test_runs_that_exist_are_skipped_or_refused_when_asked(crtui, ends_as, add_run: Callable[..., RunFolder]) -> None:
    there = [add_run(status, seed=seed) for seed, status in enumerate((Status.FINISHED, Status.STOPPED, Status.FAILED))]
    asked = ends_as(Status.FINISHED, Status.FINISHED)
    words = ("train", "--preset", "quick", "--seeds", "0-3", "--threads", "2", "--name", "another")
    refused = crtui(*words, "--if-exists", "fail")
    assert refused.code == 2
    assert f"run {there[0].id} (infogan-cr-s0) and 1 more has the same seed and settings" in refused.err
    assert asked == []
    result = crtui(*words, "--if-exists", "skip", "--json")
    assert [spec.seed for spec in asked] == [2, 3]
    assert [run["seed"] for run in result.json] == [0, 1, 2, 3]
    assert f"'crtui runs resume {there[1].id}' goes on with it" in result.err
    assert crtui(*words, "--if-exists", "perhaps").code == 2
    ends_as(*[Status.FINISHED] * 4)
    assert len(crtui(*words, "--json").json) == 4


def test_other_settings_are_another_run(crtui, ends_as, add_run: Callable[..., RunFolder]) -> None:
    add_run()
    asked = ends_as(Status.FINISHED)
    assert crtui("train", "--preset", "quick", "--steps", "9", "--if-exists", "skip").code == 0
    assert len(asked) == 1
    result = crtui("train", "--preset", "quick", "--if-exists", "skip", "--json")
    assert (len(asked), len(result.json)) == (1, 1)
    # Nothing was started, so there is nothing to watch.
    assert "watch" not in crtui("train", "--preset", "quick", "--if-exists", "skip").out


def test_a_change_that_never_comes_is_warned_about(crtui) -> None:
    words = ("train", "--data", "dsprites", "--steps", "120", "--dry-run")
    assert crtui(*words).err == ""
    warned = crtui(*words, "--set", "lambda_cr=[[0, 0], [288000, 2]]", "--seeds", "0-3")
    assert warned.code == 0
    assert warned.err.count("warning: lambda_cr changes at 288,000, but the run ends after 120 updates") == 1
