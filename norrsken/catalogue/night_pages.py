"""Every night at a glance: a page for each month, and a calendar of all years that leads to them.

The pages need nothing outside their folder and no network: it can be moved, or sent away.
"""

import shutil
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from norrsken import schemas, tables
from norrsken.astronomy import sun_and_moon_altitude
from norrsken.calendar import night_start
from norrsken.catalogue.occurrence import LONGEST_STEP, NIGHT_SECONDS, USUAL_STEP
from norrsken.classes import CONDITIONS, NOT_CLASSIFIED
from norrsken.config.jobs import NightPageSettings
from norrsken.config.label_set import LabelSet
from norrsken.files import csv_rows, directory_written_aside
from norrsken.nights.keogram import LAYOUT, STEP
from norrsken.nights.keogram_axis import axis_in
from norrsken.nights.kept import Lost, lost_nights
from norrsken.pages import write_frame, write_page

#: The most sample frames of a night.
SAMPLES = 6


@dataclass(frozen=True)
class _Frames:
    """The n kept frames of a night, by time. kind, alone, condition: positions in `kinds` and `CONDITIONS`.

    kinds: the labels of the catalogue. alone: that each frame would get by itself, where its classifier looks at those
    before and after, too; empty elsewhere. strange: whether some frames are unfamiliar to the classifier.
    """

    kinds: tuple[str, ...]
    frame_id: list[str]
    seconds: NDArray[np.int64]  # since the noon that opens the night
    kind: NDArray[np.int64]
    alone: NDArray[np.int64]
    condition: NDArray[np.int64]
    confidence: NDArray[np.int64]  # per cent
    mlt: NDArray[np.float32]
    spacing: float  # seconds that a frame stands for
    left_out: int  # kept frames that are not in the catalogue
    strange: bool

    @property
    def hours(self) -> NDArray[np.float64]:
        """Hours of clear sky of each kind, (kinds,), as in `catalogue.occurrence`."""
        clear = self.kind[self.condition == CONDITIONS.index("clear")]
        return np.bincount(clear, minlength=len(self.kinds)).astype(np.float64) * self.spacing / 3600


def write_night_pages(
    catalogue: Sequence[str],
    nights: Sequence[str],
    keograms: Sequence[str],
    events: str,
    lost: Collection[str],
    settings: NightPageSettings,
    output: str,
) -> None:
    """Write the directory `output`: index.html, the calendar; {month}.html; and the pictures that they show.

    catalogue, nights, keograms: the directories of the months. events: the table of events, of which the longest of
    each night are shown by the frames at their peaks. lost: the months of which the archive has nothing more. Raises
    `TableError` where a table is not what was expected, or lacks the frame of an event.
    """
    classified = {path.stem: path for path in tables.night_tables(catalogue)}
    pictures = {path.stem: path for folder in keograms for path in Path(folder).glob("*.png")}
    longest = _longest_events(events)
    months = {month: list(paths) for month, paths in groupby(tables.night_tables(nights), lambda path: path.stem[:7])}
    label_set, lost_of = settings.label_set, lost_nights(nights)
    in_time = ""
    if tables.judged_in_time(catalogue):
        settings_of_first = tables.about(min(classified.values()))["settings"]
        in_time = "smoothed" if "smoothing" in settings_of_first else "sequence"
    strange = False
    rows_of: dict[str, list[dict[str, Any]]] = {month: [] for month in months}
    drawn_of: dict[str, list[dict[str, Any]]] = {month: [] for month in months}
    with directory_written_aside(output) as folder:
        (folder / "frames").mkdir()
        (folder / "keograms").mkdir()
        for month, paths in months.items():
            for path in paths:
                frames = _read(classified.get(path.stem), path.stem, settings)
                strange |= frames.strange
                events_of = longest.get(path.stem, [])
                status, images = _status(path, [event["peak_frame"] for event in events_of])
                samples = _samples(frames, events_of, images, path, folder / "frames", label_set)
                picture = pictures.get(path.stem)
                if picture:
                    shutil.copyfile(picture, folder / "keograms" / picture.name)
                gone = _gone(path.stem, lost, lost_of)
                rows_of[month].append(
                    _night(path, status, frames, label_set)
                    | {"gone": gone, "samples": samples, "keogram": picture and picture.name}
                )
                drawn_of[month].append(_drawn(frames, samples) | {"axis": picture and axis_in(picture)})
        # The legend of every page says whether any frame of all nights is strange, so the pages come last.
        common = {
            "site": settings.site.name,
            "kinds": _kinds_shown(label_set, strange),
            "clear_sky": label_set.clear_sky,
        }
        years: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        for month, before, after in zip(months, [None, *months], [*list(months)[1:], None], strict=False):
            rows = rows_of[month]
            nights_of_month = [path.stem for path in months[month]]
            page = {
                **common,
                **_summary(rows, label_set),
                "title": _title(month),
                "before": before and {"month": before, "title": _title(before)},
                "after": after and {"month": after, "title": _title(after)},
                "layout": LAYOUT,
                "nights": rows,
                "script": _script(nights_of_month, drawn_of.pop(month), settings) | {"in_time": in_time},
            }
            write_page("nights-month", page, folder / f"{month}.html")
            years[month[:4]][month] = [row | {"samples": None} for row in rows]
        calendar = [
            {"year": year, "months": of_year, **_summary([row for rows in of_year.values() for row in rows], label_set)}
            for year, of_year in years.items()
        ]
        write_page("nights-calendar", {**common, "years": calendar}, folder / "index.html")


