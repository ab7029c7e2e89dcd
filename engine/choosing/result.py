"""What a selection found: the one type in which it is stored, printed and shown.

It is written to ``selections/<id>/ranking.json`` and read back here, with distrust: sizes, types, ids and shapes are
checked, so that whoever holds a :class:`SelectionResult` need not.
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    StrictBool,
    StrictInt,
    ValidationError,
    model_validator,
)

from engine.choosing.methods import CENTRALITY
from engine.choosing.partial import PartialMatrix
from engine.errors import CrtuiError, InputError, StoreError
from engine.runs.registry import Registry, SelectionRow
from engine.storage.descriptors import cause, move, remove_tree, status
from engine.storage.files import make_folders, read_file, replace_file
from engine.storage.store import Store

VERSION = 1
"""Version of the format. A file without one is of version 1."""
RESULT_FILE = "ranking.json"

_MAX_BYTES = 64 * 2**20
_YEAR_9999 = 253_402_300_799


def _number(value: object) -> float:
    """A number as JSON has it: null stands for what could not be computed, here NaN."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isinf(value):
        raise ValueError("this is not a finite number")
    return float(value)


def _null_for_nan(value: float) -> float | None:
    return None if math.isnan(value) else value


def _matrix(value: object) -> NDArray[np.float64]:
    """A matrix as JSON has it: null stands for a pair that was not compared, here NaN."""
    if isinstance(value, np.ndarray):
        return value
    if not isinstance(value, list) or not all(isinstance(row, list) for row in value):
        raise ValueError("this is not a list of rows")
    if {type(entry) for row in value for entry in row} - {int, float, type(None)}:
        raise ValueError("an entry is not a number")
    if len({len(row) for row in value}) > 1:
        raise ValueError("the rows have different lengths")
    matrix = np.array(value, dtype=np.float64)
    if np.isinf(matrix).any():
        raise ValueError("an entry is not finite")
    return matrix


def _rows(matrix: NDArray[np.float64] | None) -> list[list[float | None]] | None:
    return None if matrix is None else [[_null_for_nan(entry) for entry in row] for row in matrix.tolist()]


def _seconds(value: object) -> float:
    """Seconds since 1970 of a date, which JSON has in ISO format."""
    try:
        seconds = datetime.fromisoformat(value).timestamp() if isinstance(value, str) else _number(value)
    except OverflowError:
        seconds = math.nan
    if not 0 <= seconds <= _YEAR_9999:
        raise ValueError("this is not a date")
    return seconds


def _iso_date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


Number = Annotated[float, BeforeValidator(_number), PlainSerializer(_null_for_nan)]
"""A finite number, or NaN for what could not be computed; null in JSON."""
Matrix = Annotated[NDArray[np.float64] | None, PlainValidator(_matrix), PlainSerializer(_rows)]
"""A matrix of such numbers, or None where a document has none; null is refused."""
Date = Annotated[float, BeforeValidator(_seconds), PlainSerializer(_iso_date)]
"""Seconds since 1970; a date in ISO format in JSON."""


class _Part(BaseModel):
    # A file may hold fields that a later version added.
    model_config = ConfigDict(frozen=True, extra="ignore")


class MatchedToPick(_Part):
    """A code of a run and its counterpart in the pick; see :class:`engine.selection.matching.CodeMatch`.

    Attributes:
        code: of the run, from 0.
        of_pick: the pick's code, from 0.
        agreement: share of votes that go from one to the other, in [0, 1].
        sign: -1 where one falls when the other rises, 1 where both rise, 0 where that cannot be said.
    """

    code: StrictInt
    of_pick: StrictInt
    agreement: Number
    sign: StrictInt


class Voting(_Part):
    """How ModelCentrality compared; see :class:`engine.selection.generated_set.VotingProtocol`.

    Attributes:
        name: one of :data:`engine.selection.VOTING_PROTOCOLS`. Empty in results of the first edition, whose sets were
            drawn in another way (docs/selection.md).
        images: how many images a generator made; the most, where their numbers of codes differ.
    """

    name: str = ""
    images: StrictInt | None = None
    votes: StrictInt | None = None
    group_size: StrictInt | None = None
    scale_samples: StrictInt | None = None
    seed: StrictInt | None = None


