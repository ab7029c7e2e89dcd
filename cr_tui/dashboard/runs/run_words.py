"""What can be said of one run, in lines: for its card, and for the list of everything about it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence

from rich.text import Text

from cr_tui.dashboard.model.data import Run, RunFacts
from cr_tui.dashboard.shared.status_text import status_text
from cr_tui.dashboard.theme import Look
from cr_tui.text import clean, short_duration
from cr_tui.titles import SCORE_TITLES

_UNITS = ("bytes", "kB", "MB", "GB")
_MISSING = "–"
_LABEL = 12


def size_text(size: float) -> str:
    """A number of bytes as people write it: ``31.5 MB``."""
    for unit in _UNITS:
        if size < 1000 or unit == _UNITS[-1]:
            break
        size /= 1000
    return f"{size:,.0f} {unit}" if unit in _UNITS[:2] else f"{size:,.1f} {unit}"


def value_text(value: object) -> str:
    """A value of a specification as it is typed."""
    if value is None:
        return _MISSING
    return clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def reason_style(run: Run, look: Look) -> str:
    """The colour of its reason: to wait is nothing to be warned of."""
    return look.faint if run.status == "queued" else look.alert


def reason_lines(run: Run, facts: RunFacts | None, look: Look) -> Iterator[Text]:
    """Status and the full reason why it ended; of a failed run where it failed."""
    line = status_text(run, look)
    if run.reason:
        line.append(f"  {clean(run.reason)}", style=reason_style(run, look))
    yield line
    for text in (facts.traceback if facts else "").rstrip().splitlines():
        yield Text(clean(text), style=look.faint)


def progress_lines(run: Run, facts: RunFacts | None, speed: float | None, now: float, look: Look) -> Iterator[Text]:
    """Steps, times, speed, and what it occupies, a line a fact."""
    share = f" ({run.step / run.total_steps:.0%})" if run.total_steps else ""
    facts_of_run = [("step", f"{run.step:,} of {run.total_steps:,}{share}")]
    if facts is not None and facts.elapsed is not None:
        running = now - facts.at if run.status == "running" else 0.0
        text = short_duration(facts.elapsed + max(running, 0.0))
        facts_of_run.append(("elapsed", f"{text} in {facts.attempt} attempts" if facts.attempt > 1 else text))
    if run.eta is not None:
        facts_of_run.append(("ETA", short_duration(run.eta)))
    if speed is not None:
        facts_of_run.append(("speed", f"{speed:.3g} it/s"))
    if facts is not None:
        kept = f"{len(facts.checkpoints)}, newest {facts.checkpoints[-1]:,}" if facts.checkpoints else "none"
        facts_of_run += [("checkpoints", kept), ("disk", size_text(facts.size))]
        device = ", ".join(filter(None, (run.device, facts.precision)))
    else:
        device = run.device
    if device:
        facts_of_run.append(("device", clean(device)))
    for label, text in facts_of_run:
        yield _fact(label, text, look)


def score_lines(run: Run, look: Look) -> Iterator[Text]:
    """All scores, the most telling first, a line a score."""
    known = [name for name in SCORE_TITLES if name in run.scores]
    for name in (*known, *sorted(run.scores.keys() - SCORE_TITLES.keys())):
        yield _fact(SCORE_TITLES.get(name, clean(name, _LABEL)), f"{run.scores[name]:.4f}", look)


def changed_lines(facts: RunFacts | None, look: Look) -> Iterator[Text]:
    """The settings that differ from the preset, with what the preset says."""
    if facts is None or not facts.preset:
        return
    if not facts.changed:
        yield Text(f"as preset {clean(facts.preset)} says", style=look.faint)
        return
    yield Text(f"unlike preset {clean(facts.preset)}", style=look.heading)
    for key, (own, usual) in facts.changed.items():
        line = Text(f"{clean(key)} ", style=look.faint).append(value_text(own), style=look.key)
        yield line.append(f"  not {value_text(usual)}", style=look.faint)


def label_lines(facts: RunFacts | None, look: Look) -> Iterator[Text]:
    """What people wrote about it: tags, then the note."""
    if facts is None:
        return
    if facts.tags:
        yield _fact("tags", " ".join(clean(tag) for tag in facts.tags), look)
    for line in facts.note.splitlines():
        yield Text(clean(line), style=look.key)


def setting_lines(facts: RunFacts, look: Look, but: Collection[str] = ()) -> Iterator[Text]:
    """Its whole specification, a line a setting: first of method, data and training, then of where it runs.

    Settings unlike the preset stand out.

    Args:
        facts: of the run.
        look: colours.
        but: keys that are left out.
    """
    keys = [key for key in dict.fromkeys((*facts.settings, *facts.changed)) if key not in but]
    for key in sorted(keys, key=lambda key: "." not in key):
        own = facts.settings.get(key)
        line = Text(f"{clean(key)} = ", style=look.faint)
        if key in facts.changed:
            line.append(value_text(own), style=look.key)
            line.append(f"  preset {clean(facts.preset)}: {value_text(facts.changed[key][1])}", style=look.faint)
        else:
            line.append(value_text(own))
        yield line


def everything(run: Run, facts: RunFacts, speed: float | None, now: float, look: Look) -> Sequence[Text]:
    """All that is known of a run, to be searched."""
    return [
        *reason_lines(run, facts, look),
        *label_lines(facts, look),
        *progress_lines(run, facts, speed, now, look),
        *score_lines(run, look),
        *setting_lines(facts, look),
    ]


def _fact(label: str, text: str, look: Look) -> Text:
    return Text(f"{label.ljust(_LABEL)} ", style=look.faint).append(text, style=look.strong)
