"""A SLURM cluster on this machine: munge, slurmctld and a slurmd a node, started without systemd and cgroups.

GPUs are make-believe: SLURM counts character devices, which are handed out and guarded as GPUs are, but nothing
computes on them. Debian's packages munge, slurmctld, slurmd and slurm-client are needed, and the right to become root.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel", "sinfo")

#: Character devices that every machine has: one stands for a GPU.
DEVICES = ("/dev/null", "/dev/zero")

#: Their type.
GPU = "a100"

SLURM_CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
# Jobs of a node that died start again after this, not after two minutes.
AuthInfo=socket={root}/munge.socket,cred_expire=10
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool/%n
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.%n.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd.%n.log
Prolog={root}/bin/record
Epilog={root}/bin/record
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
SchedulerParameters=sched_interval=2,bf_interval=2,sched_min_interval=0,batch_sched_delay=0,default_queue_depth=1000
SlurmctldTimeout=30
SlurmdTimeout=10
KillWait=2
OverTimeLimit=0
ReturnToService=2
JobRequeue=0
# Without accounting squeue is what knows of ended jobs.
AccountingStorageType=accounting_storage/none
MinJobAge=3600
MaxJobCount=50000
"""


#: Before and after each job, on its node: the only record of which GPUs a job had.
RECORD = """\
#!/bin/sh
echo "$SLURM_SCRIPT_CONTEXT $SLURM_JOB_ID $SLURMD_NODENAME $(date +%s.%N) $SLURM_JOB_GPUS" >> {root}/events
"""


@dataclass(frozen=True)
class Job:
    """A job as `scontrol` shows it.

    minutes, memory_mb: its limits. gpus: (node, index) of each that it had. submitted, began, ended: seconds since
    1970, 0 where it has not.
    """

    id: int
    comment: str
    partition: str
    state: str
    minutes: int
    memory_mb: int
    node: str
    gpus: frozenset[tuple[str, int]]
    submitted: float
    began: float
    ended: float

    @property
    def rule(self) -> str:
        """The Snakemake rule: the plugin writes it into the comment."""
        return self.comment.removeprefix("rule_").split("_wildcards_")[0]


def missing_programs() -> list[str]:
    """What is not installed of what a cluster needs."""
    return [name for name in PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]


class Cluster:
    """Nodes `n1`, `n2`, each in both partitions `cpu` and `gpu`, with two make-believe GPUs."""

    def __init__(self, root: Path, cpus: int = 8) -> None:
        """cpus: that each node says it has."""
        self.root, self.bin = root, root / "bin"
        self.nodes, self.cpus = ("n1", "n2"), cpus

    @property
    def environment(self) -> dict[str, str]:
        """For processes that talk to the cluster."""
        path = f"{self.bin}:{os.environ['PATH']}:/usr/sbin"
        return {**os.environ, "PATH": path, "SLURM_CONF": str(self.root / "slurm.conf")}

    def start(self) -> None:
        """Start everything and wait until all nodes are idle."""
        shutil.rmtree(self.root, ignore_errors=True)  # old states of nodes and jobs would come back
        for folder in ("state", "spool", "bin"):
            (self.root / folder).mkdir(parents=True)
        self.root.chmod(0o755)
        self._write_configuration()
        key = self.root / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        munge = {"key-file": key, "socket": self.root / "munge.socket", "pid-file": self.root / "munged.pid"}
        munge |= {"log-file": self.root / "munged.log", "seed-file": self.root / "munge.seed"}
        self._run("munged", "--force", *(f"--{option}={path}" for option, path in munge.items()))
        self._run("slurmctld", "-f", str(self.root / "slurm.conf"))
        for node in self.nodes:
            self.start_node(node)
        wait_until(lambda: self.idle() == len(self.nodes), 60, "nodes are idle")

    def stop(self) -> None:
        subprocess.run(["scancel", "--quiet", "--user", str(os.getuid())], env=self.environment, check=False)
        wait_until(lambda: not self._ask("squeue", "-h", "-t", "R,CG,CF"), 20, "no job runs", fail=False)
        for name in (*(f"slurmd.{node}" for node in self.nodes), "slurmctld", "munged"):
            _stop(self.root / f"{name}.pid", signal.SIGTERM)

    def idle(self) -> int:
        """How many nodes are up and take jobs."""
        states = self._ask("sinfo", "-h", "-N", "-p", "cpu", "-o", "%T").split()
        return sum(state in ("idle", "mixed", "allocated") for state in states)

    def start_node(self, node: str) -> None:
        (self.root / "spool" / node).mkdir(exist_ok=True)
        self._run("slurmd", "-N", node, "-f", str(self.root / "slurm.conf"))

    def kill_node(self, node: str) -> None:
        """A node that loses its power: its slurmd and every process of its jobs, with SIGKILL.

        SLURM is told, as by an operator who has seen it: how long it takes to miss a node by itself differs much.
        """
        jobs = self._ask("squeue", "-h", "-w", node, "-t", "R,CG", "-o", "%A").split()
        pids = [pid for job in jobs for pid in self._processes(int(job), node)]
        steps = {above for pid in pids for above in _ancestors(pid) if _command(above) == "slurmstepd"}
        _stop(self.root / f"slurmd.{node}.pid", signal.SIGKILL)
        for pid in [*steps, *pids]:  # a step that outlives its job's processes would still say how they ended
            _kill(pid)
        self._run("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=lost its power")

    def jobs(self) -> list[Job]:
        """All jobs since the start, ended ones too."""
        shown = self._ask("scontrol", "show", "job", "-o")
        events = [line.split() for line in _read(self.root / "events").splitlines()]
        return [_job(line, events) for line in shown.splitlines() if line.startswith("JobId=")]

    def cancel(self, job: Job) -> None:
        self._run("scancel", str(job.id))

    def limit(self, job: Job, minutes: int) -> None:
        """Set the time limit of a job that runs."""
        self._run("scontrol", "update", f"JobId={job.id}", f"TimeLimit={minutes}")

    def stop_processes(self, job: Job) -> None:
        """A job that hangs: its processes go on only when they are killed, or at its time limit."""
        for pid in self._processes(job.id, job.node):
            if not _command(pid).startswith("slurm"):
                os.kill(pid, signal.SIGSTOP)

    def _processes(self, job: int, node: str) -> list[int]:
        listed = self._ask("scontrol", "listpids", str(job), node)
        return [int(line.split()[0]) for line in listed.splitlines() if line[:1].isdigit()]

    def _write_configuration(self) -> None:
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        host = socket.gethostname().split(".")[0]
        control, *ports = _free_ports(1 + len(self.nodes))
        lines = [SLURM_CONF.format(host=host, port=control, user=user, root=self.root)]
        gpus = []
        for node, port in zip(self.nodes, ports, strict=True):
            address = f"NodeHostname={host} NodeAddr=127.0.0.1 Port={port}"
            lines.append(f"NodeName={node} {address} CPUs={self.cpus} RealMemory=64000 Gres=gpu:{GPU}:{len(DEVICES)}\n")
            gpus += [f"NodeName={node} Name=gpu Type={GPU} File={device}\n" for device in DEVICES]
        everywhere = ",".join(self.nodes)
        lines += [
            f"PartitionName={name} Nodes={everywhere} DefaultTime=60 MaxTime=INFINITE DefMemPerCPU=200 State=UP\n"
            for name in ("cpu", "gpu")
        ]
        (self.root / "slurm.conf").write_text("".join(lines))
        (self.root / "gres.conf").write_text("".join(gpus))
        (self.root / "cgroup.conf").write_text("CgroupAutomount=no\n")
        (self.bin / "record").write_text(RECORD.format(root=self.root))
        (self.bin / "record").chmod(0o755)
        # Snakemake's job step drops SLURM_CONF before it calls srun: these put it back.
        for program in ("srun", "sbatch", "squeue", "scontrol", "scancel", "sinfo"):
            wrapper = self.bin / program
            wrapper.write_text(
                f'#!/bin/sh\nSLURM_CONF={self.root}/slurm.conf exec {shutil.which(program, path="/usr/bin")} "$@"\n'
            )
            wrapper.chmod(0o755)

    def _run(self, *command: str) -> None:
        subprocess.run(command, env=self.environment, check=True, capture_output=True)

    def _ask(self, *command: str) -> str:
        done = subprocess.run(command, env=self.environment, check=False, capture_output=True, text=True)
        return done.stdout.strip()


