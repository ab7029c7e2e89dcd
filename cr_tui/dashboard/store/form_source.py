"""Asks the engine what the form for new runs can offer, and what a request would do. Calls may block."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cr_tui.dashboard.model.new_runs import FormSetting, MethodChoice, MethodForm, NewRuns, PresetChoice, RequestCheck
from cr_tui.dashboard.store.train_call import TrainCall, command_line
from engine.errors import InputError
from engine.launch.planning import Forecast, forecast, require_startable
from engine.methods import method_class, usable_methods
from engine.methods.settings import Preset
from engine.runs.specification.fields import SpecField, spec_fields
from engine.runs.specification.keys import split_values
from engine.runs.specification.moments import never_reached
from engine.runs.specification.resolving import MAX_RUNS, resolve
from engine.runs.specification.spec import RunSpec

_ALL_RESOLVED = 200
"""A larger sweep is checked value by value; its whole grid is resolved only when it is started."""
_DATA = "data.name"
_BASIC = frozenset({"name", "group", "seed", "device", _DATA, "training.steps", "training.batch_size"})
_ANY_IMAGES = "images-of-your-own"
"""Stands for images that are not known yet."""
_SEEDS_HELP = "0-4 or 0,2,5: a run each, alike but for initial weights, codes, noise and data order"


def method_choices() -> list[MethodChoice]:
    """Every method of the engine, and of other packages."""
    return [MethodChoice(name, method_class(name).summary) for name in usable_methods()]


def method_form(name: str) -> MethodForm:
    """Everything that can be set for new runs of a method.

    Raises:
        InputError: there is no such method.
    """
    method = method_class(name)
    fields = spec_fields(name)
    presets = [
        PresetChoice(preset, chosen.description, _texts_of_preset(name, preset, chosen, fields))
        for preset, chosen in method.presets.items()
    ]
    settings = [
        FormSetting(
            field.key,
            _SEEDS_HELP if field.key == "seed" else field.help,
            "numbers and ranges" if field.key == "seed" else field.accepts,
            field.choices,
            basic=field.own or field.key in _BASIC,
        )
        for field in fields
    ]
    return MethodForm(MethodChoice(name, method.summary), tuple(presets), tuple(settings))


def template(spec: RunSpec) -> NewRuns:
    """What the form would hold for a run like this one, without its name: a new one is made.

    Raises:
        InputError: it branches off another run, which a form cannot ask for.
    """
    if spec.branch is not None:
        raise InputError(
            f"{spec.name} branches off run {spec.branch.run}; 'crtui train --branch-from "
            f"{spec.branch.run}@{spec.branch.step}' starts another like it"
        )
    form = method_form(spec.method.name)
    preset = form.preset(spec.preset or "")
    texts = _texts(spec, spec_fields(spec.method.name))
    changed = {key: text for key, text in texts.items() if text and text != preset.values[key] and key != "name"}
    return NewRuns(spec.method.name, preset.name, changed)


@dataclass(frozen=True)
class Checker:
    """Checks requests for new runs.

    Args:
        data_root: the store's folder of datasets.
        store: the store, if the command line must name it.
        foresee: predicts how many runs would start at once if they were started now.
    """

    data_root: Path | None = None
    store: Path | None = None
    foresee: Callable[[Sequence[RunSpec]], Forecast] = forecast

    def check(self, request: NewRuns) -> RequestCheck:
        """What a request would start, or what is wrong with it, by key where that is known."""
        try:
            call = TrainCall.of(request)
        except InputError as error:
            return RequestCheck("", self._errors(request, error))
        command = command_line(call.words(), self.store)
        try:
            specs, count = self._specs(request, call)
            require_startable(specs, self.data_root)
            foreseen = self.foresee(specs if count == len(specs) else specs[:1] * count)
        except InputError as error:
            return RequestCheck(command, self._errors(request, error))
        slots = (foreseen.free, foreseen.slots)
        late = never_reached(specs[0].method, specs[0].training.steps)
        return RequestCheck(command, {}, count, specs[0].name, foreseen.starting, foreseen.ahead, slots, tuple(late))

    def _specs(self, request: NewRuns, call: TrainCall) -> tuple[list[RunSpec], int]:
        """Specifications of all runs, or of the first few of very many, and how many runs there are."""
        count = call.run_count
        if count > MAX_RUNS:
            raise InputError(f"the sweep has {count:,} runs; at most {MAX_RUNS:,} can be made at once")
        if count <= _ALL_RESOLVED:
            return call.resolve(), count
        first = {key: split_values(text)[0].partition("-")[0] for key, text in request.texts.items()}
        for key, text in request.texts.items():
            for value in split_values(text) if key != "seed" else ():
                TrainCall.of(NewRuns(request.method, request.preset, {**first, key: value})).resolve()
        return TrainCall.of(NewRuns(request.method, request.preset, first)).resolve(), count

    def _errors(self, request: NewRuns, error: InputError) -> Mapping[str, str]:
        """Errors of single keys, or else of the whole under an empty key."""
        errors: dict[str, str] = {}
        foundation = {}
        if method_class(request.method).presets[request.preset].data is None:
            # Nothing can be checked without the images.
            if _DATA not in request.texts:
                return {_DATA: str(error)}
            foundation = {_DATA: request.texts[_DATA]}
        for key, text in request.texts.items():
            try:
                call = TrainCall.of(NewRuns(request.method, request.preset, foundation | {key: text}))
                specs = call.resolve() if call.run_count <= _ALL_RESOLVED else []
                require_startable(specs, self.data_root)
                self.foresee(specs[:1])
            except InputError as its_own:
                errors[key] = _without_value(str(its_own), key, text)
        return errors or {"": str(error)}


def _without_value(message: str, key: str, text: str) -> str:
    """An error message without the key and value that it begins with: it is shown beside them."""
    for prefix in (f"{key} = {json.dumps(text)}: ", f"{key} = {text}: ", f"{key} = ", f"{key.partition('.')[0]}: "):
        if message.startswith(prefix):
            return message[len(prefix) :]
    return message


def _texts_of_preset(method: str, name: str, preset: Preset, fields: Sequence[SpecField]) -> dict[str, str]:
    """The values of a preset. The dataset is empty where it is images of one's own."""
    data = None if preset.data is not None else _ANY_IMAGES
    texts = _texts(resolve(method, preset=name, data=data, flags={"name": method})[0], fields)
    return texts | ({_DATA: ""} if data else {})


def _texts(spec: RunSpec, fields: Sequence[SpecField]) -> dict[str, str]:
    """The values of a specification as they are typed."""
    tree = spec.model_dump(mode="json")
    return {field.key: _text(_value(tree, field.key)) for field in fields}


def _value(tree: Mapping[str, Any], key: str) -> Any:
    value: Any = tree
    for part in key.split("."):
        # The table for Slurm is absent unless somebody set something in it.
        value = None if value is None else value[part]
    return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
