"""What people write about a run: tags to find it by, and a note. ``labels.json`` in the run's folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from engine.errors import InputError
from engine.runs.folder import RunFolder
from engine.storage.files import read_file, replace_file
from engine.storage.locks import exclusive_lock

_LABELS, _LOCK = "labels.json", ".labels.lock"
_MAX_BYTES = 2**16
MOST_TAGS, LONGEST_TAG, LONGEST_NOTE = 20, 40, 4000
_Tag = Annotated[str, Field(min_length=1, max_length=LONGEST_TAG)]


class Labels(BaseModel):
    """What people wrote about a run.

    Attributes:
        tags: words of any script, each once.
        note: lines of text.
    """

    tags: tuple[_Tag, ...] = Field(default=(), max_length=MOST_TAGS)
    note: str = Field(default="", max_length=LONGEST_NOTE)


def labels_path(folder: RunFolder) -> Path:
    """The file with a run's labels; most runs have none."""
    return folder.path / _LABELS


def read_labels(folder: RunFolder) -> Labels:
    """The labels of a run; none where there is no file or it is damaged."""
    try:
        return Labels.model_validate_json(read_file(labels_path(folder), _MAX_BYTES))
    except (OSError, InputError, ValidationError):
        return Labels()


def meets(tags: Sequence[str], sign: str, word: str) -> bool:
    """Whether a run with these tags meets a term of a filter; case does not matter.

    Args:
        tags: of the run.
        sign: ``:``, a tag begins with the word; ``=`` or ``==``, a tag is the word; ``!=``, none is.
        word: what the tags are compared with.
    """
    wanted, there = word.casefold(), [tag.casefold() for tag in tags]
    if sign == ":":
        return any(tag.startswith(wanted) for tag in there)
    return (wanted in there) != (sign == "!=")


def change_labels(
    folder: RunFolder, add: Sequence[str] = (), remove: Sequence[str] = (), note: str | None = None
) -> Labels:
    """Add and take away tags of a run, and replace its note.

    Args:
        folder: the run.
        add: tags; those that it has already stay where they are.
        remove: tags; those that it does not have are no error.
        note: the new note; empty takes it away, ``None`` leaves it.

    Returns:
        The labels as they are now.

    Raises:
        InputError: the run is gone, or a tag or the note is not allowed.
        WorkError: the disk refused.
    """
    folder.require()
    added = [_tag(text) for text in add]
    if note is not None and len(note) > LONGEST_NOTE:
        raise InputError(f"the note has {len(note):,} characters; at most {LONGEST_NOTE:,} are kept")
    with exclusive_lock(folder.path / _LOCK):
        before = read_labels(folder)
        refused = set(remove) - set(added)
        tags = tuple(tag for tag in dict.fromkeys((*before.tags, *added)) if tag not in refused)
        if len(tags) > MOST_TAGS:
            raise InputError(f"run {folder.id} would have {len(tags)} tags; at most {MOST_TAGS} are kept")
        labels = Labels(tags=tags, note=before.note if note is None else note.strip())
        replace_file(labels_path(folder), labels.model_dump_json(indent=1).encode())
    return labels


def _tag(text: str) -> str:
    tag = text.strip()
    if not tag or len(tag) > LONGEST_TAG or not tag.isprintable() or any(mark in tag for mark in ' ,"()|'):
        raise InputError(
            f"'{text[:80]}' is no tag; a tag is one word of at most {LONGEST_TAG} printable characters, without "
            "commas, quotes, bars and parentheses"
        )
    return tag
