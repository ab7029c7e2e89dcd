"""What all tests share."""

from collections.abc import Iterator

import pytest

from engine.machine import cores


@pytest.fixture(autouse=True, scope="session")
def this_process_gives_memory_back() -> Iterator[None]:
    """Commands that tests call in this process must not settle it for good, as they do a process of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cores, "_keep_memory", lambda: None)
        yield


@pytest.fixture(autouse=True, scope="session")
def processes_that_tests_start_have_one_thread_each() -> Iterator[None]:
    """Several tests run at a time, and what they start must not crowd out the others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield
