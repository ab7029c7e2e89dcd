"""What all tests share."""

from collections.abc import Iterator

import pytest

from engine import cores


@pytest.fixture(autouse=True, scope="session")
def this_process_gives_memory_back() -> Iterator[None]:
    """Commands that tests call in this process must not settle it for good, as they do a process of their own."""
    patch = pytest.MonkeyPatch()
    patch.setattr(cores, "_keep_memory", lambda: None)
    yield
    patch.undo()
