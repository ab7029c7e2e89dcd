"""Datasets: one file each, one line here, one way in.

Other packages bring datasets by entry points of the group ``crtui.datasets`` (:mod:`engine.plugins`).
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Unpack, cast

from engine.data.options import OptionKeywords, Options
from engine.data.places import Place, find_place
from engine.data.sizes import DEFAULT_SIZE, Glance
from engine.errors import InputError, did_you_mean
from engine.lazy import lazy_names
from engine.plugins import Plugin, Registry, leave_out
from engine.progress import Progress
from engine.storage.store import Store, default_store

if TYPE_CHECKING:
    from engine.data.bridge import as_floats as as_floats
    from engine.data.bridge import as_pixels as as_pixels
    from engine.data.dataset import Dataset as Dataset
    from engine.data.dataset import Factor as Factor
    from engine.data.fingerprints import Fingerprint
    from engine.data.sources import SourceFile

__all__ = [
    "DATASETS",
    "CatalogueEntry",
    "Dataset",
    "Entry",
    "Factor",
    "as_floats",
    "as_pixels",
    "catalogue",
    "check",
    "default_root",
    "is_prepared",
    "load",
    "prepare",
]

if not TYPE_CHECKING:
    # NumPy is imported by what computes.
    __getattr__ = lazy_names(
        __name__,
        {
            "Dataset": "engine.data.dataset",
            "Factor": "engine.data.dataset",
            "as_floats": "engine.data.bridge",
            "as_pixels": "engine.data.bridge",
        },
    )


def __dir__() -> list[str]:
    return list(__all__)


@dataclass(frozen=True)
class Entry:
    """A registered dataset.

    Args:
        target: a module with the functions ``open_dataset(root, progress)`` and ``is_prepared(root)``, or
            ``module:NAME`` for an object with such methods. A dataset made from its authors' files is a
            :class:`engine.data.sources.SourcedDataset`.
        description: one line for lists.
    """

    target: str
    description: str


OWN_DATASETS = {
    "minisprites": Entry(
        "engine.data.datasets.minisprites", "16,384 grey 32x32 discs: size, background, position; made in memory"
    ),
    "minishapes": Entry(
        "engine.data.datasets.minishapes",
        "9,216 grey 32x32 shapes: shape, size, orientation, position; made in memory",
    ),
    "dsprites": Entry(
        "engine.data.datasets.dsprites", "737,280 binary 64x64 sprites, rendered from their geometry (90 MiB, once)"
    ),
    "3dteapots": Entry(
        "engine.data.datasets.teapots",
        "250,000 teapots in colour, 64x64, rendered with the authors' latents (2.9 GiB, once)",
    ),
    "cdsprites": Entry(
        "engine.data.datasets.cdsprites", "1,080 binary 64x64 discs placed by angle and radius; made in memory"
    ),
    "shapes3d": Entry("engine.data.datasets.shapes3d:SHAPES3D", "480,000 64x64 objects in a coloured room (5.5 GiB)"),
    "mpi3d-toy": Entry("engine.data.datasets.mpi3d:TOY", "1,036,800 64x64 simple renderings of a robot arm (11.9 GiB)"),
    "mpi3d-realistic": Entry("engine.data.datasets.mpi3d:REALISTIC", "the same, rendered realistically (11.9 GiB)"),
    "mpi3d-real": Entry("engine.data.datasets.mpi3d:REAL", "the same, photographed (11.9 GiB)"),
    "cars3d": Entry("engine.data.datasets.cars3d:CARS3D", "17,568 64x64 views of 183 cars (206 MiB)"),
    "smallnorb": Entry(
        "engine.data.datasets.smallnorb:SMALLNORB", "48,600 grey 64x64 photographs of 50 toys (190 MiB)"
    ),
    "celeba": Entry("engine.data.datasets.celeba:CELEBA", "202,599 faces, 32x32 in colour, no factors (594 MiB)"),
}
DATASETS = Registry(
    "crtui.datasets", OWN_DATASETS, lambda plugin: Entry(plugin.target, f"of the package {plugin.package}")
)
"""Every dataset by name: ours, and those of other packages."""


@dataclass(frozen=True)
class CatalogueEntry:
    """A registered dataset on this machine.

    Args:
        name: what :func:`load` takes.
        description: one line.
        prepared: whether it can be used without further preparation.
        folder: where prepared files lie.
        place: where its authors' files are looked for; ``None`` if it needs none.
        missing: which of them must still be put there, and where to get them.
    """

    name: str
    description: str
    prepared: bool
    folder: Path
    place: Path | None = None
    missing: tuple[SourceFile, ...] = ()


class _Opener(Protocol):
    def open_dataset(self, root: Path, progress: Progress | None) -> Dataset: ...
    def is_prepared(self, root: Path) -> bool: ...


def load(
    name_or_path: str | Path,
    root: Path | None = None,
    progress: Progress | None = None,
    **options: Unpack[OptionKeywords],
) -> Dataset:
    """Load a dataset. Prepare it first if that has not been done.

    Several processes may do so at once: one prepares, the others wait.

    Args:
        name_or_path: a registered name; or images of your own (docs/data.md): a folder of photos, an npy, npz or HDF5
            file, or ``FILE:KEY`` for one array of a file.
        root: folder of prepared datasets; default: ``$CRTUI_STORE/data``, else ``data`` in the user's data folder.
        progress: told how far a preparation is.
        options: how images of your own are to be read: ``size``, ``layout``, ``value_range``, ``labels`` and
            ``full_digest``; see :class:`engine.data.options.Options`.

    Raises:
        InputError: there is no such dataset or file; a file is missing, cannot be used, or must be told more of; an
            option was given for a dataset that needs none; or the root cannot be written.
        WorkError: the disk refused while a dataset was prepared.
    """
    return _open(name_or_path, root, progress, Options(**options), None)


def prepare(
    name_or_path: str | Path,
    root: Path | None = None,
    progress: Progress | None = None,
    *,
    source: Path | None = None,
    replace: bool = False,
    **options: Unpack[OptionKeywords],
) -> Dataset:
    """Prepare a dataset ahead of its first use. :func:`load` does so by itself when it must.

    Args:
        name_or_path: as for :func:`load`.
        root: as for :func:`load`.
        progress: as for :func:`load`.
        source: file or folder with the files of the dataset's authors; default: ``root/<name>``.
        replace: whether to prepare a dataset of authors anew, although it is prepared already.
        options: as for :func:`load`.

    Raises:
        InputError: as :func:`load`; or a source for a dataset that needs none; or the dataset is prepared already, from
            other files than the source.
        WorkError: as :func:`load`.
    """
    return _open(name_or_path, root, progress, Options(**options), source, replace)


def check(
    name_or_path: str | Path, root: Path | None = None, *, source: Path | None = None, **options: Unpack[OptionKeywords]
) -> None:
    """Check that a name or path could be loaded, without the work of loading it.

    Args:
        name_or_path: as for :func:`load`.
        root: folder of prepared datasets; without it, files of a dataset's authors are not looked for.
        source: as for :func:`prepare`.
        options: as for :func:`load`.

    Raises:
        InputError: no such dataset or file; a file whose kind or header shows that it cannot be used; files that are
            missing; an option or source that does not apply.
    """
    name, chosen = str(name_or_path), Options(**options)
    _check_options(name, chosen, source)
    if name not in DATASETS:
        from engine.data.own.files import check_path

        check_path(_place(name), chosen)
    elif root is not None:
        from engine.data.sources import SourcedDataset

        opener = _opener(name)
        if isinstance(opener, SourcedDataset):
            opener.check(root, source)


def glance(path: str | Path) -> Glance:
    """What names and headers say of images of your own. What is not there or cannot be read counts as photos.

    Args:
        path: as for :func:`load`, but no registered name.
    """
    try:
        found = _place(str(path))
        from engine.data.own.files import glance_at

        return glance_at(found)
    except InputError:
        return Glance((DEFAULT_SIZE, DEFAULT_SIZE))


def fingerprint(name_or_path: str | Path, **options: Unpack[OptionKeywords]) -> Fingerprint | None:
    """What images of your own are at present, without the work of loading them; ``None`` for a registered name.

    Args:
        name_or_path: as for :func:`load`.
        options: as for :func:`load`.

    Raises:
        InputError: nothing can be read there.
    """
    name = str(name_or_path)
    if name in DATASETS:
        return None
    from engine.data.own.files import fingerprint_of

    return fingerprint_of(_place(name), Options(**options))


def is_prepared(name: str, root: Path | None = None) -> bool:
    """Whether a registered dataset needs no further preparation."""
    return _opener(name).is_prepared(root if root is not None else default_root())


def catalogue(root: Path | None = None) -> list[CatalogueEntry]:
    """All datasets, and whether they are prepared in ``root``.

    Those of other packages that cannot be used are left out with a warning.
    """
    entries = []
    for name in DATASETS:
        try:
            entries.append(_catalogued(name, root if root is not None else default_root()))
        except InputError as error:
            if DATASETS.plugin(name) is None:
                raise
            leave_out(error)
    return entries


def require_found(name_or_path: str, whose: str) -> None:
    """Refuse data that something was made with and that is not here.

    Args:
        name_or_path: as for :func:`load`.
        whose: what was made with it, as the beginning of the sentence: ``"run 20260101-120000-abcdef"``.

    Raises:
        InputError: there is no such dataset or file.
    """
    if name_or_path in DATASETS:
        return
    try:
        _place(name_or_path)
    except InputError as error:
        raise InputError(
            f"{whose} was trained on '{name_or_path[:200]}', which is neither a dataset nor a file or folder here; "
            "install the package that brings the dataset, or put the files back"
        ) from error


def default_root() -> Path:
    """The default folder of prepared datasets."""
    return Store(default_store()).data


def _open(
    name_or_path: str | Path,
    root: Path | None,
    progress: Progress | None,
    options: Options,
    source: Path | None,
    replace: bool = False,
) -> Dataset:
    name = str(name_or_path)
    folder = root if root is not None else default_root()
    _check_options(name, options, source, replace)
    if name not in DATASETS:
        from engine.data.own.files import open_path

        return open_path(_place(name), name, folder, progress, options)
    opener = _opener(name)
    if source is None and not replace:
        return opener.open_dataset(folder, progress)
    from engine.data.sources import SourcedDataset

    assert isinstance(opener, SourcedDataset)
    return opener.open_dataset(folder, progress, source, replace)


def _check_options(name: str, options: Options, source: Path | None, replace: bool = False) -> None:
    if name in DATASETS and (unfit := [option for option in options.given if option != "digest"]):
        one = unfit[0] if unfit[0] == "labels" else f"a {unfit[0]}"
        raise InputError(f"dataset '{name}' has {one} of its own; give {one} for images of your own only")
    if source is not None or replace:
        from engine.data.sources import SourcedDataset

        if name not in DATASETS or not isinstance(_opener(name), SourcedDataset):
            raise InputError(f"'{name}' is not made from files of its authors; leave out where they are")


def _catalogued(name: str, root: Path) -> CatalogueEntry:
    from engine.data.sources import SourcedDataset

    opener, description = _opener(name), DATASETS[name].description
    if DATASETS.plugin(name) is not None:
        description = _first_line(opener) or description
    prepared = opener.is_prepared(root)
    if not isinstance(opener, SourcedDataset):
        return CatalogueEntry(name, description, prepared, root)
    place = root / name
    return CatalogueEntry(name, description, prepared, root, place, () if prepared else opener.missing(place))


def _opener(name: str) -> _Opener:
    plugin = DATASETS.plugin(name)
    if plugin is not None:
        return _opener_of(plugin)
    module, _, attribute = DATASETS[name].target.partition(":")
    found = importlib.import_module(module)
    return cast(_Opener, getattr(found, attribute) if attribute else found)


def _opener_of(plugin: Plugin) -> _Opener:
    """What opens a dataset of another package.

    Raises:
        InputError: it cannot be used.
    """
    found = plugin.load()
    missing = [name for name in ("open_dataset", "is_prepared") if not callable(getattr(found, name, None))]
    if missing:
        raise plugin.unusable(f"{plugin.target} has no function {' and no '.join(missing)}")
    return cast(_Opener, found)


def _first_line(opener: _Opener) -> str:
    """The description of a dataset of another package: the first line of what is written about it there."""
    return (opener.__doc__ or "").strip().partition("\n")[0].rstrip(".")


def _place(name: str) -> Place:
    """The folder, file or array that ``name`` means.

    Raises:
        InputError: there is none.
    """
    place = find_place(name)
    if place is not None and (place.path.is_file() or place.path.is_dir()):
        return place
    known = ", ".join(DATASETS)
    if place is not None:
        raise InputError(
            f"dataset '{name}' is no regular file; give an npy, npz or HDF5 file, a folder of photos, or one of: "
            f"{known}"
        )
    raise InputError(f"there is no dataset or file '{name}'{did_you_mean(name, DATASETS)} (datasets: {known})")
