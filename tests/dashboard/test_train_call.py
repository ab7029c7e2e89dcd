"""What the form starts, what it shows as a command, and what it takes over from a run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cr_tui.cli.app import app
from cr_tui.dashboard.model.new_runs import NewRuns
from cr_tui.dashboard.store.form_source import Checker, method_form, template
from cr_tui.dashboard.store.train_call import TrainCall, command_line
from engine.errors import InputError
from engine.launch.planning import Forecast
from engine.methods import METHODS, method_class
from engine.runs.specification.resolving import resolve
from engine.runs.specification.spec import BranchSettings

form_of = cache(method_form)
VALUES = {
    "whole number": st.integers(1, 7).map(str),
    "number": st.sampled_from(["0.25", "1e-3", "2", "0.5"]),
    'whole number or share such as "30%"': st.sampled_from(["3", "12.5%", "100%"]),
    'number or steps such as [[0, 0], ["90%", 2]]': st.sampled_from(
        ["0.5", '[[0, 0.0], ["10%", 1.5]]', "[[0, 1], [5, 0.5]]"]
    ),
    "list of values, each one of 2, 4": st.sampled_from(["[4, 4, 2, 2]", "[]"]),
    "list of whole numbers": st.sampled_from(["[16]", "[32, 8]", "[2,3]"]),
}
TEXTS = {
    "name": st.sampled_from(["mine", "a.b-c", "n0"]),
    "group": st.sampled_from(["pool", "g.1"]),
    "device": st.sampled_from(["cpu", "auto"]),
    "seed": st.sampled_from(["3", "0-2", "0,4", "1-2,7"]),
    "data.name": st.sampled_from(["cdsprites", "minisprites,cdsprites", "minisprites"]),
    "log": st.sampled_from(['["tensorboard"]', "[]"]),
    "priority": st.sampled_from(["-5", "7", "-1,1"]),
    "slurm.partition": st.sampled_from(["gpu", "long"]),
    "slurm.account": st.sampled_from(["lab"]),
    "slurm.gres": st.sampled_from(["gpu:1"]),
    "slurm.time": st.sampled_from(["2-12", "4:00:00"]),
    "slurm.memory": st.sampled_from(["16G", "900M"]),
    "slurm.options": st.sampled_from(['["--constraint=a100"]']),
}
NOT_HERE = frozenset({"launcher", "data.size", "data.layout", "data.range", "data.labels", "data.name"})
"""Keys whose values depend on other things than the specification."""


def spec_of(words: Sequence[str]) -> list[dict[str, Any]]:
    result = CliRunner().invoke(app, [*words, "--dry-run", "--json"])
    assert result.exit_code == 0, (words, result.output, result.exception)
    specs: list[dict[str, Any]] = json.loads(result.stdout)
    return specs


@st.composite
def requests(draw: st.DrawFn) -> NewRuns:
    """Some settings of some method changed, one or several values each."""
    form = form_of(draw(st.sampled_from(sorted(METHODS))))
    preset = draw(st.sampled_from([preset.name for preset in form.presets]))
    kinds = {setting.key: setting for setting in form.settings if setting.key not in NOT_HERE - {"data.name"}}
    texts = {}
    for key in draw(st.lists(st.sampled_from(sorted(kinds)), max_size=4, unique=True)):
        setting = kinds[key]
        kind = setting.accepts.partition(" ≥")[0].partition(" >")[0]
        values = TEXTS.get(key, st.sampled_from(setting.choices) if setting.choices else VALUES.get(kind))
        assert values is not None, setting
        several = draw(st.lists(values, min_size=1, max_size=2, unique=True)) if key not in TEXTS else [draw(values)]
        texts[key] = ",".join(several)
    return NewRuns(form.method.name, preset, texts)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])  # the first form imports all methods
@given(requests())
def test_the_command_line_gives_exactly_the_specifications_that_the_form_starts(request: NewRuns) -> None:
    call = TrainCall.of(request)
    try:
        specs = call.resolve()
    except InputError:
        assert CliRunner().invoke(app, [*call.words(), "--dry-run"]).exit_code != 0
        return
    line = Checker(foresee=lambda specs: Forecast(0, 0, 0, 0, 0)).check(request).command
    assert shlex.split(line)[:2] == ["crtui", "train"]
    assert spec_of(shlex.split(line)[1:]) == [spec.model_dump(mode="json") for spec in specs]
    assert call.run_count == len(specs)


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=30))
def test_whatever_is_typed_reaches_the_shell_as_it_is(text: str) -> None:
    if not text.strip() or not text.isprintable():
        return
    call = TrainCall.of(NewRuns("vae", "quick", {"name": text.strip(), "data.name": text.strip()}))
    words = shlex.split(command_line(call.words()))
    given_name = next(word for at, word in enumerate(words) if words[at - 1] == "--name" or word.startswith("--name="))
    assert given_name.removeprefix("--name=") == text.strip()


@pytest.mark.parametrize("method", METHODS)
def test_every_key_is_offered_explained_and_shown_with_what_the_preset_says(method: str) -> None:
    form = form_of(method)
    for preset in form.presets:
        own = method_class(method).presets[preset.name].data is None
        (spec,) = resolve(method, preset=preset.name, data="photos" if own else None)
        tree = spec.model_dump(mode="json")
        tree["data"]["name"] = "" if own else tree["data"]["name"]
        assert preset.values.keys() == {setting.key for setting in form.settings}
        for key, text in preset.values.items():
            value: Any = tree
            for part in key.split("."):
                value = None if value is None else value[part]
            if key != "name":
                assert text == ("" if value is None else value if isinstance(value, str) else json.dumps(value))
    assert [setting.key for setting in form.settings if not setting.help] == []
    assert any(setting.basic for setting in form.settings if setting.key.startswith("method."))
    assert method_class(method).summary == form.method.summary


@given(requests())
def test_the_template_of_a_run_makes_the_same_run_again(request: NewRuns) -> None:
    try:
        specs = TrainCall.of(request).resolve()
    except InputError:
        return
    (again,) = TrainCall.of(template(specs[0])).resolve()
    assert again.model_copy(update={"name": specs[0].name}) == specs[0]


def checked(preset: str = "quick", **texts: str) -> dict[str, str]:
    request = NewRuns("infogan-cr", preset, {key.replace("__", "."): text for key, text in texts.items()})
    return dict(Checker(foresee=lambda specs: Forecast(0, 0, 0, 0, 0)).check(request).errors)


def test_a_preset_for_images_of_ones_own_asks_for_them_and_then_checks_the_rest(tmp_path: Path) -> None:
    [(key, sentence)] = checked("photos-64", method__noise="x").items()
    assert key == "data.name"
    assert "give --data with a folder of photos" in sentence
    (tmp_path / "one.png").write_bytes(b"")
    assert checked("photos-64", data__name=str(tmp_path)) == {}
    assert checked("photos-64", data__name=str(tmp_path), method__noise="x").keys() == {"method.noise"}


def test_a_change_that_never_comes_is_remarked_on() -> None:
    request = NewRuns("infogan-cr", "quick", {"method.lambda_cr": "[[0, 0], [9000, 1]]"})
    [remark] = Checker(foresee=lambda specs: Forecast(0, 0, 0, 0, 0)).check(request).remarks
    assert remark.startswith("lambda_cr changes at 9,000, but the run ends after 4,000 updates")


def test_every_setting_that_is_wrong_by_itself_says_so() -> None:
    errors = checked(method__gap="x", training__steps="0", data__name="nowhere", seed="4-2", method__noise="1,2.5")
    assert errors.keys() == {"method.gap", "training.steps", "data.name", "seed", "method.noise"}
    assert (
        errors["method.gap"]
        == 'a schedule is a number or a list of [iteration, value] pairs; an iteration may be a share such as "90%"'
    )
    assert "greater than or equal to 1" in errors["training.steps"]
    assert "2-4" in errors["seed"]


def test_what_is_wrong_only_together_is_said_of_the_whole() -> None:
    assert checked("paper", method__generator__dense="[]") == checked("paper", method__generator__channels="[]") == {}
    assert checked("paper", method__generator__dense="[]", method__generator__channels="[]").keys() == {""}


def test_what_is_right_only_together_is_right() -> None:
    assert checked(method__codes="0").keys() == {"method.codes"}
    assert checked(method__codes="0", method__categorical_codes="[3, 4]") == {}


def test_a_huge_sweep_is_checked_value_by_value_and_limited() -> None:
    verdict = Checker(foresee=lambda specs: Forecast(1, len(specs) - 1, 0, 1, 1)).check(
        NewRuns("vae", "quick", {"seed": "0-999", "method.codes": "2,3,4"})
    )
    assert (verdict.runs, verdict.errors, verdict.starting) == (3000, {}, 1)
    assert checked(seed="0-999", method__codes="2,3,x").keys() == {"method.codes"}
    assert "10,000" in checked(seed="0-9999", method__codes="2,3")[""]


def test_a_relative_path_means_the_same_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my photos").mkdir()
    monkeypatch.chdir(tmp_path)
    line = command_line(TrainCall.of(NewRuns("vae", "quick", {"data.name": "my photos"})).words(), tmp_path / "store")
    assert shlex.split(line)[:3] == ["crtui", "--store", str(tmp_path / "store")]
    assert str(tmp_path / "my photos") in shlex.split(line)


def test_a_branch_has_no_template_and_the_command_for_another_is_named() -> None:
    spec = resolve(flags={"name": "arm"})[0]
    branch = spec.model_copy(update={"branch": BranchSettings(run="trunk-id", step=8)})
    with pytest.raises(InputError, match="off run trunk-id; 'crtui train --branch-from trunk-id@8' starts"):
        template(branch)
