"""A sample of the archive's frames to label first, even over the classes that a classifier sees: `sample.parquet`."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from norrsken import schemas, tables
from norrsken.classify.frames import BATCH
from norrsken.classify.known_cameras import of_known_cameras
from norrsken.classify.verdict import FrameModel
from norrsken.config.jobs import SampleSettings
from norrsken.curation.sample import drawn, filled, nights_by_time, places
from norrsken.dataset.selections import Selections, read_selections
from norrsken.errors import NorrskenError
from norrsken.files import ahead

log = logging.getLogger(__name__)

#: The most frames that are classified for a sample. In a larger archive so many are drawn first, all with the same
#: probability: rare classes still have enough of them, and the time that it takes has an end.
MOST_CLASSIFIED = 200_000


class SampleError(NorrskenError):
    """There is nothing to draw of, or the classifier does not know the frames."""


class _Night:
    """The frames of a night of which a sample may be drawn. place: of each in the order of the draw, (n,)."""

    def __init__(self, path: Path, offered: pa.Table, seed: int) -> None:
        self.path, self.offered, self.night = path, offered, date.fromisoformat(path.stem)
        self.place = places(offered["frame_id"].to_pylist(), seed)

    def first(self, limit: int) -> pa.Table:
        """The frames up to a place in the order, with their places: `frame_id`, `time`, `night`, `place`."""
        rows = self.offered.append_column("night", pa.array([self.night] * len(self.offered), pa.date32()))
        first = self.place <= np.uint64(limit) if limit >= 0 else np.zeros(len(rows), bool)
        return rows.append_column("place", pa.array(self.place)).filter(pa.array(first))


def draw_sample(
    months: Sequence[str], selections: str | None, classifier: FrameModel, settings: SampleSettings, output: str
) -> None:
    """Write `sample.parquet`: frames of the release's years that were kept and chosen, and how probably each is drawn.

    months: directories of the night tables. selections: the table of chosen times; None: all kept frames. classifier:
    what tells the classes. In the test nights every frame has the same probability. In the others as many frames as
    possible are of each class that the classifier finds most probable; frames of a camera that it does not know count
    as a class of their own. The night tables are read twice, one night at a time; the images only of what is
    classified. Raises `SampleError` where there are no such frames, or the classifier knows none of them.
    """
    chosen = None if selections is None else read_selections(selections, settings.longitude)

    def of_nights(wanted: Callable[[date], bool]) -> Iterator[_Night]:
        for path in tables.night_tables(months):
            if wanted(date.fromisoformat(path.stem)):
                night = _Night(path, _offered(path, chosen, settings), settings.seed)
                if len(night.offered):
                    yield night

    place = {night.night: night.place for night in of_nights(lambda _: True)}
    if not place:
        raise SampleError("no frame of the release's years was kept and lies in the chosen times: nothing can be drawn")
    by_time = nights_by_time(place, settings.test_share, settings.seed)
    if not by_time:
        log.warning("all frames are of one night: none is sampled by time, so no split by night can be made")
    of_test, of_others = (
        np.concatenate([np.empty(0, np.uint64), *(p for night, p in place.items() if (night in by_time) == test)])
        for test in (True, False)
    )
    number = min(round(settings.test_share * settings.frames), len(of_test))
    considered = min(len(of_others), MOST_CLASSIFIED)
    last_of_test, last_of_others = _limit(of_test, number), _limit(of_others, considered)
    timed = [
        _rows(night.first(last_of_test), number / len(of_test), schemas.BY_TIME)
        for night in of_nights(by_time.__contains__)
    ]
    others = ((n.path, n.first(last_of_others)) for n in of_nights(lambda night: night not in by_time))
    balanced = _balanced(others, classifier, settings.frames - number, considered / max(len(of_others), 1))
    log.info("%d of %d frames drawn by time, in %d nights", number, len(of_test), len(by_time))
    table = pa.concat_tables([*timed, balanced]).sort_by("time")
    tables.write(output, table, schemas.SAMPLE_TABLE, settings.plain())


def _offered(path: Path, selections: Selections | None, settings: SampleSettings) -> pa.Table:
    """The frames of a night that may be drawn: `frame_id` and `time`."""
    rows = tables.read(path, schemas.NIGHT_TABLE, ["frame_id", "time", "status"])
    kept = pc.equal(rows["status"].cast(pa.string()), "kept")
    rows = rows.filter(pc.and_(kept, pc.is_in(pc.year(rows["time"]), pa.array(settings.years, pa.int64()))))
    if selections is not None:
        night = date.fromisoformat(path.stem)
        rows = rows.filter(pa.array([selections.holds(night, time) for time in rows["time"].to_pylist()], pa.bool_()))
    return rows.select(["frame_id", "time"])


def _limit(place: NDArray[np.uint64], number: int) -> int:
    """The place up to which there are so many frames; -1: there is none."""
    return -1 if number == 0 else int(np.partition(place, number - 1)[number - 1])


def _rows(frames: pa.Table, probability: NDArray[np.float64] | float, part: str) -> pa.Table:
    """Rows of the sample: all of these frames. probability: of each, (n,), or of all."""
    columns = {"probability": np.broadcast_to(probability, len(frames)), "part": [part] * len(frames)}
    of_frames = {name: frames[name] for name in ("frame_id", "time", "night")}
    return pa.table(of_frames | columns).cast(schemas.SAMPLE_TABLE)


def _balanced(
    parts: Iterator[tuple[Path, pa.Table]], classifier: FrameModel, number: int, considered: float
) -> pa.Table:
    """Rows of the sample: so many of these frames, as equally of all classes as can be.

    considered: the probability with which these frames themselves were drawn of all.
    """
    frames, codes = [], []
    for path, of_night in parts:
        frames.append(of_night)
        codes.append(_classes(path, of_night, classifier))
    if not frames:
        return schemas.SAMPLE_TABLE.empty_table()
    table, code = pa.concat_tables(frames), np.concatenate(codes)
    names = [*classifier.classes, "of a camera that the classifier does not know"]
    if (code == len(classifier.classes)).all():
        raise SampleError(
            f"the general classifier knows none of the cameras of the {len(code)} frames: a camera needs a lens, which "
            "brings its frames to the reference grid (norrsken calibrate finds it). Without one, write "
            "labelling.sample: all"
        )
    sizes = np.bincount(code, minlength=len(names))
    given = filled(sizes, number)
    for name, size, taken in zip(names, sizes, given, strict=True):
        if size:
            log.info("%d of %d frames drawn: %s", taken, size, name)
    taken = drawn(table["place"].to_numpy(), code, given)
    probability = considered * given / np.maximum(sizes, 1)
    return _rows(table.filter(pa.array(taken)), probability[code[taken]], schemas.BALANCED)


def _classes(path: str | os.PathLike[str], frames: pa.Table, classifier: FrameModel) -> NDArray[np.int64]:
    """The most probable class of each frame, or the number of classes where the classifier does not know the camera."""
    code = np.full(len(frames), len(classifier.classes), np.int64)
    known = of_known_cameras(Path(path), frames["time"], classifier) if len(frames) else np.zeros(0, bool)
    rows, ids = np.flatnonzero(known), frames["frame_id"].to_pylist()
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    for batch, images in zip(batches, ahead(tables.images_of(path, [ids[i] for i in b]) for b in batches), strict=True):
        code[batch] = classifier.predict(images).argmax(axis=1)
    return code