class MethodResult(_Part):
    """What one selection method found. ``similarity`` and the fields from ``runner_up`` on are ModelCentrality's, but
    ``intervals`` are of any method that knows how far its noise reaches.

    Attributes:
        scores: one a run; NaN for a run that has none.
        ranking: ids, best first.
        pick: id of the best run; empty where a file does not name it.
        excluded: why other runs are not ranked, by id.
        seconds: how long it took.
        similarity: what models were compared by.
        verdict: how sure the pick is, see :data:`engine.choosing.verdict.Verdict`.
        warnings: sentences on how far to trust the ranking, and what would settle it.
        runner_up: id of the second best run.
        intervals: the 95 % interval of each score; one a run, None where there is none.
        medoid_probability: share of the replicates in which each run is the medoid; NaN where that is not known.
        votes_to_settle: votes a pair that would settle it.
        agreement: of the pick with the others.
        agreement_by_chance: what unrelated models seldom exceed.
        confidence: of a pick by part of the pairs.
        matching: each run's codes matched to the pick's, by id; None for a run that was not compared with the pick.
    """

    scores: tuple[Number, ...]
    ranking: tuple[str, ...]
    pick: str = ""
    excluded: dict[str, str] = Field(default_factory=dict)
    seconds: Number = math.nan
    similarity: str = ""
    verdict: str = ""
    warnings: tuple[str, ...] = ()
    runner_up: str | None = None
    intervals: tuple[tuple[Number, Number] | None, ...] = ()
    medoid_probability: tuple[Number, ...] = ()
    votes_to_settle: StrictInt | None = None
    agreement: Number | None = None
    agreement_by_chance: Number | None = None
    confidence: Number | None = None
    matching: dict[str, tuple[MatchedToPick, ...] | None] | None = None

    @property
    def agrees(self) -> bool:
        """Whether the pick agrees with the others better than by chance; true where that is not known."""
        if self.agreement is None or self.agreement_by_chance is None:
            return True
        return not self.agreement <= self.agreement_by_chance

    @property
    def rank_ranges(self) -> tuple[tuple[int, int] | None, ...]:
        """The best and the worst rank that each run may have, from 1; see :func:`engine.selection.ranking.rank_ranges`.

        One a run; None for runs that are not ranked. Empty where the method does not know how far its noise reaches.
        """
        from engine.selection.ranking import rank_ranges

        if not any(self.intervals):
            return ()
        known = [interval or (math.nan, math.nan) for interval in self.intervals]
        ranges = rank_ranges(known).tolist()
        return tuple((best, worst) if self.intervals[i] else None for i, (best, worst) in enumerate(ranges))

    def check(self, runs: Sequence[str]) -> None:
        """Refuse what does not belong to these runs.

        Raises:
            ValueError: sizes or ids do not fit.
        """
        for name in ("scores", "intervals", "medoid_probability"):
            size = len(getattr(self, name))
            if size != len(runs) and (size or name == "scores"):
                raise ValueError(f"{name} has {size} entries for {len(runs)} runs")
        if len(set(self.ranking)) != len(self.ranking) or not set(self.ranking) <= set(runs):
            raise ValueError("the ranking names a run twice, or one that is not in the pool")
        if self.pick and self.pick not in self.ranking:
            raise ValueError(f"the pick '{self.pick}' is not in the ranking")


class SelectionResult(_Part):
    """What a selection found, or what is known of one that is being computed.

    Attributes:
        version: of the format.
        id: of the selection.
        created: when it was made, seconds since 1970.
        runs: ids of the pool, in the order of scores and matrix.
        names: their names at that time; may be empty.
        steps: the checkpoint that stood for each run; None for one that could not be loaded.
        device: the torch device that computed.
        seed: of all random draws.
        methods: what each method found, by name; at least one.
        matrix: cross-scores B, float64 ``[n, n]``, row = encoder, column = generator, NaN for pairs that were not
            compared; None where ModelCentrality did not run.
        codes: ``ica`` where the models were looked at with the independent components of their codes.
        protocol: how ModelCentrality compared.
        compared_pairs: entries of the matrix that are known.
        evaluated_pairs: how many of these were not in the cache.
        partial: whether it is still being computed. Such a result is never stored.
    """

    version: StrictInt = VERSION
    id: str = ""
    created: Date = 0.0
    runs: tuple[str, ...]
    names: tuple[str | None, ...] = ()
    steps: tuple[StrictInt | None, ...] = ()
    device: str = ""
    seed: StrictInt | None = None
    methods: dict[str, MethodResult] = Field(min_length=1)
    matrix: Matrix = None
    codes: str = "own"
    protocol: Voting | None = None
    compared_pairs: StrictInt | None = None
    evaluated_pairs: StrictInt | None = None
    partial: StrictBool = Field(default=False, exclude=True)

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if len(set(self.runs)) != len(self.runs):
            raise ValueError("a run is named twice")
        for name in ("names", "steps"):
            if len(getattr(self, name)) not in (0, len(self.runs)):
                raise ValueError(f"{name} has {len(getattr(self, name))} entries for {len(self.runs)} runs")
        for method, found in self.methods.items():
            try:
                found.check(self.runs)
            except ValueError as error:
                raise ValueError(f"{method}: {error}") from error
        size = (len(self.runs), len(self.runs))
        if self.matrix is not None and self.matrix.shape != size:
            raise ValueError(f"the matrix has shape {self.matrix.shape} for {len(self.runs)} runs")
        return self

    # A matrix has no truth value, and two results are never taken for the same.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @classmethod
    def from_json(cls, document: object) -> Self:
        """Read the JSON object of ``crtui select``.

        Raises:
            InputError: it is of a newer version, or does not hold together; the message begins with what is wrong.
        """
        version = document.get("version", VERSION) if isinstance(document, dict) else VERSION
        if isinstance(version, int) and version > VERSION:
            raise InputError(f"version {version} of its format is newer than this program, which reads {VERSION}")
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise InputError(_first_sentence(error)) from error

    def to_json(self) -> dict[str, Any]:
        """The JSON object of ``crtui select``. A field that was not given is not in it."""
        return {"version": self.version} | self.model_dump(mode="json", exclude_unset=True)

    @property
    def titles(self) -> tuple[str, ...]:
        """What to call each run: its name, or its id where it has none."""
        names = self.names or (None,) * len(self.runs)
        return tuple(name or run_id for name, run_id in zip(names, self.runs, strict=True))

    @property
    def votes(self) -> int | None:
        """ModelCentrality's votes for a pair; None where they were not given."""
        return self.protocol.votes if self.protocol else None

    @property
    def in_order(self) -> list[tuple[str, MethodResult]]:
        """The methods with what they found, ModelCentrality first."""
        return sorted(self.methods.items(), key=lambda item: (item[0] != CENTRALITY, item[0]))

    @property
    def excluded(self) -> dict[str, str]:
        """Why runs take no part, by id, as the first method says that excludes them."""
        reasons: dict[str, str] = {}
        for _, found in self.in_order:
            reasons = {**found.excluded, **reasons}
        return reasons