def _gone(night: str, lost: Collection[str], lost_of: Mapping[str, Lost]) -> str:
    """What the archive has lost of a night, as the pages say it; empty where it has lost nothing."""
    if night[:7] in lost:
        return "the archive has nothing more of this month"
    return f"the archive has lost {lost_of[night].gone} of these frames" if night in lost_of else ""


def _kinds_shown(label_set: LabelSet, strange: bool) -> list[dict[str, str]]:
    """What the legend says of each label of the catalogue. strange: whether some frames are unfamiliar."""
    definitions = {label.name: label.definition for label in label_set.classes}
    unlike = ", or the frame is unlike those that it was trained on" if strange else ""
    definitions[NOT_CLASSIFIED] = f"The classifier is not sure enough{unlike}."
    titles, colours = label_set.titles, label_set.colours
    return [
        {"name": name, "title": titles[name], "colour": colours[name], "definition": definition}
        for name, definition in definitions.items()
    ]


def _longest_events(path: str) -> dict[str, list[dict[str, str]]]:
    """At most `SAMPLES` events of each night, by time; see `_chosen`."""
    of_night: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    columns = ["night", "label", "start", "end", "minutes", "peak_time", "peak_frame"]
    for _, row in csv_rows(path, columns, tables.TableError):
        of_night[row["night"]].append(row)
    return {night: sorted(_chosen(events), key=lambda event: event["start"]) for night, events in of_night.items()}


