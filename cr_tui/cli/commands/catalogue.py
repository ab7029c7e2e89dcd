"""``crtui methods``, ``presets``, ``datasets`` and ``keys``: what there is."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cr_tui.cli.commands import data
from cr_tui.cli.completion import complete_method, complete_preset
from cr_tui.cli.invocation import JsonOption
from cr_tui.cli.output import put, put_json, put_table
from cr_tui.text import clean

MethodArgument = Annotated[
    str, typer.Argument(metavar="METHOD", help="A method's name.", autocompletion=complete_method)
]


def methods(as_json: JsonOption = False) -> None:
    """List the methods."""
    from engine.methods import METHODS, method_class

    rows = [
        {"name": name, "summary": method_class(name).summary, "presets": [*method_class(name).presets]}
        for name in METHODS
    ]
    if as_json:
        put_json(rows)
        return
    put_table(("Method", "What it is"), [(str(row["name"]), str(row["summary"])) for row in rows])
    put("crtui presets METHOD: its starting points; crtui keys METHOD: everything that can be set")


def presets(
    method: Annotated[
        str | None,
        typer.Argument(
            metavar="METHOD", help="Only of this method.", autocompletion=complete_method, show_default=False
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the presets: starting points of a method."""
    from engine.methods import METHODS, method_class

    rows = [
        {
            "method": name,
            "name": preset,
            "data": chosen.data,
            "size": chosen.size,
            "steps": chosen.training.get("steps"),
            "description": chosen.description,
        }
        for name in ([method] if method is not None else METHODS)
        for preset, chosen in method_class(name).presets.items()
    ]
    if as_json:
        put_json(rows)
        return
    cells = [
        (
            str(row["method"]),
            str(row["name"]),
            str(row["data"] or f"your own, {row['size']}x{row['size']}"),
            f"{row['steps']:,}" if isinstance(row["steps"], int) else "–",
            str(row["description"]),
        )
        for row in rows
    ]
    put_table(("Method", "Preset", "Data", "Updates", "Description"), cells, right=("Updates",))


def datasets(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the datasets that have a name, as 'data list' does."""
    data.list_(context, as_json)


def keys(
    method: MethodArgument,
    preset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Whose values to show; default: paper.", autocompletion=complete_preset),
    ] = None,
    only: Annotated[str | None, typer.Option("--find", metavar="TEXT", help="Only keys that mention this.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List all that can be set: keys, defaults, ranges, meanings."""
    from engine.runs.specification.fields import default_values, spec_fields

    values = default_values(method, preset)
    fields = [
        field for field in spec_fields(method) if only is None or only.lower() in f"{field.key} {field.help}".lower()
    ]
    rows: list[dict[str, Any]] = [
        {
            "key": field.key,
            "default": values.get(field.key),
            "accepts": field.accepts,
            "choices": list(field.choices),
            "help": field.help,
        }
        for field in fields
    ]
    if as_json:
        put_json(rows)
        return
    from cr_tui.cli.run_query import value_text

    for row in rows:
        value = "" if row["default"] is None else f" = {clean(value_text(row['default']), 80)}"
        put(f"{row['key']}{value}")
        put(f"    {row['accepts']}: {row['help']}")
    if not rows:
        put(f"no key of {method} mentions '{clean(only or '', 40)}'")
