"""``crtui doctor``: what this machine and terminal can do, and what stands in the way."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from cr_tui.cli.invocation import JsonOption, invocation_of
from cr_tui.cli.output import put, put_json
from engine.runs.specification.trees import leaves


def doctor(
    context: typer.Context,
    with_torch: Annotated[
        bool, typer.Option("--torch", help="Also load PyTorch and ask what it can compute on.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what this machine and terminal can do.

    Exit code 1 if something keeps crtui from working.
    """
    from cr_tui.cli import machine

    findings: list[machine.Finding] = []
    report: dict[str, Any] = {
        "software": machine.software(with_torch, findings),
        "plugins": machine.plugins(findings),
        "devices": machine.devices(findings),
        "store": machine.storage(invocation_of(context).open_store, findings),
        "terminal": machine.terminal(findings),
        "background": machine.background(findings),
        "slurm": machine.slurm(findings),
    }
    if as_json:
        put_json(report | {"findings": [{"level": finding.level, "text": finding.text} for finding in findings]})
    else:
        _put_report(report)
        for finding in findings:
            put(f"{finding.level}: {finding.text}")
        if not findings:
            put("nothing stands in the way")
    if any(finding.level == "error" for finding in findings):
        raise typer.Exit(1)


def _put_report(report: dict[str, Any]) -> None:
    for section, facts in report.items():
        put(section)
        for key, value in leaves(facts):
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            put(f"  {key.replace('_', ' '):<22} {shown}")
