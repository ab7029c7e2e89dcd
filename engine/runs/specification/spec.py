"""The specification of a run: what is written down before it starts and never changed after."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, SerializeAsAny, field_validator, model_validator

from engine.data import DATASETS
from engine.data.options import FOLDER_LABELS, NO_LABELS, Options
from engine.data.places import absolute
from engine.data.sizes import LARGEST_SIZE, SMALLEST_SIZE
from engine.errors import InputError
from engine.machine.cores import asked_threads, usable_cores
from engine.methods import method_class
from engine.methods.settings import MethodSettings
from engine.runs.launcher_names import DEFAULT_LAUNCHER
from engine.runs.specification.moments import disorder
from engine.runs.specification.slurm_settings import SlurmSettings
from engine.runs.specification.summary import DataChoice, LauncherName
from engine.runs.state import ID_PATTERN, MAX_PER_GPU, MAX_PRIORITY
from engine.runs.tracker_names import TrackerName
from engine.settings import Settings
from engine.training.settings import TrainingSettings

DEFAULT_METHOD = "infogan-cr"
LONGEST_NAME = 80
NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{LONGEST_NAME - 1}}}")
DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d{1,6})?|(GPU|MIG)-[0-9A-Za-z/-]{1,80}")
MAX_DEFAULT_THREADS = 8


def _settings_of_named_method(value: object) -> object:
    if isinstance(value, Mapping):
        return method_class(str(value.get("name", DEFAULT_METHOD))).settings_type.model_validate(dict(value))
    return value


def _names(value: object) -> object:
    """Each name once; text is one name, or several with commas between."""
    names = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    return tuple(dict.fromkeys(map(str, names))) if isinstance(names, list | tuple) else names


def default_threads(runs: int = 1) -> int:
    """CPU threads of each of several runs that are started together, unless told otherwise.

    Each run gets its share of the cores that this process may use, at most ``$OMP_NUM_THREADS``, or eight without it.
    Two runs with one thread each train faster than one run after the other with two.
    """
    return max(1, min(usable_cores() // runs, asked_threads(os.environ) or MAX_DEFAULT_THREADS))


class DataSettings(Settings, DataChoice):
    """Which dataset."""

    name: str = Field(min_length=1, description="a registered name or a path")
    size: int | None = Field(
        default=None,
        ge=SMALLEST_SIZE,
        le=LARGEST_SIZE,
        description="images of your own are made square with this side in pixels; default: 64 for a folder of photos, "
        "as they are in a file",
    )
    layout: str | None = Field(
        default=None,
        description="what the axes of an array of your own are, such as NCHW or HWN; default: what its shape says",
    )
    range: str | None = Field(
        default=None,
        description="which values of your own images are black and white, such as 0..4095 or -1..1; default: what type "
        "and values say",
    )
    labels: str | None = Field(
        default=None,
        description="labels of your own images: none, folders, or a CSV file; default: those that lie with the images",
    )
    digest: bool = Field(default=False, description="tell data apart by a digest of every byte and not only of samples")

    @field_validator("name")
    @classmethod
    def _found_from_anywhere(cls, value: str) -> str:
        # A run is resumed from other folders than the one it was started in.
        return value if value in DATASETS else absolute(value)

    @field_validator("labels")
    @classmethod
    def _labels_found_from_anywhere(cls, value: str | None) -> str | None:
        return value if value in (None, NO_LABELS, FOLDER_LABELS) else absolute(str(value))

    @model_validator(mode="after")
    def _readable(self) -> Self:
        try:
            Options(**self.options())
        except InputError as error:
            raise ValueError(str(error)) from error
        return self


class BranchSettings(Settings):
    """The checkpoint of another run that a run starts from."""

    run: str = Field(pattern=ID_PATTERN, description="id of the run that it branches off")
    step: int = Field(ge=1, description="updates that the checkpoint had finished; the branch counts on from there")


class RunSpec(Settings):
    """Everything that is chosen for a run.

    On the CPU, equal specifications give equal weights with one version of PyTorch on one model of processor. Others
    round differently, and training makes much of a little. Each checkpoint and the log of events record both.
    """

    name: str = Field(description="what people call the run")
    group: str | None = Field(default=None, description="runs that belong together")
    preset: str | None = Field(default=None, description="the preset that it was resolved from")
    seed: int = Field(default=0, ge=0, lt=2**63, description="seed of initial weights, codes, noise and data order")
    device: str = Field(default="auto", description="auto, cpu, cuda, cuda:N, the UUID of a GPU, or mps")
    threads: int = Field(
        default_factory=default_threads, ge=1, le=1024, description="CPU threads; part of bit-exactness"
    )
    launcher: LauncherName = Field(default=DEFAULT_LAUNCHER, description="where it runs")
    priority: int = Field(
        default=0,
        ge=-MAX_PRIORITY,
        le=MAX_PRIORITY,
        description="among runs that wait, higher ones get a device first",
    )
    retries: int = Field(
        default=0, ge=0, le=1000, description="times it goes on by itself from its newest checkpoint after a crash"
    )
    per_gpu: int | None = Field(
        default=None, ge=1, le=MAX_PER_GPU, description="runs that may share its GPU; default: $CRTUI_PER_GPU, else 1"
    )
    log: Annotated[tuple[TrackerName, ...], BeforeValidator(_names)] = Field(
        default=(), description="tools that get its losses and scores while it trains"
    )
    slurm: SlurmSettings | None = Field(default=None, description="what it asks of Slurm, with launcher slurm")
    branch: BranchSettings | None = Field(
        default=None, description="the checkpoint of another run that it starts from; see --branch-from"
    )
    method: Annotated[SerializeAsAny[MethodSettings], BeforeValidator(_settings_of_named_method)]
    data: DataSettings
    training: TrainingSettings

    @field_validator("name", "group")
    @classmethod
    def _plain_name(cls, value: str | None) -> str | None:
        if value is not None and not NAME.fullmatch(value):
            raise ValueError(
                "must be 1 to 80 letters, digits, dots, dashes or underscores, beginning with a letter or digit"
            )
        return value

    @model_validator(mode="after")
    def _longer_than_its_trunk(self) -> Self:
        if self.branch is not None and self.training.steps <= self.branch.step:
            raise ValueError(
                f"training.steps is {self.training.steps}, but the branch starts at step {self.branch.step}; steps "
                "count from the beginning of the run that it branches off, so give more"
            )
        return self

    @model_validator(mode="after")
    def _moments_in_order(self) -> Self:
        if wrong := disorder(self.method, self.training.steps):
            raise ValueError(wrong)
        return self

    @field_validator("device")
    @classmethod
    def _known_device(cls, value: str) -> str:
        if not DEVICE.fullmatch(value):
            raise ValueError("must be auto, cpu, cuda, cuda:N, a UUID such as GPU-1b2c..., or mps")
        return value
