"""How processes that compute wait and keep memory, and that users decide otherwise where they wish."""

import os
import subprocess
import sys

import pytest

from engine.machine.cores import asked_threads, waiting_environment

PROBE = """
import os, resource
from engine.machine.cores import prepare_to_compute
prepare_to_compute()
import torch
def three_layers():
    x = torch.ones(10 * 2**20)
    y = x * 2
    del x
    return y * 3
for _ in range(20):
    three_layers()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    three_layers()
print(os.environ.get("GOMP_SPINCOUNT"), resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def probe(**variables: str) -> tuple[str, int]:
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "GLIBC_TUNABLES")
    inherited = {key: value for key, value in os.environ.items() if key not in names and "MALLOC" not in key}
    environment = inherited | {"OMP_NUM_THREADS": "1"} | variables
    output = subprocess.run([sys.executable, "-c", PROBE], env=environment, capture_output=True, text=True, check=True)
    spins, faults = output.stdout.split()
    return spins, int(faults)


def test_waiting_threads_leave_their_core_soon() -> None:
    assert waiting_environment({}) == {"GOMP_SPINCOUNT": "1000", "KMP_BLOCKTIME": "0"}


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"])
def test_a_users_way_of_waiting_is_left_alone(name: str) -> None:
    assert waiting_environment({name: "7"}) == {}


@pytest.mark.parametrize(
    ("written", "threads"),
    [("4", 4), (" 4 , 2", 4), ("04", 4), ("4x", None), ("0", None), ("-1", None), ("", None), ("9" * 5000, None)],
)
def test_a_number_of_threads_is_what_openmp_takes_for_one(written: str, threads: int | None) -> None:
    assert asked_threads({"OMP_NUM_THREADS": written}) == threads
    assert asked_threads({}) is None


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_memory_of_one_layer_serves_the_next_unless_the_user_says_otherwise() -> None:
    spins, kept = probe()
    _, given_back = probe(MALLOC_MMAP_THRESHOLD_="65536", OMP_WAIT_POLICY="passive")
    assert spins == "1000"
    assert kept < given_back / 5