def provisional_result(result_id: str, runs: Sequence[str], known: PartialMatrix, at: float) -> SelectionResult | None:
    """What a matrix that is still being computed says so far.

    Args:
        result_id: what to call it.
        runs: ids of the pool, in the order of the matrix.
        known: the matrix so far.
        at: when that was, seconds since 1970.

    Returns:
        Centralities over the pairs that are known; None where none is.
    """
    from engine.selection.centrality import partial_centrality
    from engine.selection.ranking import Ranking

    if not np.isfinite(known.matrix).any():
        return None
    scores = partial_centrality(known.matrix)
    order = [index for index in Ranking.from_scores(scores).order if math.isfinite(scores[index])]
    found = MethodResult(
        scores=tuple(scores.tolist()), ranking=tuple(runs[index] for index in order), excluded=dict(known.excluded)
    )
    return SelectionResult(
        id=result_id, created=at, runs=tuple(runs), methods={CENTRALITY: found}, matrix=known.matrix, partial=True
    )


def keep_result(store: Store, result: SelectionResult) -> None:
    """Write a result in a folder of its own, which appears whole, and add it to the registry.

    Once the folder has its name, the result is kept. The registry, where it can be written, makes it quicker to find.

    Raises:
        WorkError: the disk refused, and nothing is left.
    """
    folder = store.selections / result.id
    making = folder.with_name(f".new-{folder.name}")
    try:
        make_folders(making)
        replace_file(making / "scores.npz", _arrays(result))
        replace_file(making / RESULT_FILE, orjson.dumps(result.to_json(), option=orjson.OPT_INDENT_2))
        move(making, folder)
    except BaseException as error:
        with contextlib.suppress(OSError):
            remove_tree(making)
        if isinstance(error, OSError):
            raise StoreError(f"{folder} cannot be written: {cause(error)}") from error
        raise
    picks: dict[str, str | None] = {method: found.pick for method, found in result.methods.items()}
    created = datetime.fromtimestamp(result.created, UTC)
    with contextlib.suppress(CrtuiError):
        Registry(store).add_selection(SelectionRow(id=result.id, created=created, runs=list(result.runs), picks=picks))


def read_result(folder: Path) -> SelectionResult:
    """Read a result back. Its id is the folder's name; the file's date stands in for a date that is missing.

    Args:
        folder: ``selections/<id>``.

    Raises:
        InputError: there is none, it is damaged, or of a newer version.
        StoreError: it cannot be read just now.
    """
    path = folder / RESULT_FILE
    try:
        document = orjson.loads(read_file(path, _MAX_BYTES))
        result = SelectionResult.from_json(document)
        found = status(path)
        created = result.created or (found.st_mtime if found else 0.0)
    except (InputError, OSError, orjson.JSONDecodeError) as error:
        reason = cause(error) if isinstance(error, OSError) else error
        raise InputError(f"selection {folder.name} cannot be read: {reason}") from error
    return result.model_copy(update={"id": folder.name, "created": created, "partial": False})


def _arrays(result: SelectionResult) -> bytes:
    """``scores.npz``: ids, the scores of each method, and the matrix where there is one."""
    arrays: dict[str, NDArray[Any]] = {
        f"scores_{method}": np.array(found.scores, dtype=np.float64) for method, found in result.methods.items()
    }
    if result.matrix is not None:
        arrays["matrix"] = result.matrix
    content = io.BytesIO()
    # NumPy's types take any of the named arrays for its flag allow_pickle.
    np.savez(content, runs=np.array(result.runs), **arrays)  # type: ignore[arg-type]
    return content.getvalue()


def _first_sentence(error: ValidationError) -> str:
    first: Mapping[str, Any] = error.errors(include_url=False, include_input=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {message}" if place else message
