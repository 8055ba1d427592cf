"""The pages on which people label frames, one page for each annotator (section 2.2).

`write_task` writes such a page for any list of labels; `norrsken.curation.conditions` uses it, too.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from norrsken import schemas, tables
from norrsken.config.jobs import LabellingSettings
from norrsken.config.releases import MOST_DRAWN
from norrsken.dataset.selections import Selections, read_selections
from norrsken.errors import NorrskenError
from norrsken.files import directory_written_aside
from norrsken.pages import write_frame, write_page

#: The most frames on a page. A page of more would open slowly, and nobody would come to its end.
MAX_FRAMES = MOST_DRAWN

#: A frame that is shown again comes at least this many frames later.
REPEAT_AFTER = 50


class LabellingError(NorrskenError):
    """There is nothing to label, or too much."""


class Shown(NamedTuple):
    """A frame in an annotator's order. frame: its position in time. repeat: whether it was shown before."""

    frame: int
    repeat: bool


class Task(NamedTuple):
    """What a page asks of a person.

    title: heading of the page. kept: two names under which the browser keeps what was said. file: name of the exported
    table, without its suffix; folder: where it is put, such as `labels/`. labels: `name`, `title`, `definition` and
    `key` of each. guide: sentences that say how to decide. neighbours: whether a key shows the frames before and after.
    """

    title: str
    kept: tuple[str, str]
    file: str
    folder: str
    labels: Sequence[Mapping[str, Any]]
    guide: str
    neighbours: bool


def write_task(
    task: Task,
    frames: Sequence[str],
    shown: Iterable[Shown],
    output: Path,
    drawn: Mapping[str, tuple[float, str]] | None = None,
) -> None:
    """Write the page of a task. frames: the path of each below `frames/`, without its suffix, by time.

    drawn: see `write_labelling_page`.
    """
    order = list(shown)
    page: dict[str, Any] = {
        **task._asdict(),
        "frames": frames,
        "sequence": [frame for frame, _ in order],
        "repeats": [position for position, (_, repeat) in enumerate(order) if repeat],
    }
    if drawn is not None:
        page["drawn"] = drawn
    write_page("labelling", page, output)


def write_labelling_pages(
    months: Iterable[str],
    selections: str | None,
    earlier: str | None,
    settings: LabellingSettings,
    output: str,
    sample: str | None = None,
) -> None:
    """Write a page for each annotator and, for all, the frames as PNG.

    months: directories of the night tables. selections: the table of chosen times; None: all kept frames. earlier: the
    `labelled.parquet` of another release, of which the frames of the class `settings.of_class` are offered, to divide
    it; None: those of the months are. sample: the `sample.parquet` whose frames alone are offered; None: all are.
    Raises `LabellingError` where no frame was kept and chosen, or more than a page can hold.
    """
    chosen = None if selections is None else read_selections(selections, settings.longitude)
    if earlier is not None:
        offered = _of_class(earlier, settings)
    else:
        offered = _kept(months, chosen, settings) if sample is None else of_sample(months, sample)
    wanted = "was kept" if earlier is None else f"is {settings.of_class!r} in {earlier}"
    write_pages(offered, chosen, settings, output, wanted, None if sample is None else _drawn(sample))


def write_pages(
    offered: Iterable["Offered"],
    selections: Selections | None,
    settings: LabellingSettings,
    output: str,
    wanted: str = "was kept",
    drawn: Mapping[str, tuple[float, str]] | None = None,
) -> None:
    """Write a page for each annotator and, for all, the frames that are offered and chosen as PNG.

    selections: the chosen times; None: all. wanted: what the error says of frames, where there is none. drawn: see
    `write_labelling_page`. Raises `LabellingError` where there is no frame, or more than a page can hold.
    """
    with directory_written_aside(output) as folder:
        frames = list(_write_frames(offered, selections, settings, folder / "frames"))
        if not frames:
            raise LabellingError(f"no frame of the release's years {wanted} and lies in the chosen times")
        for annotator, order in settings.orders.items():
            write_labelling_page(frames, annotator, order, settings, folder / f"{annotator}.html", drawn)


def write_labelling_page(
    frames: list[str],
    annotator: str,
    order: str,
    settings: LabellingSettings,
    output: Path,
    drawn: Mapping[str, tuple[float, str]] | None = None,
) -> None:
    """Write the page of one annotator. frames: the path of each below `frames/`, without its suffix, by time.

    drawn: how each frame of a sample was drawn, by its id, for the exported table. The page does not show it.
    """
    references = f" ({'; '.join(settings.references)})" if settings.references else ""
    task = Task(
        title=f"{annotator} labels {settings.release}",
        kept=(settings.release, annotator),
        file=annotator,
        # The export has the annotator's name, so that what divides a class must not take the place of the first table.
        folder="labels/" if settings.of_class is None else "labels/divided/",
        labels=[label.plain() for label in settings.labels],
        guide="Give each frame the label of the form that dominates it. If several do, give the first of them in the "
        f"order of the buttons{references}. Judge by what you see in the frame. Look at its neighbours in time only if "
        "you must: the page notes it.",
        neighbours=True,
    )
    write_task(task, frames, sequence(len(frames), annotator, order, settings), output, drawn)


