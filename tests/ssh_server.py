"""A real SSH server on loopback that lets in nobody but the test's key, and a slow line to it that can be cut."""

from __future__ import annotations

import contextlib
import getpass
import os
import queue
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
ROOT = Path(__file__).parents[1]
needs_ssh = pytest.mark.skipif(
    not (Path(SSHD).exists() and shutil.which("ssh") and shutil.which("ssh-keygen")),
    reason="needs an SSH server and client: apt-get install openssh-server openssh-client",
)


@dataclass(frozen=True)
class SshServer:
    """A running server.

    Args:
        port: of loopback.
        client: the configuration of a client that it lets in.
    """

    port: int
    client: Path

    @property
    def login(self) -> list[str]:
        """The command that logs in, with a terminal."""
        return ["ssh", "-F", str(self.client), "-tt", "-p", str(self.port), f"{getpass.getuser()}@127.0.0.1"]

    def address(self, store: Path, port: int | None = None) -> str:
        """The address of a store on this machine, as one of another."""
        return f"ssh://{getpass.getuser()}@127.0.0.1:{port or self.port}{store}"

    def variables(self, there: dict[str, str]) -> dict[str, str]:
        """What crtui needs in its environment to go through this server.

        Args:
            there: the environment of the crtui on the far side.
        """
        words = " ".join(f"{name}='{value}'" for name, value in there.items())
        return {
            "CRTUI_SSH": f"ssh -F {self.client}",
            "CRTUI_FAR_COMMAND": f"env PYTHONPATH={ROOT} OMP_NUM_THREADS=1 {words} {sys.executable} -m cr_tui",
        }


@contextlib.contextmanager
def ssh_server(folder: Path) -> Iterator[SshServer]:
    """Run a server whose files lie in a folder."""
    folder.mkdir(mode=0o700)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    shutil.copy(folder / "user.pub", folder / "authorized")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "authorized",
        "PidFile": folder / "pid",
        "PasswordAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "StrictModes": "no",
        "UsePAM": "no",
    }
    (folder / "config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    client = {
        "IdentityFile": folder / "user",
        "IdentitiesOnly": "yes",
        "StrictHostKeyChecking": "no",
        "UserKnownHostsFile": folder / "known",
        "LogLevel": "ERROR",
        "BatchMode": "yes",
    }
    (folder / "client").write_text("".join(f"{name} {value}\n" for name, value in client.items()))
    if os.geteuid() == 0:
        # Where the server leaves its privileges.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    log = folder / "log"
    server = subprocess.Popen([SSHD, "-D", "-f", str(folder / "config"), "-E", str(log)])
    found = SshServer(port, folder / "client")
    try:
        deadline = time.monotonic() + 30
        while subprocess.run([*found.login, "true"], capture_output=True, check=False).returncode != 0:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield found
    finally:
        server.terminate()
        server.wait(timeout=30)


class SlowLine:
    """Carries connections of a port of its own to another, each byte later by half of a round trip.

    Attributes:
        carried: bytes so far, both ways.
        port: where it listens.
    """

    def __init__(self, port: int, round_trip: float = 0.0) -> None:
        self.carried = 0
        self._delay, self._to = round_trip / 2, port
        self._open: list[socket.socket] = []
        self._refusing = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End all connections, and refuse new ones until :meth:`mend`."""
        self._refusing = True
        self._end()

    def mend(self) -> None:
        """Take new connections."""
        self._refusing = False

    def close(self) -> None:
        """Be gone."""
        self.cut()
        self._listener.close()

    def _end(self) -> None:
        ended, self._open = self._open, []
        for end in ended:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self._refusing:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._to))
                self._open += [near, far]
                for source, target in ((near, far), (far, near)):
                    pieces: queue.Queue[tuple[float, bytes]] = queue.Queue()
                    threading.Thread(target=self._read, args=(source, pieces), daemon=True).start()
                    threading.Thread(target=self._write, args=(target, pieces), daemon=True).start()

    def _read(self, source: socket.socket, pieces: queue.Queue[tuple[float, bytes]]) -> None:
        content = b"first"
        while content:
            try:
                content = source.recv(65536)
            except OSError:
                content = b""
            self.carried += len(content)
            pieces.put((time.monotonic() + self._delay, content))

    def _write(self, target: socket.socket, pieces: queue.Queue[tuple[float, bytes]]) -> None:
        with contextlib.suppress(OSError):
            while True:
                due, content = pieces.get()
                time.sleep(max(due - time.monotonic(), 0.0))
                if not content:
                    target.shutdown(socket.SHUT_RDWR)
                    return
                target.sendall(content)
