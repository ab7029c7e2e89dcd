"""What moving a slider costs: from the key to the image, and bytes on the line, in each way to show images.

    python benchmarks/latent_explorer.py                 # the paper's dSprites networks, untrained, about 5 minutes
    python benchmarks/latent_explorer.py --store DIR     # the newest run of a store instead

The dashboard runs in a pseudo-terminal of 120 by 40 cells, as a user's does, and is driven by keys. After each key the
time to the last byte that arrives before the slider has rested (the traversals follow then) is the time from slider to
image: slider, value and image are on the screen. An untrained network makes images of noise, which is the worst case
for the bytes; a store of trained runs shows the usual one. No terminal draws anything here: what a terminal takes to
show a picture comes on top.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cr_tui.dashboard.store.decoder.process import DecoderProcess
from engine.storage.store import Store

COLUMNS, ROWS = 120, 40
CELL = (9, 18)
MODES = ("halfblock", "kitty", "sixel", "ascii", "off")
MOVES = 20
REST_SECONDS = 0.22
"""Shorter than the rest after which the dashboard sends the traversals of the other codes."""
FOLLOWING_SECONDS = 1.5
PROGRAM = """
import sys
sys.path[:] = {path!r}
from engine.storage.store import Store
from cr_tui.dashboard import run
run(Store.open(sys.argv[1]), read_only=True, refresh=60.0, images=sys.argv[2])
"""


def build(root: Path) -> Store:
    """A store with one run of the paper's dSprites networks."""
    import torch

    from engine.methods import method_class
    from engine.methods.base import Setup
    from engine.runs.loading import describe
    from engine.runs.registry import Registry
    from engine.runs.run_folders import create_run_folders
    from engine.runs.specification.resolving import resolve
    from engine.runs.state import Status
    from engine.training import checkpoints

    store, spec = Store.open(root), resolve("infogan-cr", data="dsprites", preset="paper")[0]
    ((folder, lease),) = create_run_folders(store, [spec])
    os.close(lease)
    setup = Setup((64, 64, 1), images=1, seed=0, total_steps=1, device=torch.device("cpu"))
    model = method_class("infogan-cr")(spec.method, setup)
    # Untrained weights make all images the same grey.
    weights = {key: tensor * 4 if tensor.ndim > 1 else tensor for key, tensor in model.networks.state_dict().items()}
    folder.checkpoints.mkdir(exist_ok=True)
    checkpoints.save(folder.checkpoints, 1, weights, {}, describe(model, (64, 64, 1), "dsprites"), milestone=True)
    folder.update_state(lambda state: state.model_copy(update={"status": Status.FINISHED, "step": 1}))
    Registry(store).add_runs([folder])
    return store


class Terminal:
    """The dashboard in a pseudo-terminal that counts bytes."""

    def __init__(self, store: Store, mode: str, state: Path) -> None:
        self.raw = b""
        self._master, slave = pty.openpty()
        size = struct.pack("HHHH", ROWS, COLUMNS, COLUMNS * CELL[0], ROWS * CELL[1])
        fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
        environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "XDG_STATE_HOME": str(state)}
        command = [sys.executable, "-c", PROGRAM.format(path=sys.path), str(store.root), mode]
        self._process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment)
        os.close(slave)

    def press(self, key: str) -> None:
        os.write(self._master, key.encode())

    def read(self, seconds: float, until: Callable[[bytes], bool] | None = None) -> tuple[int, float]:
        """Bytes that come in some seconds, and after how many seconds the last of them came."""
        begun, before, newest = time.monotonic(), len(self.raw), 0.0
        while (left := begun + seconds - time.monotonic()) > 0 and not (until and until(self.raw[before:])):
            if select.select([self._master], [], [], min(left, 0.2))[0]:
                try:
                    self.raw += os.read(self._master, 65_536)
                except OSError:  # the dashboard has closed its end
                    break
                newest = time.monotonic() - begun
        return len(self.raw) - before, newest

    def close(self) -> None:
        self.press("q")
        self.read(5.0, until=lambda _: self._process.poll() is not None)
        self._process.kill()
        self._process.wait()
        os.close(self._master)


def measure_decoding(store: Store, run: Path) -> None:
    """What the helper process takes, without a dashboard."""
    process = DecoderProcess()
    begun = time.monotonic()
    facts = process.model(run, None)
    print(f"  helper process started, PyTorch and the model read: {time.monotonic() - begun:.1f} s")
    generator = np.random.default_rng(0)
    for images in (1, facts.codes.count * 5):
        times = []
        for _ in range(30):
            latents = generator.uniform(-1, 1, (images, facts.codes.dimensions)).astype(np.float32)
            begun = time.monotonic()
            process.decode(run, facts.step, latents)
            times.append(1000 * (time.monotonic() - begun))
        print(f"  decoding {images:3} images: {_summary(times)}")
    process.close()


def measure_mode(store: Store, mode: str, state: Path) -> None:
    """Keys to images in one way to show them."""
    terminal = Terminal(store, mode, state)
    terminal.read(30.0, until=lambda raw: b"finished" in raw or b"stopped" in raw)
    terminal.read(1.5)
    terminal.press("t")
    begun = time.monotonic()
    terminal.read(60.0, until=lambda raw: b"steps" in raw or b"off" in raw)
    size, last = terminal.read(4.0)
    print(f"  {mode}: shown {time.monotonic() - begun - 4.0:.1f} s after the key; all traversals {size / 1000:.1f} kB")
    times, sizes, following = [], [], []
    for move in range(MOVES):
        terminal.press("l" if move % 8 < 4 else "h")
        size, last = terminal.read(REST_SECONDS)
        times.append(1000 * last)
        sizes.append(size)
        following.append(terminal.read(FOLLOWING_SECONDS)[0])
    print(f"    slider to image: {_summary(times)}")
    print(
        f"    bytes a move: {statistics.median(sizes):,.0f} median, {max(sizes):,} most; "
        f"traversals when it rests: {statistics.median(following):,.0f}"
    )
    terminal.press("l")
    begun = time.monotonic()
    for _ in range(29):
        time.sleep(1 / 30)
        terminal.press("h" if _ % 2 else "l")
    size, last = terminal.read(REST_SECONDS)
    print(f"    a key held for a second, 30 a second: {size / 1000:.1f} kB, last image {1000 * last:.0f} ms after it")
    terminal.close()


def _summary(milliseconds: list[float]) -> str:
    ordered = sorted(milliseconds)
    late = ordered[int(0.95 * (len(ordered) - 1))]
    return f"{statistics.median(ordered):.0f} ms median, {late:.0f} ms 95th percentile, {ordered[-1]:.0f} ms worst"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, help="a store with runs that have checkpoints")
    parser.add_argument("--modes", nargs="+", default=MODES, choices=MODES)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(arguments.store) if arguments.store else build(Path(folder) / "store")
        run = max(path for path in store.runs.iterdir() if (path / "checkpoints").is_dir())
        print(f"{run.name}, load {os.getloadavg()[0]:.1f}")
        measure_decoding(store, run)
        for mode in arguments.modes:
            measure_mode(store, mode, Path(folder) / "state")


if __name__ == "__main__":
    main()
