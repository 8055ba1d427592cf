"""Night tables → the catalogue of a month: every kept frame classified."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from norrsken import schemas, tables
from norrsken.catalogue.magnetic import magnetic_coordinates
from norrsken.classes import UNKNOWABLE
from norrsken.classify.condition import Condition, conditions, read_condition
from norrsken.classify.frames import BATCH
from norrsken.classify.known_cameras import of_known_cameras
from norrsken.classify.model import Ensemble
from norrsken.classify.verdict import Look, Verdict, joined
from norrsken.config.site import Place
from norrsken.dataset.context import Film, film_of
from norrsken.evaluation.calibration import entropy
from norrsken.files import ahead, directory_written_aside

log = logging.getLogger(__name__)

#: The reason why a kept frame is not in the catalogue: the classifier was not trained on frames of such a camera.
OTHER_CAMERA = "other camera"

#: The columns that the catalogue takes from the night table as they are, and the images.
COLUMNS = ("frame_id", "time", "night", "exposure_ms", "sun_altitude", "moon_altitude", "image")


def classify_month(
    nights: str, classifier: str, condition: str, site: Place, output: str, beside: Sequence[str] = ()
) -> int:
    """Write a table of each night of a month; return the number of frames.

    nights: the month's directory of night tables. classifier, condition: `classifier.json` and `condition.json`.
    beside: the directories of the months before and after, of which a sequence sees the frames that are near enough.
    Frames of a camera that the classifier was not trained on are left out, and counted in the table; see
    `tables.left_out`.
    """
    ensemble, sky = Ensemble(classifier), read_condition(condition)
    schema, frames = schemas.catalogue_table(ensemble.classes, ensemble.in_time), 0
    all_nights = tables.night_tables([nights, *beside])
    with directory_written_aside(output) as folder:
        for path in tables.night_tables([nights]):
            left_out = Counter[str]()
            rows = _classified(path, ensemble, sky, site, left_out, all_nights)
            night = rows.select(schema.names).cast(schema) if rows is not None else schema.empty_table()
            tables.write(folder / path.name, night, schema, ensemble.settings.plain(), left_out)
            if left_out:
                log.warning("%s: %d frames are of a camera that %s does not know", path, left_out.total(), classifier)
            frames += len(night)
    log.info("%s: %d frames", output, frames)
    return frames


def _classified(
    path: Path, ensemble: Ensemble, sky: Condition, site: Place, left_out: Counter[str], nights: Sequence[Path]
) -> pa.Table | None:
    """The rows of a night, by what was seen in its frames and in those of other nights that are near enough."""
    parts, looks, conditions_of = [], [], []
    for kept, images, sky_condition in ahead(_with_conditions(path, ensemble, sky, left_out)):
        parts.append(kept.drop_columns(["image"]))
        looks.append(ensemble.look(images))
        conditions_of.append(sky_condition)
    if not parts:
        return None
    kept, look, sky_condition = pa.concat_tables(parts), joined(looks), np.concatenate(conditions_of)
    verdict = _between(kept, look, sky_condition == "bad", ensemble, path, nights)
    return rows_of(kept, verdict, sky_condition, ensemble, site)


def _between(
    kept: pa.Table, look: Look, bad: NDArray[np.bool_], ensemble: Ensemble, path: Path, nights: Sequence[Path]
) -> Verdict:
    """What is said of a night's frames; by a sequence also by frames of the nights beside it."""
    if not ensemble.in_time:
        return ensemble.conclude(look, bad=bad)
    source = tables.frame_source(path)
    film = film_of(kept, source)
    context = ensemble.context
    if context is None:
        return ensemble.conclude(look, film, bad)
    margin = round((max(context.before, context.after) + 1) * context.minutes * 60_000)
    place = nights.index(path)
    first, last = int(film.times[0]), int(film.times[-1])
    before = _near(nights[max(place - 1, 0) : place], first - margin, first, ensemble)
    after = _near(nights[place + 1 : place + 2], last + 1, last + margin + 1, ensemble)
    films, looks = zip(*[*before, (film, look), *after], strict=True)
    start = sum(len(part.times) for part, _ in before)
    here = slice(start, start + len(film.times))
    around = np.zeros(sum(len(part.times) for part in films), bool)
    around[here] = bad
    return ensemble.conclude(joined(looks), Film.joined(films), around).of(here)


