"""A real Slurm of one node, in a folder of its own: no systemd, no accounting, ports that were free a moment ago."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")
_END_SECONDS = 20.0
_START_SECONDS = 30.0
_SEARCHED = f"{os.defpath}:/usr/sbin:/sbin:/usr/local/sbin"
_NOT_DEVICES = ("null", "zero", "full", "random")
"""Character devices that stand in for GPUs: Slurm wants files that exist, and never opens them."""

_CONFIGURATION = """\
ClusterName=crtui
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CredType=cred/munge
MpiDefault=none
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0,defer_batch
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ReturnToService=2
DefMemPerCPU=100
KillWait=10
MinJobAge={keep_seconds}
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 NodeHostname={host} CPUs=8 RealMemory=8000 Gres=gpu:fake:4 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=60 State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=10
PartitionName=rough Nodes={host} MaxTime=60 State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=0
PartitionName=high Nodes={host} MaxTime=60 State=UP PriorityTier=10 PreemptMode=OFF
"""


class CannotStartError(Exception):
    """Slurm cannot be started here; says why."""


@dataclass(frozen=True)
class Cluster:
    """A Slurm that runs.

    Attributes:
        folder: its configuration, state and logs.
    """

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What makes Slurm's commands talk to it."""
        return {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def call(self, *command: str) -> str:
        """What one of Slurm's commands prints."""
        answer = subprocess.run(
            command, env=os.environ | self.environment, capture_output=True, text=True, timeout=30, check=True
        )
        return answer.stdout.strip()


@contextmanager
def cluster(folder: Path, keep_seconds: int = 300) -> Iterator[Cluster]:
    """Start Slurm, and end it with everything that it runs.

    Args:
        folder: where its files go; its path must be short enough for a socket.
        keep_seconds: how long it remembers jobs that have ended.

    Raises:
        CannotStartError: a program is missing or a daemon does not come up.
    """
    missing = [program for program in PROGRAMS if shutil.which(program, path=_SEARCHED) is None]
    if missing:
        raise CannotStartError(f"{', '.join(missing)} not installed (Debian: slurm-wlm and munge)")
    host = socket.gethostname().split(".")[0]
    _configure(folder, host, keep_seconds)
    started = Cluster(folder)
    try:
        _start(folder, started)
        yield started
    finally:
        _end(folder, started)


def _configure(folder: Path, host: str, keep_seconds: int) -> None:
    for name in ("state", "spool", "munge"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    (folder / "munge").chmod(0o755)
    key = folder / "munge" / "key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(1024))
    with socket.socket() as first, socket.socket() as second:
        for listener in (first, second):
            listener.bind(("127.0.0.1", 0))
        ports = {"controller_port": first.getsockname()[1], "node_port": second.getsockname()[1]}
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    (folder / "slurm.conf").write_text(
        _CONFIGURATION.format(host=host, user=user, folder=folder, keep_seconds=keep_seconds, **ports)
    )
    gpus = [f"NodeName={host} Name=gpu Type=fake File=/dev/{device}" for device in _NOT_DEVICES]
    (folder / "gres.conf").write_text("\n".join(["AutoDetect=off", *gpus, ""]))
    (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n")


def _start(folder: Path, started: Cluster) -> None:
    munge = folder / "munge"
    files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    _daemon(started, "munged", *(f"--{option}={munge / name}" for option, name in files.items()))
    _daemon(started, "slurmctld")
    _daemon(started, "slurmd")
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            if "idle" in started.call("sinfo", "--noheader", "--format=%T").split():
                return
        except subprocess.SubprocessError:
            pass
        time.sleep(0.1)
    logs = "".join(log.read_text()[-300:] for log in sorted(folder.glob("slurm*.log")))
    raise CannotStartError(f"its node does not come up within {_START_SECONDS:.0f} seconds: {logs}")


def _daemon(started: Cluster, name: str, *arguments: str) -> None:
    program = shutil.which(name, path=_SEARCHED) or name
    answer = subprocess.run(
        [program, *arguments],
        env=os.environ | started.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_START_SECONDS,
        check=False,
    )
    if answer.returncode:
        raise CannotStartError(f"{name} does not start: {answer.stderr.strip()[-300:]}")


def _end(folder: Path, started: Cluster) -> None:
    pids = [folder / "slurmd.pid", folder / "slurmctld.pid", folder / "munge" / "pid"]
    if pids[1].exists():
        deadline = time.monotonic() + _END_SECONDS
        with contextlib.suppress(subprocess.SubprocessError):
            started.call("scancel", "--full", "--signal=KILL", "--user", str(os.getuid()))
            started.call("scancel", "--user", str(os.getuid()))
            # The daemons' helpers end with the steps, not with the daemons.
            while started.call("squeue", "--noheader") and time.monotonic() < deadline:
                time.sleep(0.2)
    pids = [path for path in pids if path.exists() and path.read_text().strip()]
    daemons = [psutil.Process(int(path.read_text())) for path in pids if psutil.pid_exists(int(path.read_text()))]
    for daemon in daemons:
        daemon.terminate()
    deadline = time.monotonic() + 3
    while any(map(_lives, daemons)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for daemon in filter(_lives, daemons):
        daemon.kill()


def _lives(daemon: psutil.Process) -> bool:
    """Nobody but the machine's first process collects a daemon's exit code, and that may take its time."""
    try:
        return daemon.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