@contextmanager
def running(root: Path, cpus: int = 8) -> Iterator[Cluster]:
    """A cluster that is stopped at the end, whatever happens."""
    cluster = Cluster(root, cpus)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def wait_until(holds: Callable[[], bool], seconds: float, what: str, fail: bool = True) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            if fail:
                raise TimeoutError(f"after {seconds} s it does not hold that {what}")
            return
        time.sleep(0.2)


def _job(line: str, events: list[list[str]]) -> Job:
    """A line of `scontrol show job -o`, and the records of all jobs."""
    fields = dict(re.findall(r"(\S+?)=(\S*)", line))
    comment = re.search(r"Comment=(.*?) +[A-Z]\w+=", line)
    own = [event for event in events if event[1] == fields["JobId"]]
    times = {event[0]: float(event[3]) for event in own}
    gpus = {(event[2], int(i)) for event in own if len(event) > 4 for i in event[4].split(",")}
    days, _, clock = fields["TimeLimit"].rpartition("-")
    hours, minutes, _ = clock.split(":")
    memory = re.search(r"mem=(\d+)([MG])", line)
    return Job(
        id=int(fields["JobId"]),
        comment=comment[1] if comment else "",
        partition=fields["Partition"],
        state=fields["JobState"],
        minutes=int(days or 0) * 1440 + int(hours) * 60 + int(minutes),
        memory_mb=int(memory[1]) * (1024 if memory[2] == "G" else 1) if memory else 0,
        node=fields.get("NodeList", ""),
        gpus=frozenset(gpus),
        submitted=datetime.fromisoformat(fields["SubmitTime"]).timestamp(),
        began=times.get("prolog_slurmd", 0.0),
        ended=times.get("epilog_slurmd", 0.0),
    )


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    for opened in sockets:
        opened.bind(("127.0.0.1", 0))
    ports: list[int] = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


def _stop(pid_file: Path, how: signal.Signals) -> None:
    """End a daemon by its pid file and wait for it."""
    try:
        pid = int(pid_file.read_text())
        os.kill(pid, how)
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return
    wait_until(lambda: _command(pid) == "", 20, f"{pid_file.name} has ended", fail=False)
    _kill(pid)
    pid_file.unlink(missing_ok=True)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _command(pid: int) -> str:
    """The name of a living process, empty for one that has ended."""
    found = re.search(r"^Name:\s+(.*)\n(?:.*\n)*?State:\s+[^ZX]", _read(f"/proc/{pid}/status"))
    return found[1] if found else ""


def _ancestors(pid: int) -> Iterator[int]:
    while pid > 1:
        yield pid
        found = re.search(r"^PPid:\s+(\d+)", _read(f"/proc/{pid}/status"), re.MULTILINE)
        pid = int(found[1]) if found else 0


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
