"""Snakemake and the scripts of its jobs in forks of a process that has imported everything.

A start of Snakemake takes 1.5 s and that of a script 1 to 5 s, nearly all of it imports, and a run of the small project
has forty jobs. Here the same command line and the same scripts are run, only not by a new interpreter each. Tests of
what happens to processes – kills, signals, SLURM, a fresh clone – start real ones.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

#: What the package imports inside functions, or Snakemake when it first needs it.
LAZY = (
    "PyIRI.sh_library",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf",
    "nbformat",
    "pyarrow.dataset",
    "sklearn.manifold",
    "sklearn.metrics",
    "smart_open",
    "snakemake.cli",
    "snakemake.benchmark",
    "snakemake.executors.local",
    "snakemake.report.html_reporter",
    "snakemake.script",
    "snakemake.storage",
    "timm",
    "torchvision",
)


#: The environment variable that names the server's socket.
ADDRESS = "NORRSKEN_TESTS_WARM"


class Warm:
    """The client: what runs in a fork, and the process that forks."""

    def __init__(self, address: str) -> None:
        self.address = address

    @contextmanager
    def running(self, **request: Any) -> Iterator[tuple[int, Callable[[], int]]]:
        """Run `snakemake` or `script` in a fork: its process id, and what waits for its exit status."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.address)
            connection.sendall(json.dumps(request).encode() + b"\n")
            answers = connection.makefile()
            # A process that was killed says no status.
            yield int(answers.readline()), lambda: int(answers.readline() or -signal.SIGKILL)

    def snakemake(self, arguments: list[str], folder: Path, output: Path) -> int:
        """Run Snakemake in a folder, return its exit status; all that it and its jobs print goes to `output`."""
        where = {"folder": str(folder), "environment": dict(os.environ), "output": str(output)}
        with self.running(kind="snakemake", arguments=arguments, **where) as (_, status):
            return status()


def start() -> None:
    """Start the server of this process and of those that it starts; it ends with this one."""
    if ADDRESS not in os.environ:
        os.environ[ADDRESS] = f"{tempfile.mkdtemp()}/socket"
        command = [sys.executable, __file__, os.environ[ADDRESS]]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parent)
        assert server.stdout is not None
        assert server.stdout.readline() == b"listens\n"


def server() -> Warm:
    """The server that `start` has started."""
    return Warm(os.environ[ADDRESS])


def serve(address: str) -> None:
    """Fork for each request until the client has gone; before the first one, import everything."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    print("listens", flush=True)
    if os.fork() == 0:
        sys.stdin.read()  # ends when the client has gone
        os.kill(os.getppid(), signal.SIGTERM)
        os._exit(0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks: they tell their status themselves
    imported = False
    while True:
        connection, _ = listener.accept()
        if not imported:
            import_everything()
            imported = True
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            answer(connection, Warm(address))
        connection.close()


def import_everything() -> None:
    """All modules of the package, and what they import later."""
    import norrsken

    for module in pkgutil.walk_packages(norrsken.__path__, "norrsken."):
        if module.name != "norrsken.__main__":
            importlib.import_module(module.name)
    for name in LAZY:
        importlib.import_module(name)
    from snakemake.cli import get_argument_parser

    get_argument_parser()  # it asks every plugin for its options, which are kept
    for finalizer in weakref.finalize._registry:  # type: ignore[attr-defined]
        finalizer.atexit = False  # what was imported need not be taken down at the end of each fork
    gc.freeze()  # forks share what is imported only while their garbage collection leaves it alone


def answer(connection: socket.socket, server: Warm) -> None:
    """Do what a request asks for, in a fork, tell the exit status and end."""
    request = json.loads(connection.makefile().readline())
    connection.sendall(b"%d\n" % os.getpid())
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    output = os.open(request["output"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for standard in (1, 2):
        os.dup2(output, standard)
    status: object = 0
    try:
        if request["kind"] == "script":
            run_script(request["path"])
        else:
            run_snakemake(request["arguments"], server, request["output"])
    except SystemExit as end:
        status = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    threading._shutdown()  # type: ignore[attr-defined]  # pools of processes end here
    atexit._run_exitfuncs()
    code = status if isinstance(status, int) else int(status is not None)
    connection.sendall(b"%d\n" % code)
    os._exit(code)  # an interpreter that takes itself down touches every page that it shares with the server


def run_snakemake(arguments: list[str], server: Warm, output: str) -> None:
    """Snakemake's own entry; the scripts of its jobs go back to the server."""
    import psutil  # type: ignore[import-untyped]
    from snakemake.benchmark import benchmarked
    from snakemake.cli import main
    from snakemake.script import PythonScript

    def execute_script(self: Any, fname: str, edit: bool = False) -> None:
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # as Snakemake's shell sets them
        environment = {**os.environ, **dict.fromkeys(names, str(self.threads))}
        where = {"folder": os.getcwd(), "environment": environment, "output": output}
        with (
            server.running(kind="script", path=fname, **where) as (pid, status),
            benchmarked(pid, self.bench_record) if self.bench_record is not None else nullcontext(),
        ):
            code = status()
        if code:
            raise subprocess.CalledProcessError(code, fname)

    def memory(self: psutil.Process) -> SimpleNamespace:
        """Of a job, for its benchmark file. What a fork shares with others is left out: to count it takes 20 ms."""
        found = self.memory_info()
        return SimpleNamespace(rss=found.rss, vms=found.vms, uss=found.rss, pss=found.rss)

    psutil.Process.memory_full_info = memory
    PythonScript.execute_script = execute_script
    sys.argv = ["snakemake", *arguments]
    main(arguments)


def run_script(path: str) -> None:
    """A script as `python PATH` runs it."""
    from threadpoolctl import threadpool_limits

    sys.argv, sys.path[0] = [path], str(Path(path).parent)
    with threadpool_limits(int(os.environ["OMP_NUM_THREADS"])):
        runpy.run_path(path, run_name="__main__")


if __name__ == "__main__":
    serve(sys.argv[1])
