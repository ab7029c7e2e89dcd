"""Work shared out to processes: in order, with its errors, and gone when its parent is."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import engine.data
from engine.data.processes import in_order
from engine.errors import InputError, WorkError


def square(number: int) -> int:
    time.sleep(0.02 * (number % 3 == 0))
    return number * number


def process_id(number: int) -> int:
    return os.getpid()


def refuse(number: int) -> int:
    if number == 3:
        raise InputError("three is bad")
    return number


def die(number: int) -> int:
    os._exit(9)


def test_results_come_in_order_from_other_processes() -> None:
    assert list(in_order(square, range(20), 2)) == [number * number for number in range(20)]
    assert os.getpid() not in set(in_order(process_id, range(4), 2))


def test_one_task_or_one_process_stays_here() -> None:
    assert set(in_order(process_id, range(4), 1)) == {os.getpid()}
    assert list(in_order(process_id, [7], 8)) == [os.getpid()]
    assert list(in_order(process_id, [], 8)) == []


def test_error_comes_after_the_results_before_it() -> None:
    got = in_order(refuse, range(9), 2)
    assert [next(got) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(InputError, match="three is bad"):
        next(got)


def test_death_of_a_process_is_said() -> None:
    with pytest.raises(WorkError, match="a process that made images died"):
        list(in_order(die, range(4), 2))


def _children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def test_processes_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import time\n"
        "from engine.data.processes import in_order\n"
        "if __name__ == '__main__':\n"
        "    got = in_order(time.sleep, [0, 0, 600, 600], 2)\n"
        "    next(got), next(got)\n"
        "    print('started', flush=True)\n"
        "    next(got)\n"
    )
    (tmp_path / "program.py").write_text(program)
    root = str(Path(engine.data.__file__).parents[2])
    parent = subprocess.Popen(
        [sys.executable, tmp_path / "program.py"],
        env=os.environ | {"PYTHONPATH": root},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "started\n"
    children = _children(parent)
    assert len(children) >= 2
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait(20)
    parent.stdout.close()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