def _chosen(events: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """The longest event of each class, then the second longest of each, and so on."""
    of_class: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    for event in sorted(events, key=lambda event: float(event["minutes"]), reverse=True):
        of_class[event["label"]].append(event)
    ranks = zip_longest(*of_class.values())
    return [event for rank in ranks for event in rank if event][:SAMPLES]


def _read(path: Path | None, night: str, settings: NightPageSettings) -> _Frames:
    """The frames of a night's catalogue; none where it has no catalogue, since no frame was kept."""
    kinds = settings.label_set.catalogue_labels
    names = ["frame_id", "time", "mlt", "condition", "label", "reason", "confidence"]
    table = schemas.catalogue_table().empty_table()
    if path:
        with tables.opened(path, table.schema, names) as file:
            more = {schemas.ALONE_LABEL} & set(file.schema_arrow.names)
            table = file.read([*names, *more], use_threads=False)
    in_time = schemas.ALONE_LABEL in table.column_names
    start = round(night_start(date.fromisoformat(night), settings.site.longitude).timestamp())
    seconds = table["time"].cast("int64").to_numpy() // 1000 - start
    steps = np.diff(seconds)
    steps = steps[steps <= LONGEST_STEP]
    return _Frames(
        kinds=kinds,
        frame_id=table["frame_id"].to_pylist(),
        seconds=seconds,
        kind=tables.positions(table["label"], kinds),
        alone=tables.positions(table[schemas.ALONE_LABEL], kinds) if in_time else np.empty(0, np.int64),
        condition=tables.positions(table["condition"], CONDITIONS),
        confidence=np.rint(table["confidence"].to_numpy() * 100).astype(np.int64),
        mlt=table["mlt"].to_numpy(),
        spacing=float(np.median(steps)) if len(steps) else USUAL_STEP,
        left_out=tables.left_out_of(table).total(),
        strange=bool((tables.positions(table["reason"], ["unfamiliar"]) == 0).any()),
    )


def _status(path: Path, shown: Sequence[str]) -> tuple[dict[str, int], NDArray[np.uint8]]:
    """How many frames of a night have each status, and the images of those that are shown. path: the night's table."""
    names = ["frame_id", "status"]
    with tables.opened(path, schemas.NIGHT_TABLE, [*names, "image"]) as file:
        table = file.read(names, use_threads=False)
        images = tables.images_at(file, tables.rows_of(table, shown, path) if shown else [])
    counts = table["status"].cast("string").value_counts().to_pylist()
    return {count["values"]: count["counts"] for count in counts}, images


def _samples(
    frames: _Frames,
    events: Sequence[Mapping[str, str]],
    images: NDArray[np.uint8],
    night: Path,
    folder: Path,
    label_set: LabelSet,
) -> list[dict[str, Any]]:
    """What the page says of the frames at the events' peaks, whose images go to the folder. night: its table."""
    samples = []
    for event, image in zip(events, images, strict=True):
        name = event["peak_frame"]
        if name not in frames.frame_id:
            raise tables.TableError(f"{night}: the catalogue of this night lacks {name}, the peak of an event")
        write_frame(image, folder / f"{name}.png")
        i = frames.frame_id.index(name)
        samples.append(
            {
                "frame": name,
                "second": int(frames.seconds[i]),
                "name": event["label"],
                "title": label_set.titles[event["label"]],
                "time": event["peak_time"][11:16],
                "mlt": _clock(frames.mlt[i]),
                "confidence": int(frames.confidence[i]),
                "span": f"{event['start'][11:16]}–{event['end'][11:16]}",
                "minutes": round(float(event["minutes"])),
            }
        )
    return samples


def _night(path: Path, status: Mapping[str, int], frames: _Frames, label_set: LabelSet) -> dict[str, Any]:
    """What the pages say of a night. path: its table. status: how many of its frames have each."""
    return {
        "night": path.stem,
        "day": int(path.stem[-2:]),
        "frames": sum(status.values()),
        "kept": status.get("kept", 0),
        "other_camera": frames.left_out,
        "left_out": ", ".join(f"{name} {status[name]}" for name in schemas.STATUSES[1:] if name in status),
        "hours": frames.hours,
        **_shares(frames.hours, label_set),
    }


def _summary(nights: Sequence[Mapping[str, Any]], label_set: LabelSet) -> dict[str, Any]:
    """What the pages say of a month or a year."""
    return _shares(np.sum([night["hours"] for night in nights], axis=0), label_set) | {
        "nights_observed": sum(3600 * night["observed"] >= NIGHT_SECONDS for night in nights)
    }


def _shares(hours: NDArray[np.float64], label_set: LabelSet) -> dict[str, Any]:
    """Hours observed, and how they divide: aurora by share, clear sky, not classified. hours: (kinds,), of each kind.

    Frames whose label stands for a sky that cannot be judged were not observed.
    """
    kinds = label_set.catalogue_labels
    seen = np.array([name not in label_set.hidden_sky for name in kinds])
    observed = float(hours[seen].sum())
    share = dict(zip(kinds, (hours / (observed or 1)).tolist(), strict=True))
    clear = [name for name in (label_set.clear_sky, NOT_CLASSIFIED) if name is not None]
    largest = [*sorted(label_set.aurora, key=lambda name: -share[name]), *clear]
    titles = label_set.titles
    shares = [{"name": name, "title": titles[name], "share": share[name]} for name in largest if share[name]]
    return {"observed": observed, "aurora": sum(share[name] for name in label_set.aurora), "shares": shares}


def _drawn(frames: _Frames, samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the script draws of a night, numbers as arrays: a decade of lists would fill the memory.

    steps: seconds from noon to the first frame, and from each to the next.
    """
    return {
        "spacing": frames.spacing,
        "steps": np.diff(frames.seconds, prepend=0),
        "kinds": "".join(f"{kind:x}" for kind in frames.kind.tolist()),
        "alone": "".join(f"{kind:x}" for kind in frames.alone.tolist()),
        "conditions": "".join(map(str, frames.condition.tolist())),
        "confidence": frames.confidence,
        "peaks": [sample["second"] for sample in samples],
    }


def _script(nights: Sequence[str], drawn: Sequence[dict[str, Any]], settings: NightPageSettings) -> dict[str, Any]:
    """What the script of a month's page draws."""
    starts = [round(night_start(date.fromisoformat(night), settings.site.longitude).timestamp()) for night in nights]
    times = np.array(starts)[:, None] * 1000 + np.arange(0, LAYOUT["minutes"] + 1, STEP) * 60_000
    sun, moon = (
        altitudes.reshape(times.shape).round(1) for altitudes in sun_and_moon_altitude(times.ravel(), settings.site)
    )
    return {
        "layout": LAYOUT,
        "kinds": settings.label_set.catalogue_labels,
        "titles": [settings.label_set.titles[name] for name in settings.label_set.catalogue_labels],
        "conditions": CONDITIONS,
        "step_minutes": STEP,
        "sun_altitude_max": settings.filter.sun_altitude_max,
        "nights": [
            {"night": night, "start": start, "sun": sun[i].tolist(), "moon": moon[i].tolist()}
            | {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in drawn[i].items()}
            for i, (night, start) in enumerate(zip(nights, starts, strict=True))
        ],
    }


def _title(month: str) -> str:
    return f"{date.fromisoformat(f'{month}-01'):%B %Y}"


def _clock(hours: float) -> str:
    """A time of day in hours as hours and minutes."""
    hour, minute = divmod(round(float(hours) * 60) % 1440, 60)
    return f"{hour:02d}:{minute:02d}"
