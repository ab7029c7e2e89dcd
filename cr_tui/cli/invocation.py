"""The options before a command, and the options that commands share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cr_tui.cli.completion import complete_group, complete_model, complete_run
from cr_tui.cli.output import say

if TYPE_CHECKING:
    from engine.remote.address import FarStore
    from engine.storage.store import Store


@dataclass(frozen=True)
class Invocation:
    """The options that stand before the command.

    Attributes:
        store_path: ``--store``; ``None`` where it was not given.
        quiet: ``--quiet``: only results, warnings and errors are shown.
        far: the store, where it is on another machine. Then only the dashboard runs here.
    """

    store_path: Path | None = None
    quiet: bool = False
    far: FarStore | None = None

    def open_store(self, *, writing: bool = True) -> Store:
        """The store, created if need be.

        Args:
            writing: whether the command writes into it.

        Raises:
            InputError: it cannot be made or written.
        """
        from engine.storage.store import Store

        return Store.open(self.store_path, writing=writing)

    def note(self, text: str) -> None:
        """Print on stderr what is going on, unless ``--quiet``."""
        if not self.quiet:
            say(text)


def invocation_of(context: typer.Context) -> Invocation:
    """The options that stood before this command."""
    invocation = context.find_object(Invocation)
    assert invocation is not None
    return invocation


JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
CodesOption = Annotated[
    str,
    typer.Option(
        metavar="own|ica",
        help="Look at the model's own codes, or at their independent components, found without labels on its dataset.",
    ),
]
AcceptDataOption = Annotated[
    bool,
    typer.Option("--accept-data", help="Go on although the data are not those that the run was trained on."),
]
ImagesOption = Annotated[
    str | None,
    typer.Option(
        "--images",
        metavar="auto|kitty|sixel|halfblock|ascii|off",
        help="How the terminal shows images; default: $CRTUI_IMAGES, else what it can.",
    ),
]
RunArgument = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run: its id, the beginning of it, or its name.", autocompletion=complete_run),
]
ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A run: its id, the beginning of it, or its name. Or an exported model: its folder, or dsprites-pick.",
        autocompletion=complete_model,
    ),
]


def groups_option(which: str) -> Any:
    """The option ``--group``, which can be given several times.

    Args:
        which: which runs of a group are meant, for its help.
    """
    return typer.Option("--group", metavar="NAME", help=f"{which}; repeatable.", autocompletion=complete_group)


GroupsOption = Annotated[list[str] | None, groups_option("The runs of a group")]
OptionalRunsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN", help="Runs: ids, beginnings of them, or names.", show_default=False, autocompletion=complete_run
    ),
]
OptionalModelsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN",
        help="Runs: ids, beginnings of them, or names. Or exported models: their folders, or dsprites-pick.",
        show_default=False,
        autocompletion=complete_model,
    ),
]
