"""Which runs a table takes, at which length, and which of them a store has."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import InputError
from engine.reproduction.length import Length
from engine.reproduction.planning import Order, PlannedRun, checkpoint_of, plan
from engine.reproduction.published import read_table
from engine.reproduction.starting import begin
from engine.runs.catalogue import list_runs
from engine.runs.specification.resolving import resolve
from engine.runs.state import Status
from engine.storage.store import Store
from tests.reproduction.conftest import RunAdder

TABLE = read_table("table1")
INFOGANS = ("infogan-modified", "control", "infogan-cr", "model-centrality")


def planned(rows: tuple[str, ...], store: Store | None = None, **order: Any) -> list[PlannedRun]:
    known = [] if store is None else list_runs(store)
    return plan(TABLE, TABLE.choose(rows), Order(**({"seeds": (0, 1)} | order)), known)


def settings(run: PlannedRun) -> dict[str, Any]:
    tree: dict[str, Any] = run.spec.model_dump(mode="json")
    return tree["method"] | tree["training"]


def test_infogan_modified_is_the_same_run_before_the_regulariser_comes_on() -> None:
    runs = planned(("infogan-modified", "infogan-cr"))
    assert [(run.training, run.seed, run.status) for run in runs] == [
        ("infogan-cr", 0, "missing"),
        ("infogan-cr", 1, "missing"),
    ]
    before, after = TABLE.choose(["infogan-modified", "infogan-cr"])
    assert (checkpoint_of(TABLE, before, runs[0]), checkpoint_of(TABLE, after, runs[0])) == (288_000, 322_560)
    assert runs[0].spec == resolve("infogan-cr", preset="paper", flags=names(runs[0]))[0]


def names(run: PlannedRun) -> dict[str, Any]:
    return {key: getattr(run.spec, key) for key in ("name", "group", "threads")}


def test_every_gamma_of_factor_vae_has_runs_of_its_own() -> None:
    runs = planned(("factor-vae-1", "factor-vae-40"), seeds=(3,))
    assert [(run.training, settings(run)["gamma"], run.steps) for run in runs] == [
        ("factor-vae-1", 1.0, 311_040),
        ("factor-vae-40", 40.0, 311_040),
    ]


@pytest.mark.parametrize(
    ("length", "steps", "switch"), [(Length(share=0.1), 32_256, 28_800), (Length(steps=40), 40, 36)]
)
def test_schedules_shrink_with_the_length_and_names_say_so(length: Length, steps: int, switch: int) -> None:
    run = planned(("infogan-cr",), seeds=(0,), length=length)[0]
    assert (run.steps, settings(run)["lambda_cr"]) == (steps, [[0, 0.0], [switch, 2.0]])
    assert checkpoint_of(TABLE, TABLE.choose(["infogan-modified"])[0], run) == switch
    assert run.spec.group == f"table1{length.suffix}" != "table1"
    (ib_gan,) = planned(("ib-gan",), seeds=(0,), length=length)
    assert settings(ib_gan)["instance_noise_steps"] == round(100_000 * ib_gan.steps / 150_000)


def test_the_whole_share_is_the_published_length() -> None:
    assert planned(("infogan-cr",), length=Length(share=1.0)) == planned(("infogan-cr",))


@pytest.mark.parametrize(
    ("length", "said"),
    [
        ({"steps": 0}, "--steps 0 makes no sense"),
        ({"share": 1.5}, "--share 1.5 makes no sense"),
        ({"share": float("nan")}, "--share nan makes no sense"),
        ({"steps": 5, "share": 0.5}, "exclude each other"),
    ],
)
def test_lengths_that_make_no_sense_are_refused(length: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Length(**length)


def test_a_length_too_short_for_its_schedule_is_refused() -> None:
    with pytest.raises(InputError, match="1 updates are too few for the schedule of lambda_cr"):
        planned(("infogan-cr",), length=Length(steps=1))


@pytest.mark.parametrize("override", ["method.codes=3", "training.steps=5", "training.batch_size=2", "lambda_info=1"])
def test_only_how_it_is_computed_can_be_set(override: str) -> None:
    with pytest.raises(InputError, match=r"would not reproduce table1|no key"):
        planned(("infogan-cr",), overrides=(override,))


def test_what_is_set_and_how_runs_are_started_reaches_every_run(store: Store, add: RunAdder) -> None:
    short = Length(steps=40)
    order = {"length": short, "overrides": ("precision=bfloat16",), "flags": {"device": "cpu", "priority": 3}}
    trunk = planned(("infogan-cr",), **order)[0]
    add(trunk.spec, checkpoints=(36,))
    runs = planned(INFOGANS, store, **order)
    assert {run.training for run in runs} == {"infogan-cr", "control"}
    assert {(run.spec.training.precision, run.spec.device, run.spec.priority) for run in runs} == {
        ("bfloat16", "cpu", 3)
    }


def test_a_run_of_the_store_is_taken_whatever_it_is_called(store: Store, add: RunAdder) -> None:
    (spec,) = resolve("infogan-cr", preset="paper", flags={"seed": 1, "name": "mine", "training.log_every": 7})
    mine = add(spec)
    first, second = planned(("infogan-cr",), store)
    assert (first.record, first.status) == (None, "missing")
    assert second.record is not None
    assert (second.record.id, second.status) == (mine.id, "finished")


@pytest.mark.parametrize(
    "changes",
    [{"training.precision": "bfloat16"}, {"method.lambda_info": 0.1}, {"training.batch_size": 32}, {"seed": 7}],
)
def test_a_run_that_learns_something_else_is_not(store: Store, add: RunAdder, changes: dict[str, Any]) -> None:
    add(resolve("infogan-cr", preset="paper", flags=changes)[0])
    assert {run.status for run in planned(("infogan-cr",), store)} == {"missing"}


def test_of_several_the_one_that_got_farthest_is_taken(store: Store, add: RunAdder) -> None:
    spec = planned(("infogan-cr",), seeds=(0,))[0].spec
    for status in (Status.FAILED, Status.STOPPED, Status.FINISHED, Status.CRASHED):
        add(spec, status)
    assert planned(("infogan-cr",), store, seeds=(0,))[0].status == "finished"


def test_a_run_whose_specification_is_damaged_is_not_taken(store: Store, add: RunAdder) -> None:
    record = add(planned(("infogan-cr",), seeds=(0,))[0].spec)
    for path in record.folder.path.glob("*spec*"):
        path.write_text("{")
    assert planned(("infogan-cr",), store, seeds=(0,))[0].status == "missing"


def test_the_control_waits_for_its_trunk_and_then_branches_off_it(store: Store, add: RunAdder) -> None:
    order = {"seeds": (0,), "length": Length(steps=40)}
    trunk, control = planned(INFOGANS, store, **order)
    assert (control.status, control.updates_done, control.steps) == ("waiting", 36, 40)
    assert settings(control)["lambda_cr"] == [[0, 0.0], [36, 0.0]]
    add(trunk.spec, Status.STOPPED)
    assert planned(INFOGANS, store, **order)[1].status == "waiting"
    record = add(trunk.spec, checkpoints=(36,))
    trunk, control = planned(INFOGANS, store, **order)
    assert (trunk.status, control.status) == ("finished", "missing")
    assert control.spec.branch is not None
    assert (control.spec.branch.run, control.spec.branch.step) == (record.id, 36)
    assert settings(control)["lambda_cr"] == [[0, 0.0], [36, 0.0]]
    add(control.spec)
    assert planned(INFOGANS, store, **order)[1].status == "finished"


def test_beginning_starts_what_is_missing_and_resumes_what_stopped(
    store: Store, add: RunAdder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.launch import launchers

    specs = [run.spec for run in planned(("infogan-cr",), seeds=(0, 1, 2))]
    done, stopped = add(specs[0]), add(specs[1], Status.STOPPED)
    started, resumed = [], []
    monkeypatch.setattr(launchers, "start", lambda store, specs: [started.append(spec) or add(spec) for spec in specs])
    monkeypatch.setattr(launchers, "resume", lambda record: resumed.append(record.id) or record)
    records = begin(store, planned(("infogan-cr",), store, seeds=(0, 1, 2)))
    assert started == [specs[2]]
    assert resumed == [stopped.id]
    assert done.id not in [record.id for record in records]
    assert len(records) == 2
