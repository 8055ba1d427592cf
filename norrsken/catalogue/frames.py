"""Night tables → the catalogue of a month: every kept frame classified."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from norrsken import schemas, tables
from norrsken.catalogue.magnetic import magnetic_coordinates
from norrsken.classify.condition import Condition, conditions, read_condition
from norrsken.classify.frames import BATCH
from norrsken.classify.model import Ensemble, Verdict, of_known_cameras
from norrsken.config.site import Place
from norrsken.evaluation.calibration import entropy
from norrsken.files import ahead, directory_written_aside

log = logging.getLogger(__name__)

#: The reason why a kept frame is not in the catalogue: the classifier was not trained on frames of such a camera.
OTHER_CAMERA = "other camera"

#: The columns that the catalogue takes from the night table as they are, and the images.
COLUMNS = ("frame_id", "time", "night", "exposure_ms", "sun_altitude", "moon_altitude", "image")


def classify_month(nights: str, classifier: str, condition: str, site: Place, output: str) -> int:
    """Write a table of each night of a month; return the number of frames.

    nights: the month's directory of night tables. classifier, condition: `classifier.json` and `condition.json`. Frames
    of a camera that the classifier was not trained on are left out, and counted in the table; see `tables.left_out`.
    """
    ensemble, sky = Ensemble(classifier), read_condition(condition)
    schema, frames = schemas.catalogue_table(ensemble.classes), 0
    with directory_written_aside(output) as folder:
        for path in tables.night_tables([nights]):
            left_out = Counter[str]()
            rows = [*_classified(path, ensemble, sky, site, left_out), schema.empty_table()]
            night = pa.concat_tables([part.select(schema.names).cast(schema) for part in rows])
            tables.write(folder / path.name, night, schema, ensemble.settings.plain(), left_out)
            if left_out:
                log.warning("%s: %d frames are of a camera that %s does not know", path, left_out.total(), classifier)
            frames += len(night)
    log.info("%s: %d frames", output, frames)
    return frames


def _classified(
    path: Path, ensemble: Ensemble, sky: Condition, site: Place, left_out: Counter[str]
) -> Iterator[pa.Table]:
    """The rows of a night, some hundred at a time; the next are read while these are worked on."""
    for kept, images, sky_condition in ahead(_with_conditions(path, ensemble, sky, left_out)):
        yield rows_of(kept, ensemble.judge(images, sky_condition == "bad"), sky_condition, ensemble, site)


def rows_of(
    kept: pa.Table,
    verdict: Verdict,
    sky_condition: NDArray[np.str_],
    ensemble: Ensemble,
    site: Place,
) -> pa.Table:
    """The rows of the catalogue for kept frames. verdict: of the classifier. sky_condition: (n,)."""
    bad, probabilities = sky_condition == "bad", verdict.probabilities
    latitude, mlt = magnetic_coordinates(kept["time"].cast(pa.int64()).to_numpy(), site)
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
    if aurora is not None:
        chance = aurora.probability(probabilities, ensemble.classes)
        columns |= {"aurora": pa.array(aurora.decide(chance), mask=bad), "aurora_probability": chance}
    return pa.table(columns)


def _named(verdict: Verdict, classes: Sequence[str]) -> pa.Array:
    """The classes that cannot be excluded, by name: (n,) lists; null where nothing can be said of a frame."""
    kind = pa.list_(pa.string())
    if verdict.possible is None:
        return pa.nulls(len(verdict.labels), kind)
    unknown = np.isin(verdict.reasons, ("bad", "unfamiliar"))
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
