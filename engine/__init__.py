"""The engine: datasets, methods, training, scores and selection, without any terminal.

The calls: :func:`load` a trained model, :func:`scores` of a run, :func:`select` the best of a pool, and :func:`frame`
with the curves of many runs. ``engine.data``, ``engine.metrics`` and ``engine.selection`` hold the rest of the public
functions, and ``engine.errors`` what they raise. Everything is imported when first touched. docs/python.md shows each
call at work.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.version import VERSION

if TYPE_CHECKING:
    import pandas as pd

    from engine import data as data
    from engine import errors as errors
    from engine import metrics as metrics
    from engine import selection as selection
    from engine.metrics.checks import Protocol
    from engine.models.model import Model
    from engine.progress import PhaseProgress
    from engine.runs.references import RunReference

__version__ = VERSION
__all__ = ["data", "errors", "frame", "load", "metrics", "scores", "select", "selection"]

_MODULES = frozenset({"data", "errors", "metrics", "selection"})


def load(path_or_run: str | Path, *, store: str | Path | None = None) -> Model:
    """Load a trained model for inference on the CPU.

    Args:
        path_or_run: a run folder, a checkpoint folder or an exported folder; or a run by id, unambiguous prefix of the
            id, or name; or a model that comes with crtui by its name, such as ``"dsprites-pick"``.
        store: where runs are looked up; default: ``$CRTUI_STORE``, else the user's data folder.

    Raises:
        InputError: nothing is found under that name, what is found is damaged, or its method is not installed here.
    """
    from engine.runs.loading import load_model
    from engine.storage.files import leads_to

    path = Path(path_or_run)
    if str(path_or_run) and leads_to(path, "folder"):
        return load_model(path)
    from engine.runs.catalogue import list_runs
    from engine.runs.references import find_by_name
    from engine.storage.store import Store

    record = find_by_name(list_runs(Store.open(store)), str(path_or_run))
    return load_model(record.folder.path, name=record.name)


def scores(
    run: RunReference,
    metrics: str | Sequence[str] | None = None,
    *,
    protocol: Protocol = "paper",
    step: int | None = None,
    codes: str = "own",
    seed: int = 0,
    device: str = "cpu",
    store: str | Path | None = None,
    progress: PhaseProgress | None = None,
) -> dict[str, float]:
    """Score a run against the factors of its dataset, as ``crtui score`` does. The scores are kept with the run.

    Args:
        run: id, unambiguous prefix of it, name, folder or record of a run; or the folder of an exported model, whose
            scores are kept nowhere.
        metrics: a name such as ``"mig"``, or several; ``"all"`` for all; default: those of the paper's table.
        protocol: ``"paper"`` or ``"lib"``, disentanglement_lib's (docs/method.md, section 17).
        step: which checkpoint; default: the newest.
        codes: ``"ica"`` for the independent components of the model's codes; such scores are not kept.
        seed: of everything that is drawn.
        device: ``auto``, or a torch device.
        store: folder of the store; default: the run's, if it is given by its folder, else ``$CRTUI_STORE``, else the
            user's data folder.
        progress: called with what is done, how much of it, and of how much.

    Returns:
        Each number by its name: ``{"factor_vae": 0.86, ...}``.

    Raises:
        InputError: no such run, checkpoint or score, or a dataset that does not allow the score.
        WorkError: the disk refused.
    """
    from engine.choosing.scoring import score_run
    from engine.runs.references import referred

    place, records = referred([run], store=store)
    wanted = [metrics] if isinstance(metrics, str) else metrics
    result = score_run(place, records[0], wanted, protocol, step, seed, progress, codes=codes, device=device)
    found: dict[str, float] = result["scores"]
    return found


def select(
    runs: RunReference | Sequence[RunReference] | None = None,
    methods: str | Sequence[str] = "model-centrality",
    *,
    group: str | Sequence[str] | None = None,
    similarity: str = "margin",
    codes: str = "own",
    votes: int | None = None,
    group_size: int | None = None,
    budget: int | None = None,
    matching: bool = False,
    seed: int = 0,
    device: str = "cpu",
    store: str | Path | None = None,
    progress: PhaseProgress | None = None,
) -> dict[str, Any]:
    """Rank runs without labels and pick the best, as ``crtui select`` does. The result is kept in the store.

    Args:
        runs: ids, unambiguous prefixes of them, names, folders or records; folders of exported models; default: the
            finished runs of ``group`` or, without a group, of the store.
        methods: one method or several, of ``engine.choosing.methods.SELECTION_METHODS``.
        group: name of a group, or of several.
        similarity: what ModelCentrality compares models by, one of ``engine.selection.SIMILARITIES``.
        codes: ``"ica"`` to look at every model with the independent components of its codes in their place.
        votes: ModelCentrality's votes for a pair of models; default: 100 a code.
        group_size: images behind each vote; default: 100.
        budget: pairs that ModelCentrality compares at most; 0 for the number that usually suffices; default: all.
        matching: tell which code of each run is which of the pick.
        seed: of all random draws.
        device: ``auto``, or a torch device.
        store: as for :func:`scores`.
        progress: as for :func:`scores`.

    Returns:
        The JSON object of ``crtui select --json``: ``runs`` (ids), ``methods`` (of each: ``scores``, ``ranking`` with
        the best first, ``pick``) and, where ModelCentrality ranked, ``matrix`` (a row for each encoder).

    Raises:
        InputError: no such run, group or method, or not one run that can be ranked.
        WorkError: the disk refused.
    """
    from engine.choosing.choose import select_runs
    from engine.runs.references import referred
    from engine.runs.state import Status

    place, records = referred(runs, group, store)
    if runs is None:
        records = [record for record in records if record.status is Status.FINISHED]
    result = select_runs(
        place,
        records,
        [methods] if isinstance(methods, str) else methods,
        similarity=similarity,
        codes=codes,
        votes=votes,
        group_size=group_size,
        budget=budget,
        matching=matching,
        device=device,
        seed=seed,
        progress=progress,
    )
    return result.to_json()


def frame(
    runs: RunReference | Sequence[RunReference] | None = None,
    names: str | Sequence[str] | None = None,
    *,
    group: str | Sequence[str] | None = None,
    store: str | Path | None = None,
) -> pd.DataFrame:
    """The losses and scores that runs wrote, as one table of pandas (``pip install pandas``).

    Args:
        runs: ids, unambiguous prefixes of them, names, folders or records; default: those of ``group`` or, without a
            group, all of the store.
        names: a number such as ``"loss_generator"``, or several; default: all.
        group: name of a group, or of several.
        store: as for :func:`scores`.

    Returns:
        A row for each event with ``run``, ``name``, ``step``, ``time`` (UTC), ``kind``, ``attempt``, and a column for
        each number, NaN where the event does not have it.

    Raises:
        InputError: no such run or group, or pandas is not installed.
    """
    from engine.runs.references import referred
    from engine.runs.scalars import frame_of, scalar_rows

    _, records = referred(runs, group, store)
    wanted = [names] if isinstance(names, str) else names
    return frame_of(list(scalar_rows(records, wanted)))


if not TYPE_CHECKING:
    # Hidden from type checkers, which would believe that every name exists.
    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return importlib.import_module(f"engine.{name}")
        raise AttributeError(f"module 'engine' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
