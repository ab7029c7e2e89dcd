"""What is easily done wrong is done in one place each; ``docs/security.md`` says which.

Two rules read the code more closely: ``tests/storage/test_one_way_in.py`` (files of a store) and
``tests/machine/test_processes.py`` (whether a process lives, and signals).
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = {
    str(path.relative_to(ROOT)): path.read_text()
    for package in ("engine", "cr_tui")
    for path in (ROOT / package).rglob("*.py")
}
RULES = {
    "whose a file is": (
        r"\bst_uid\b|\bos\.gete?uid\b",
        {
            "engine/storage/descriptors.py": "opens nothing that others have planted",
            "engine/runs/ownership.py": "decides which runs are one's own",
            "engine/launch/slot_folder.py": "takes a folder for slots that is the user's alone",
            "cr_tui/dashboard/store/workers.py": "shows the user's own processes",
            "cr_tui/cli/machine.py": "says what crtui doctor has found",
        },
    ),
    "which environment a process gets": (r"\bsys\.executable\b", {"engine/machine/programs.py", "engine/extras.py"}),
    "reading pickles": (
        r"\btorch\.load\b|\bimport pickle\b|allow_pickle=True",
        {"engine/training/trainer_files.py": "reads states of earlier versions with the restricted reader"},
    ),
    "locks": (
        r"\bfcntl\.(flock|lockf)\b",
        {
            "engine/storage/locks.py": "locks files of a store",
            "engine/launch/slots.py": "locks slots, which lie outside of every store",
            "cr_tui/cli/machine.py": "tries whether the file system has locks",
        },
    ),
    "where slots lie": (r"\bFOLDER_VARIABLE\b|/crtui-", {"engine/launch/slot_folder.py"}),
    "which GPUs there are": (
        r"\"nvidia-smi\"",
        {"engine/machine/gpus.py": "asks it", "engine/launch/slots.py": "says whether it is installed"},
    ),
    "TOML that others wrote": (
        r"\btomllib\.loads\b",
        {
            "engine/runs/specification/toml_text.py": "reads what is endless, nested or no number only so far",
            "engine/methods/preset_files.py": "reads files of the package",
            "engine/reproduction/published.py": "reads files of the package",
        },
    ),
    "options of Slurm": (r"\bsbatch's option\b", {"engine/runs/specification/slurm_settings.py"}),
    "writing CSV": (r"\bcsv\.(writer|DictWriter)\b", {"cr_tui/text.py"}),
}
"""What is done, the words that do it, and where that is allowed."""


@pytest.mark.parametrize("what", RULES)
def test_it_is_done_in_one_place(what: str) -> None:
    words, allowed = RULES[what]
    assert {path for path, text in SOURCES.items() if re.search(words, text)} == set(allowed)
