"""What a plan must know of the disk. It is looked up once, by the process that plans, and handed to its jobs.

Jobs would otherwise look for themselves, hours later and on other machines, and come to another plan: a month or a
frozen release may have appeared meanwhile. Only the standard library and pydantic are imported here.
"""

import hashlib
import os
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import Field

from norrsken import paths
from norrsken.calendar import frame_time, months_of_years, night_of
from norrsken.config.base import ConfigError, Settings
from norrsken.config.config import Config
from norrsken.config.general import FOLDER as GENERAL_FOLDER
from norrsken.files import csv_rows, digest, written_aside
from norrsken.nights.archive import (
    directories_by_month,
    find_tree,
    truth_folder,
    why_without_images,
    years_without_data,
)

#: The variable of the environment that tells jobs where the survey lies that their plan was made of.
VARIABLE = "NORRSKEN_SURVEY"

#: Where surveys lie, below the folder in which Snakemake works. Those that no job needs any more are removed.
FOLDER = ".snakemake/norrsken"
KEPT_SECONDS = 30 * 86400


class Survey(Settings):
    """What was found.

    months: the leaf directories that the nights of each month reach into, below the archive's root. listings: a digest
    of their names and times for each of these months, which is another one when a file has come or gone. lost: months
    that have tables, but nothing in the archive any more. frozen: whether the release's labelled frames are a source
    now, which nothing remakes. counted: the tables that count its frames. left_out: what lies below the archive's root
    but fits no pattern, as `archive.LeftOut`. truth: the folder of a simulation's truth. empty_years: years of the
    release without data. without_images: why no file of the archive is named like a frame; empty where one is.
    warnings: sentences about what stops nothing. masks: SHA-256 of the files of the cameras' masks.
    labelled_conditions: the table of labelled conditions → the months of its frames; empty where there is no table.
    unlabelled: the release's label tables that are not there. general: SHA-256 of each file of the general classifier,
    its classifier.json first, where that makes the catalogue. audit_drawn: whether the sample of the catalogue's audit
    is there, which stays as it is. audited: whether all tables of those who label it are there, too. yardsticks:
    SHA-256 of the summary of the yardsticks; None where they were not made.
    """

    months: dict[str, list[str]]
    listings: dict[str, str]
    lost: list[str]
    frozen: bool
    counted: list[str]
    left_out: list[tuple[str, str, int]]
    truth: str | None
    empty_years: list[int]
    without_images: str
    warnings: list[str]
    masks: dict[str, str] = Field(default={})
    labelled_conditions: dict[str, list[str]] = Field(default={})
    unlabelled: list[str] = Field(default=[])
    general: dict[str, str] = Field(default={})
    audit_drawn: bool = False
    audited: bool = False
    yardsticks: str | None = None


def look(config: Config) -> Survey:
    """Look at the archive and the results. Raises `ConfigError` where what the release stands on is not there."""
    name, release, archive = config.release, config.releases[config.release], config.archive
    frozen = release.frozen and os.path.exists(paths.LABELLED.format(release=name))
    sources: Mapping[str, str] = getattr(release, "sources", {})
    missing = [path for path in sources.values() if not os.path.exists(path)]
    if missing:
        key = "table" if missing[0] == sources.get("table") else "path"
        raise ConfigError(f"releases.{name}.{key}: there is no {missing[0]!r}; unpack the data set there")
    warnings = []
    try:
        leaves, left_out = find_tree(archive.root, archive.directories, archive.clock, archive.folders)
    except ConfigError as error:
        # A release of other frames needs no archive, and a frozen one has all that it needs.
        if not frozen and (not sources or os.path.isdir(archive.root)):
            raise
        leaves, left_out = [], []
        if not sources:
            warnings.append(f"{error}: nothing new is taken from the archive.")
    months = directories_by_month(leaves, config.site.longitude)
    made = [month for month in months_made() if month not in months]
    # What a failed job has left of them is made anew of what was kept.
    months |= {month: [] for month in sorted(_names(Path(paths.KEPT).parent) - {*months, *made})}
    empty_years = years_without_data(release.years, leaves)
    nothing = set(empty_years) == set(release.years) and not {*made} & months_of_years(release.years)
    if release.years and leaves and nothing and not frozen:
        raise ConfigError(
            f"releases.{name}.years: the archive {archive.root!r} has no directory of these years; "
            f"it reaches from {leaves[0].path} to {leaves[-1].path}"
        )
    if made and leaves:
        warnings.append(f"The archive has nothing more of {', '.join(made)}: what was made of it stays.")
    times = {leaf.path: _time(archive.root, leaf.path) for leaf in leaves}
    latest = time.time_ns() + 10**9 * 60
    ahead = [path for path, changed in times.items() if changed > latest]
    if ahead:
        warnings.append(
            f"The time of {ahead[0]} in the archive lies ahead{_and_more(ahead)}: the clock of a computer is wrong. "
            "It does no harm."
        )
    table = config.conditions.table
    if table is not None and not os.path.exists(table):
        warnings.append(
            f"conditions.table: there is no {table!r} yet, and no catalogue is made without it; `snakemake conditions` "
            "makes the page to label it with."
        )
    truth = truth_folder(archive.root)
    audit_drawn = os.path.exists(paths.AUDIT_SAMPLE.format(release=name))
    catalogue = getattr(release, "catalogue", None)
    auditors = [] if catalogue is None else catalogue.audit.tables(name)
    unaudited = [path for path in auditors if not os.path.exists(path)]
    if audit_drawn and len(unaudited) < len(auditors) and unaudited:
        warnings.append(f"The catalogue is not audited before all of its auditors' tables are there: {unaudited[0]!r}.")
    return Survey(
        months=months,
        listings={month: _listing(times, directories) for month, directories in months.items()},
        lost=made,
        frozen=frozen,
        counted=[key for key, path in paths.COUNTS.items() if os.path.exists(path.format(release=name))],
        left_out=[tuple(one) for one in left_out],
        truth=str(truth) if truth.is_dir() else None,
        empty_years=empty_years,
        without_images=why_without_images(config, leaves) if leaves else "",
        warnings=warnings,
        masks=_masks(config),
        labelled_conditions=_labelled_conditions(config, {*months, *made}),
        unlabelled=[path for path in release.labels if not os.path.exists(path)],
        general=_general() if getattr(release, "is_general", False) else {},
        audit_drawn=audit_drawn,
        audited=audit_drawn and bool(auditors) and not unaudited,
        yardsticks=digest(paths.YARDSTICK_SUMMARY.format(release=name)),
    )


