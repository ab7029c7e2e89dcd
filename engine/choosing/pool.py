"""The runs to choose from, and the models that were loaded from them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.choosing.partial import PartialReport
from engine.choosing.scoring import load_dataset
from engine.errors import CrtuiError, InputError
from engine.progress import PhaseProgress
from engine.runs.catalogue import RunRecord
from engine.selection import DEFAULT_SIMILARITY
from engine.storage.store import Store

if TYPE_CHECKING:
    from engine.data.dataset import Dataset
    from engine.models.model import Model
    from engine.selection.common_codes import CommonCodes
    from engine.selection.generated_set import VotingProtocol

_MAX_NAMED = 5


def _tell_nobody(*_: object) -> None:
    """Stand in for a callback that was not given."""


@dataclass
class Pool:
    """What a selection method ranks. Members are named by their index in ``records``.

    Args:
        store: the store of the runs.
        records: the runs, each once.
        protocol: sizes and seed of the images by which ModelCentrality compares.
        device: the torch device that computes.
        similarity: what ModelCentrality compares by.
        budget: pairs that ModelCentrality may compare; None for all.
        progress: told how far the work is.
        partial: told what ModelCentrality knows so far.
        accept_data: whether to go on although the data are not those that the runs were trained on.
        models: the members that could be loaded.
        steps: the checkpoint that each of these was loaded from.
        excluded: why the other members take no part.

    Raises:
        InputError: there is no run.
    """

    store: Store
    records: list[RunRecord]
    protocol: VotingProtocol
    device: str
    similarity: str = DEFAULT_SIMILARITY
    budget: int | None = None
    progress: PhaseProgress = _tell_nobody
    partial: PartialReport = _tell_nobody
    accept_data: bool = False
    models: dict[int, Model] = field(default_factory=dict)
    steps: dict[int, int] = field(default_factory=dict)
    excluded: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.records:
            raise InputError("there is no run to choose from; name runs or a group")

    def load(self) -> None:
        """Load every member's newest whole checkpoint, and note why a member has none."""
        from engine.runs.loading import find_checkpoint, load_model

        for index, record in enumerate(self.records):
            self.progress("loading models", index, len(self.records))
            try:
                record.folder.require()
                checkpoint = find_checkpoint(record.folder.path)
                model = load_model(checkpoint.path, name=record.name or record.id)
            except CrtuiError as error:
                self.excluded[index] = str(error)
                continue
            self.models[index] = model.to(self.device)
            self.steps[index] = checkpoint.step
        self.progress("loading models", len(self.records), len(self.records))

    def unmix(self) -> None:
        """Put the independent components of each loaded member's codes in their place; leave out where none are known.

        Raises:
            InputError: the dataset cannot be used.
        """
        from engine.selection.independent import components_of, unmixed_by

        for index, codes in self.codes.items():
            model = self.models[index]
            try:
                if isinstance(codes, str):
                    raise InputError(codes)
                self.models[index] = unmixed_by(model, components_of(model, codes, self.seed))
            except InputError as error:
                self.excluded[index] = str(error)
                del self.models[index]
        # The codes that were kept are those before.
        del self.codes

    @property
    def seed(self) -> int:
        """Seed of all random draws."""
        return self.protocol.seed

    @functools.cached_property
    def dataset(self) -> Dataset:
        """The dataset of the first loaded member, prepared first where that has not been done."""
        record = self.records[min(self.models)]
        return load_dataset(self.store, record, self.progress, accept_data=self.accept_data)

    @functools.cached_property
    def codes(self) -> dict[int, CommonCodes | str]:
        """Each loaded member's codes of the same images, or why it has none."""
        from engine.selection.common_codes import common_codes
        from engine.selection.generated_set import BrokenModelError

        report = functools.partial(self.progress, "encoding images")
        models = list(self.models.values())
        found = common_codes(models, self.dataset, seed=self.seed, device=self.device, progress=report)
        return {
            index: str(codes) if isinstance(codes, BrokenModelError) else codes
            for index, codes in zip(self.models, found, strict=True)
        }

    def rankable(self, method: str, excluded: Mapping[int, str]) -> list[int]:
        """The members that are not excluded.

        Args:
            method: who ranks.
            excluded: why members take no part.

        Raises:
            InputError: none is left.
        """
        included = [index for index in range(len(self.records)) if index not in excluded]
        if included:
            return included
        reasons = [f"{self.records[index].id}: {reason}" for index, reason in list(excluded.items())[:_MAX_NAMED]]
        more = [f"and {len(excluded) - _MAX_NAMED} more"] if len(excluded) > _MAX_NAMED else []
        raise InputError(f"{method} can rank none of these runs ({'; '.join([*reasons, *more])})")
