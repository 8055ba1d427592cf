"""How far the workflow has come, in months and runs, by Snakemake's summary and the logs of its jobs."""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from norrsken import joblog
from norrsken.errors import NorrskenError

STATES = ("done", "running", "waiting", "failed")

KILLED = "ended without a word: it was killed, ran out of memory, or its node died"


@dataclass(frozen=True)
class Job:
    """A job of the workflow, which is known by its log. remark: what is said of a job that runs or has failed."""

    log: str
    state: str
    remark: str

    @property
    def row(self) -> str:
        """The line in which the job is counted: months, the runs of a model, or everything else.

        The folder of the log has the name of the rule, also where another workflow calls the rule otherwise.
        """
        match Path(self.log).parts:
            case ("results", "logs", "ingest_month", *_):
                return "months"
            case ("results", "logs", "classify_month", *_):
                return "months of the catalogue"
            case ("results", "logs", "train_run", *_, model, _):
                return f"runs of {model}"
        return "other jobs"


def describe(summary: Iterable[str], folder: Path) -> Iterator[str]:
    """Lines for the terminal from what `snakemake --summary` printed; folder: where Snakemake works.

    Raises `NorrskenError` for anything else.
    """
    jobs = _jobs(summary, folder)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for job in jobs:
        counts[job.row][job.state] += 1
    width = max(map(len, counts))
    yield " ".join([" " * width, *(f"{state:>8s}" for state in STATES)])
    order = {"months": 0, "months of the catalogue": 2, "other jobs": 3}  # the models stand between them
    for row in sorted(counts, key=lambda row: order.get(row, 1)):
        yield " ".join([f"{row:{width}s}", *(f"{counts[row][state] or '·':>8}" for state in STATES)])
    for state in ("running", "failed"):
        members = [job for job in jobs if job.state == state]
        if members:
            yield f"\n{state.capitalize()}:"
        for job in members:
            yield f"  {job.log}\n      {job.remark}"


def _jobs(summary: Iterable[str], folder: Path) -> list[Job]:
    rows = csv.DictReader(summary, delimiter="\t")
    if not {"rule", "log-file(s)", "plan"} <= set(rows.fieldnames or ()):
        raise NorrskenError("expected the summary of Snakemake: snakemake --summary | norrsken status")
    pending: dict[str, bool] = {}
    for row in rows:
        log = row["log-file(s)"]
        pending[log] = pending.get(log, False) or row["plan"] != "no update"
    at_work = any((folder / ".snakemake" / "locks").glob("*"))
    return [Job(log, *(_state(folder / log, at_work) if waits else ("done", ""))) for log, waits in pending.items()]


def _state(log: Path, at_work: bool) -> tuple[str, str]:
    """The state of a job that is to be done, and the remark on it."""
    job = joblog.read(log)
    if job is None or job.state == "done":  # the log is an earlier job's
        return "waiting", ""
    if job.state == "failed":
        return "failed", job.message
    return ("running", f"on {job.host} since {job.since}") if at_work else ("failed", KILLED)