def sequence(frames: int, annotator: str, order: str, settings: LabellingSettings) -> list[Shown]:
    """The order in which an annotator sees so many frames, with some of them again; it is the same each time."""
    random = np.random.default_rng([settings.seed, zlib.crc32(annotator.encode())])
    first = random.permutation(frames) if order == "random" else np.arange(frames)
    early = max(frames - REPEAT_AFTER, 0)  # frames that can be shown again: enough others follow
    again = random.choice(early, min(round(settings.repeats * frames), early), replace=False)
    places = [(float(place), Shown(int(frame), False)) for place, frame in enumerate(first)]
    places += [(random.uniform(place + REPEAT_AFTER, frames), Shown(int(first[place]), True)) for place in again]
    return [shown for _, shown in sorted(places, key=lambda item: item[0])]


class Offered(NamedTuple):
    """A frame that may be labelled. image: (128, 128, 3) uint8."""

    frame_id: str
    time: datetime
    night: date
    image: NDArray[np.uint8]


def _kept(months: Iterable[str], selections: Selections | None, settings: LabellingSettings) -> Iterator[Offered]:
    """The kept frames of the release's years, by time, of nights of which something was chosen."""
    for path in tables.night_tables(months):
        if selections is not None and not selections.nights.get(date.fromisoformat(path.stem)):
            continue
        columns = ["frame_id", "time", "status", "image"]
        with tables.opened(path, schemas.NIGHT_TABLE, columns) as file:
            for group in range(file.num_row_groups):
                rows = file.read_row_group(group, columns)
                kept = rows.filter(pc.equal(rows["status"].cast("string"), "kept"))
                yield from _rows(kept, [date.fromisoformat(path.stem)] * len(kept), settings)


def of_sample(months: Iterable[str], sample: str) -> Iterator[Offered]:
    """The frames of a sample, by time. sample: a table with `frame_id`, `time` and `night` as `sample.parquet`."""
    drawn = tables.read(sample, schemas.SAMPLE_TABLE, ["frame_id", "time", "night"])
    for path in tables.night_tables(months):
        night = date.fromisoformat(path.stem)
        of_night = drawn.filter(pc.equal(drawn["night"], night))
        ids, times = of_night["frame_id"].to_pylist(), of_night["time"].to_pylist()
        if ids:
            for frame_id, time, image in zip(ids, times, tables.images_of(path, ids), strict=True):
                yield Offered(frame_id, time, night, image)


def _drawn(sample: str) -> dict[str, tuple[float, str]]:
    """How each frame of a sample was drawn: its id → probability and part, as the page exports them."""
    rows = tables.read(sample, schemas.SAMPLE_TABLE, ["frame_id", "probability", "part"])
    ids, probabilities, parts = (column.to_pylist() for column in rows)
    return dict(zip(ids, zip(probabilities, parts, strict=True), strict=True))


def _of_class(labelled: str, settings: LabellingSettings) -> Iterator[Offered]:
    """The frames of a class of a release, by time. Raises `LabellingError` where the release has no such class."""
    classes = tables.label_names(labelled).classes
    if settings.of_class not in classes:
        raise LabellingError(f"{labelled} has no class {settings.of_class!r}; it has {', '.join(classes)}")
    columns = ["frame_id", "time", "night", "label", "image"]
    with tables.opened(labelled, schemas.labelled_table([]), columns) as file:
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, columns)
            of_class = rows.filter(pc.equal(rows["label"], settings.of_class))
            yield from _rows(of_class, of_class["night"].to_pylist(), settings)


def _rows(table: pa.Table, nights: Sequence[date], settings: LabellingSettings) -> Iterator[Offered]:
    """The rows of a table that are of the release's years."""
    ids, times = table["frame_id"].to_pylist(), table["time"].to_pylist()
    for row in zip(ids, times, nights, tables.images(table["image"]), strict=True):
        offered = Offered(*row)
        if offered.time.year in settings.years:
            yield offered


def _write_frames(
    offered: Iterable[Offered], selections: Selections | None, settings: LabellingSettings, folder: Path
) -> Iterator[str]:
    """Write the frames that are chosen, by time; yield the path of each without its suffix: night/frame_id."""
    number = 0
    for frame_id, time, night, image in offered:
        if selections is not None and not selections.holds(night, time):
            continue
        number += 1
        if (number - 1) % settings.every:
            continue
        if number > MAX_FRAMES * settings.every:
            raise LabellingError(
                f"more than {MAX_FRAMES:,} frames to label; choose times from keograms (selections), or "
                f"offer every n-th frame only (labelling.every, now {settings.every})"
            )
        path = folder / str(night) / f"{frame_id}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_frame(image, path)
        yield f"{night}/{frame_id}"