def _masks(config: Config) -> dict[str, str]:
    """SHA-256 of each file that is a camera's mask; raises `ConfigError` where one is not there."""
    found = {}
    for number, camera in enumerate(config.cameras):
        if isinstance(camera.mask, str):
            if not os.path.isfile(camera.mask):
                raise ConfigError(f"cameras.{number}.mask: there is no file {camera.mask!r}")
            found[camera.mask] = str(digest(camera.mask))
    return found


def _labelled_conditions(config: Config, months: Collection[str]) -> dict[str, list[str]]:
    """The table of labelled conditions, if it is there, and which of the months its frames are of.

    Only the night tables of these months are needed to read it: a new month then does not choose the model anew. What
    is wrong in the table is left to the job that reads it, since other jobs do not need it.
    """
    table, found = config.conditions.table, set()
    if table is None or not os.path.exists(table):
        return {}
    with suppress(ConfigError):
        for _, row in csv_rows(table, ["frame_id"], ConfigError):
            with suppress(ValueError):
                time = frame_time(row["frame_id"].strip(), config.site.station)
                found.add(f"{night_of(time, config.site.longitude):%Y-%m}")
    return {table: sorted(found.intersection(months))}


def _general() -> dict[str, str]:
    """SHA-256 of each file of the general classifier; raises `ConfigError` where it is not there."""
    names = sorted(path.name for path in GENERAL_FOLDER.glob("[!.]*") if path.is_file())
    if "classifier.json" not in names:
        raise ConfigError(
            f"{GENERAL_FOLDER}: there is no classifier.json; install norrsken anew, with all of its files"
        )
    names.sort(key=lambda name: name != "classifier.json")
    return {name: str(digest(GENERAL_FOLDER / name)) for name in names}


def _and_more(paths: list[str]) -> str:
    return f", as that of {len(paths) - 1} more" if len(paths) > 1 else ""


def months_made() -> list[str]:
    """The months that have both night tables and keograms, in order."""
    nights, keograms = (_names(Path(path).parent) for path in (paths.NIGHTS, paths.KEOGRAMS))
    return sorted(nights & keograms)


def _names(folder: Path) -> set[str]:
    """The months of which a folder has a directory."""
    return {path.name for path in folder.glob("????-??") if path.is_dir()}


def _listing(times: Mapping[str, int], directories: Iterable[str]) -> str:
    """A digest of the directories' names and of the times at which something in them last came, went or was renamed.

    The archive's root does not enter, so that an archive can be moved.
    """
    text = "".join(f"{path}\0{times[path]}\n" for path in directories)
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:32]


def _time(root: str, path: str) -> int:
    try:
        return os.stat(os.path.join(root, path)).st_mtime_ns
    except OSError:  # it has just gone, or must not be read
        return 0


def hand_on(survey: Survey, folder: Path) -> None:
    """Write a survey for the jobs and tell them, by the environment, where it lies. folder: where Snakemake works."""
    text = survey.model_dump_json()
    target = folder / FOLDER / f"survey-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    with written_aside(target) as temporary:
        temporary.write_text(text, encoding="utf-8")
    for old in target.parent.glob("survey-*.json"):
        if old.stat().st_mtime < time.time() - KEPT_SECONDS:
            old.unlink(missing_ok=True)
    os.environ[VARIABLE] = str(target.resolve())


def handed_on() -> Survey | None:
    """The survey that was handed to this job; None where there is none."""
    path = os.environ.get(VARIABLE)
    if not path or not os.path.exists(path):
        return None
    return Survey.model_validate_json(Path(path).read_text(encoding="utf-8"))