def _near(nights: Sequence[Path], start: int, end: int, ensemble: Ensemble) -> list[tuple[Film, Look]]:
    """The kept frames of other nights that were taken in a time, and what is seen in them. start, end: milliseconds."""
    found = []
    for path in nights:
        rows = tables.read(path, schemas.NIGHT_TABLE, ["frame_id", "time", "night", "status"])
        times = tables.milliseconds(rows)
        kept = pc.equal(rows["status"].cast(pa.string()), "kept").to_numpy()
        rows = rows.filter(pa.array(kept & (times >= start) & (times < end)))
        rows = rows.filter(pa.array(of_known_cameras(path, rows["time"], ensemble))) if len(rows) else rows
        if len(rows):
            images = tables.images_of(path, rows["frame_id"].to_pylist())
            found.append((film_of(rows, tables.frame_source(path)), ensemble.look(images)))
    return found


def rows_of(
    kept: pa.Table,
    verdict: Verdict,
    sky_condition: NDArray[np.str_],
    ensemble: Ensemble,
    site: Place,
) -> pa.Table:
    """The rows of the catalogue for kept frames. verdict: of the classifier. sky_condition: (n,)."""
    bad, probabilities = sky_condition == "bad", verdict.probabilities
    latitude, mlt = magnetic_coordinates(tables.milliseconds(kept), site)
    aurora = ensemble.settings.aurora
    columns = {name: kept[name] for name in COLUMNS if name != "image"} | {
        "magnetic_latitude": latitude,
        "mlt": mlt,
        "condition": sky_condition,
        "label": verdict.labels,
        "reason": pa.array(verdict.reasons, mask=verdict.reasons == ""),
        "aurora": pa.nulls(len(kept), pa.string()),
        "aurora_probability": pa.nulls(len(kept), pa.float32()),
        "seen": ensemble.seen(kept["night"].to_pylist()),
        "confidence": probabilities.max(axis=1),
        "entropy": entropy(probabilities),
        "familiarity": pa.nulls(len(kept), pa.float32()) if verdict.familiarity is None else verdict.familiarity,
        **{schemas.p(name): probabilities[:, i] for i, name in enumerate(ensemble.classes)},
        "possible": _named(verdict, ensemble.classes),
        "model": [ensemble.settings.name] * len(kept),
    }
    if verdict.alone is not None:
        columns[schemas.ALONE_LABEL] = ensemble.labels_alone(verdict)
        columns |= {schemas.alone(name): verdict.alone[:, i] for i, name in enumerate(ensemble.classes)}
    if aurora is not None:
        chance = aurora.probability(probabilities, ensemble.classes)
        columns |= {"aurora": pa.array(aurora.decide(chance), mask=bad), "aurora_probability": chance}
    return pa.table(columns)


def _named(verdict: Verdict, classes: Sequence[str]) -> pa.Array:
    """The classes that cannot be excluded, by name: (n,) lists; null where nothing can be said of a frame."""
    kind = pa.list_(pa.string())
    if verdict.possible is None:
        return pa.nulls(len(verdict.labels), kind)
    unknown = np.isin(verdict.reasons, UNKNOWABLE)
    rows, names = np.nonzero(verdict.possible), np.array(classes)
    ends = np.concatenate([[0], verdict.possible.sum(axis=1).cumsum()])
    return pa.ListArray.from_arrays(ends.astype(np.int32), pa.array(names[rows[1]]), mask=pa.array(unknown)).cast(kind)


def _with_conditions(
    path: Path, ensemble: Ensemble, sky: Condition, left_out: Counter[str]
) -> Iterator[tuple[pa.Table, NDArray[np.uint8], NDArray[np.str_]]]:
    """The kept frames of a night, some hundred at a time, their images, and the sky's condition in each."""
    before: NDArray[np.uint8] | None = None
    for kept in tables.kept_frames(path, COLUMNS, BATCH):
        known = of_known_cameras(path, kept["time"], ensemble)
        if not known.all():
            left_out[OTHER_CAMERA] += len(known) - int(known.sum())
        if known.any():
            rows = kept.filter(pa.array(known))
            images = tables.images(rows["image"])
            yield rows, images, conditions(images, sky, before)
            before = images[-1]
