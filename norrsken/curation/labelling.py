"""The pages on which people label frames, one page for each annotator (section 2.2)."""

import zlib
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc

from norrsken import tables
from norrsken.config.jobs import LabellingSettings
from norrsken.dataset.selections import Selections, read_selections
from norrsken.errors import NorrskenError
from norrsken.files import directory_written_aside
from norrsken.pages import LABELS_SHOWN, write_frame, write_page

#: The most frames on a page. A page of more would open slowly, and nobody would come to its end.
MAX_FRAMES = 50_000

#: A frame that is shown again comes at least this many frames later.
REPEAT_AFTER = 50


class LabellingError(NorrskenError):
    """There is nothing to label, or too much."""


class Shown(NamedTuple):
    """A frame in an annotator's order. frame: its position in time. repeat: whether it was shown before."""

    frame: int
    repeat: bool


def write_labelling_pages(
    months: Iterable[str], selections: str | None, settings: LabellingSettings, output: str
) -> None:
    """Write a page for each annotator and, for all, the frames as PNG.

    months: directories of the night tables. selections: the table of chosen times; None: all kept frames. Raises
    `LabellingError` where no frame was kept and chosen, or more than a page can hold.
    """
    chosen = None if selections is None else read_selections(selections, settings.longitude)
    with directory_written_aside(output) as folder:
        frames = list(_write_frames(months, chosen, settings, folder / "frames"))
        if not frames:
            raise LabellingError("no frame of the release's years was kept and lies in the chosen times")
        for annotator, order in settings.orders.items():
            write_labelling_page(frames, annotator, order, settings, folder / f"{annotator}.html")


def write_labelling_page(
    frames: list[str], annotator: str, order: str, settings: LabellingSettings, output: Path
) -> None:
    """Write the page of one annotator. frames: the path of each below `frames/`, without its suffix, by time."""
    shown = sequence(len(frames), annotator, order, settings)
    page = {
        "release": settings.release,
        "annotator": annotator,
        "frames": frames,
        "sequence": [frame for frame, _ in shown],
        "repeats": [position for position, (_, repeat) in enumerate(shown) if repeat],
        "labels": LABELS_SHOWN,
    }
    write_page("labelling", page, output)


def sequence(frames: int, annotator: str, order: str, settings: LabellingSettings) -> list[Shown]:
    """The order in which an annotator sees so many frames, with some of them again; it is the same each time."""
    random = np.random.default_rng([settings.seed, zlib.crc32(annotator.encode())])
    first = random.permutation(frames) if order == "random" else np.arange(frames)
    early = max(frames - REPEAT_AFTER, 0)  # frames that can be shown again: enough others follow
    again = random.choice(early, min(round(settings.repeats * frames), early), replace=False)
    places = [(float(place), Shown(int(frame), False)) for place, frame in enumerate(first)]
    places += [(random.uniform(place + REPEAT_AFTER, frames), Shown(int(first[place]), True)) for place in again]
    return [shown for _, shown in sorted(places, key=lambda item: item[0])]


def _write_frames(
    months: Iterable[str], selections: Selections | None, settings: LabellingSettings, folder: Path
) -> Iterator[str]:
    """Write the frames that are offered, by time; yield the path of each without its suffix: night/frame_id."""
    number = 0
    for path in tables.night_tables(months):
        night = date.fromisoformat(path.stem)
        if selections is not None and not selections.nights.get(night):
            continue
        (folder / path.stem).mkdir(parents=True)
        columns = ["frame_id", "time", "status", "image"]
        with tables.opened(path, tables.NIGHT_TABLE, columns) as file:
            for group in range(file.num_row_groups):
                rows = file.read_row_group(group, columns)
                kept = rows.filter(pc.equal(rows["status"].cast("string"), "kept"))
                for frame, time, image in zip(
                    kept["frame_id"].to_pylist(), kept["time"].to_pylist(), tables.images(kept["image"]), strict=True
                ):
                    if time.year not in settings.years or (
                        selections is not None and not selections.holds(night, time)
                    ):
                        continue
                    number += 1
                    if (number - 1) % settings.every:
                        continue
                    if number > MAX_FRAMES * settings.every:
                        raise LabellingError(
                            f"more than {MAX_FRAMES:,} frames to label; choose times from keograms (selections), or "
                            f"offer every n-th frame only (labelling.every, now {settings.every})"
                        )
                    write_frame(image, folder / path.stem / f"{frame}.png")
                    yield f"{path.stem}/{frame}"
