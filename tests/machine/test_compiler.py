"""A process that computes does without PyTorch's compiler, and whoever wants it still gets it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TRAINS = """
import sys
import torch
from engine.machine.compiler import leave_out_compiler

if sys.argv[1] == "without":
    leave_out_compiler()
torch.manual_seed(0)
layer = torch.nn.Linear(3, 2)
for kind in (torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop):
    optimiser = kind(layer.parameters(), lr=0.1)
    for _ in range(3):
        optimiser.zero_grad()
        layer(torch.ones(4, 3)).square().sum().backward()
        optimiser.step()
        optimiser.load_state_dict(optimiser.state_dict())
print([parameter.tolist() for parameter in layer.parameters()], "sympy" in sys.modules)
"""
LOADS = """
import inspect
import sys
from engine.machine.cores import prepare_to_compute

prepare_to_compute()
import torch
from engine.methods import method_class, usable_methods
from engine.methods.base import Setup
from engine.runs.specification.resolving import resolve

inspect.getmodule(sys._getframe())
meta = torch.device("meta")
names = usable_methods()
for name in names:
    [spec] = resolve(name)
    for device in (meta, torch.device("cpu")):
        with device:
            method_class(name)(spec.method, Setup((32, 32, 1), 1, 0, 1, device))
    if "sympy" in sys.modules:
        sys.exit(f"{name} loads it")
print(len(names))
"""
WANTS_IT = """
import sys
import torch
from engine.machine.compiler import leave_out_compiler

leave_out_compiler()
stand_in = sys.modules["torch._dynamo"]
optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)])
assert torch.compile(lambda x: 2 * x, backend="eager")(torch.ones(1)).item() == 2
assert sys.modules["torch._dynamo"] is torch._dynamo is not stand_in
import torch._dynamo.config
leave_out_compiler()
assert sys.modules["torch._dynamo"] is torch._dynamo
"""
WANTS_A_PART = """
import sys
from engine.machine.compiler import leave_out_compiler

leave_out_compiler()
stand_in = sys.modules["torch._dynamo"]
import torch
assert sys.modules["torch._dynamo"] is stand_in
import torch._dynamo.config
assert sys.modules["torch._dynamo"] is torch._dynamo is not stand_in
assert sys.modules["torch._dynamo.config"] is torch._dynamo.config
assert torch.compile(lambda x: 2 * x, backend="eager")(torch.ones(1)).item() == 2
"""


def _run(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_optimisers_do_the_same_and_do_not_load_it() -> None:
    with_it, without = _run(TRAINS, "with").rsplit(maxsplit=1), _run(TRAINS, "without").rsplit(maxsplit=1)
    assert without[0] == with_it[0]
    assert (with_it[1], without[1]) == ("True", "False")


def test_no_model_loads_it() -> None:
    assert int(_run(LOADS)) >= 15


@pytest.mark.parametrize("program", [WANTS_IT, WANTS_A_PART], ids=["itself", "a part"])
def test_whoever_asks_for_it_gets_it(program: str) -> None:
    _run(program)
