"""Which model tells the sky's condition: the one that comes with norrsken, or one fitted to what people said here.

A site's table of labelled conditions goes first: the whole model is fitted to it. Where there is none, the release's
rejected frames tell clear sky from the rest. Either way the fitted model is used only where it does better than the
shipped one on nights that it has not seen.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupKFold
from sklearn.utils.class_weight import compute_sample_weight

from norrsken import schemas, tables
from norrsken.calendar import frame_time, night_of
from norrsken.classes import CONDITIONS
from norrsken.classify.condition import (
    STRENGTH,
    Condition,
    Features,
    bad,
    fit,
    measure,
    of_measures,
    predict,
    shipped,
    terms,
    write_condition,
)
from norrsken.config.jobs import LabelSettings
from norrsken.dataset.labels import find_frames, read_labels
from norrsken.dataset.splits import read_split
from norrsken.evaluation.bootstrap import MIN_UNITS, interval, redrawn

log = logging.getLogger(__name__)

#: A model is fitted where at least so many frames are clear, and so many are not, each of at least so many nights: the
#: nights are divided into as many parts, and each part is judged by a model that was fitted to the others.
LEAST, FOLDS = 50, 5

#: What `scores` says of the model that is used.
SHIPPED, OF_RELEASE, OF_TABLE = "simulated weather", "the release's rejected frames", "the site's table"

#: Why frames of a table are not used, by their key in `scores`.
NOT_USED = {
    "table_missing": "the archive's night tables do not have them",
    "table_filtered": "the filters did not keep them",
    "table_hidden": "their nights test the release, and must stay new to the model",
}

Scores = dict[str, float | int | str | None]


class Sample(NamedTuple):
    """Frames whose condition a person has told: n of them.

    measured: (n, m). useless: (n,), which are bad by rule, whatever the model. labels, nights: (n,).
    """

    measured: Features
    useless: NDArray[np.bool_]
    labels: NDArray[np.str_]
    nights: NDArray[np.datetime64]


def choose_condition(
    labelled: str | None,
    dataset: str | None,
    split: str | None,
    table: str | None,
    months: Iterable[str],
    settings: LabelSettings,
    output: str,
) -> None:
    """Write `condition.json` for a release.

    labelled: `labelled.parquet`, whose rejected frames count where there is no table; None: labels have no say.
    dataset, split: on a split by night, frames of its test nights are left out, so that they are new to the model;
    None: there is no split. table: the labelled conditions; None: there is none. months: the directories of the night
    tables of its frames. settings: of the table. Raises `LabelError` for a label that is no condition.
    """
    left_out = np.empty(0, "datetime64[D]")
    if dataset is not None and split is not None:
        division = read_split(dataset, split)
        left_out = division.test.nights if division.by_night else left_out
    if table is not None:
        sample, not_used = read_sample(table, list(months), left_out, settings)
        model = choose_for_site(sample)
        model = model.model_copy(update={"scores": model.scores | not_used})
    elif labelled is not None:
        model = _choose_for_release(labelled, left_out)
    else:
        model = shipped()
        model = model.model_copy(update={"scores": model.scores | {"used": SHIPPED}})
    log.info("%s", model.scores)
    write_condition(model, output)


def read_sample(
    table: str, months: list[str], left_out: NDArray[np.datetime64], settings: LabelSettings
) -> tuple[Sample, Scores]:
    """The frames of a table of labelled conditions, and how many of its rows are not used, by why.

    months: the directories of the night tables. left_out: nights that are to stay new to the model. `table_missing`
    counts frames that the night tables do not have, `table_filtered` those that were not kept, `table_hidden` those of
    the nights that are left out.
    """
    labels = read_labels(table, settings)
    by_night: dict[date, set[str]] = defaultdict(set)
    not_used = dict.fromkeys(NOT_USED, 0)
    for frame in labels:
        try:
            by_night[night_of(frame_time(frame, settings.station), settings.longitude)].add(frame)
        except ValueError:
            not_used["table_missing"] += 1
    measured, useless, said, nights = [], [], [], []
    for night, frames in sorted(by_night.items()):
        if np.datetime64(night) in left_out:
            not_used["table_hidden"] += len(frames)
            continue
        kept, reasons = find_frames(months, night, frames, None)
        ids = [] if kept is None else kept["frame_id"].to_pylist()
        not_used["table_filtered"] += len(reasons)
        not_used["table_missing"] += len(frames) - len(reasons) - len(ids)
        if kept is not None:
            images = tables.images(kept["image"])
            measured.append(measure(images))
            useless += [bool(bad(image[None])[0]) for image in images]  # whatever frame the table has before it
            said += [labels[frame].label for frame in ids]
            nights += [night] * len(ids)
    for key, number in not_used.items():
        if number:
            log.warning("%s: %d frames are not used: %s", table, number, NOT_USED[key])
    together = np.concatenate(measured) if measured else measure(np.empty((0, 128, 128, 3), np.uint8))
    sample = Sample(together, np.array(useless, bool), np.array(said, str), np.array(nights, "datetime64[D]"))
    return sample, {**not_used}


def choose_for_site(sample: Sample) -> Condition:
    """The shipped model, or one that is fitted to a site's labelled conditions, where it tells them better.

    Better is a higher balanced accuracy: the mean over the conditions in the table of the share of its frames that are
    found. Each frame is judged by a model that has seen nothing of its night.
    """
    model, labels = shipped(), sample.labels
    scores: Scores = dict(model.scores)
    scores |= {"table_frames": len(labels), "table_nights": len(np.unique(sample.nights)), "used": SHIPPED}
    scores |= {f"table_{name}": int(np.count_nonzero(labels == name)) for name in CONDITIONS}
    if len(labels):
        as_it_is = np.where(sample.useless, "bad", predict(sample.measured, model))
        scores |= _judged("shipped", sample, as_it_is)
    # Frames that are bad by rule teach the model nothing.
    used, clear = ~sample.useless, labels == "clear"
    if not all(_enough(sample.nights[part]) for part in (used & clear, used & ~clear)):
        return model.model_copy(update={"scores": scores})
    found = np.full(len(labels), "bad", labels.dtype)
    for train, test in GroupKFold(FOLDS).split(sample.measured, labels, sample.nights):
        seen, new = train[used[train]], test[used[test]]
        if len(new):
            found[new] = predict(sample.measured[new], _fit(sample, seen))
    scores |= _judged("own", sample, found)
    if _balanced(_confusion(sample, found).sum(axis=0)) <= _balanced(_confusion(sample, as_it_is).sum(axis=0)):
        return model.model_copy(update={"scores": scores})
    return _fit(sample, np.flatnonzero(used)).model_copy(update={"scores": scores | {"used": OF_TABLE}})


def _enough(nights: NDArray[np.datetime64]) -> bool:
    """Whether a model can be fitted to so many frames, by their nights, and tested."""
    return len(nights) >= LEAST and len(np.unique(nights)) >= FOLDS


def _fit(sample: Sample, rows: NDArray[np.intp]) -> Condition:
    """A model for which each condition counts the same, however many frames it has."""
    labels = sample.labels[rows]
    return fit(sample.measured[rows], labels.tolist(), compute_sample_weight("balanced", labels))


def _judged(name: str, sample: Sample, found: NDArray[np.str_]) -> Scores:
    """The balanced accuracy and its 95 % interval over nights, which is None for few of them."""
    counts = _confusion(sample, found)
    ends: list[float | None] = [None, None]
    if len(counts) >= MIN_UNITS:
        ends = [round(end, 4) for end in interval(_balanced(redrawn(counts)))]
    keys = (f"table_{name}", f"table_{name}_low", f"table_{name}_high")
    return dict(zip(keys, [round(float(_balanced(counts.sum(axis=0))), 4), *ends], strict=True))


def _confusion(sample: Sample, found: NDArray[np.str_]) -> NDArray[np.float64]:
    """How many frames of each night and condition (rows) are found to be of each condition: (nights, 4, 4)."""
    nights, codes = np.unique(sample.nights, return_inverse=True)
    counts = np.zeros((len(nights), len(CONDITIONS), len(CONDITIONS)))
    truth, said = (np.array([CONDITIONS.index(name) for name in names]) for names in (sample.labels, found))
    np.add.at(counts, (codes, truth, said), 1)
    return counts


def _balanced(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of the shares that are found of each condition that there is: (…, 4, 4) → (…)."""
    right, frames = np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1)
    shares = np.divide(right, frames, out=np.full_like(frames, np.nan), where=frames > 0)
    mean: NDArray[np.float64] = np.nanmean(shares, axis=-1)
    return mean


def _choose_for_release(labelled: str, left_out: NDArray[np.datetime64]) -> Condition:
    """`choose` with the clear and the rejected frames of `labelled.parquet` but those of some nights.

    Rejected are the frames whose label stands for a sky that cannot be judged; clear are the others that have a class.
    """
    hidden = pa.array(tables.label_names(labelled).hidden_sky, pa.string())
    measured, clear, nights = [], [], []
    with tables.opened(labelled, schemas.labelled_table([]), ["verdict", "label", "night", "image"]) as file:
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, ["verdict", "label", "night", "image"])
            rejected = pc.or_(pc.is_in(rows["verdict"], hidden), pc.is_in(rows["label"], hidden))
            new = pa.array(np.isin(rows["night"].to_numpy().astype("datetime64[D]"), left_out))
            used = pc.and_(pc.or_(rejected, pc.is_valid(rows["label"])), pc.invert(new))
            rows, rejected = rows.filter(used), rejected.filter(used)
            if len(rows):
                measured.append(measure(tables.images(rows["image"])))
                clear.append(~np.array(rejected))
                nights.append(rows["night"].to_numpy().astype("datetime64[D]"))
    if measured:
        return choose(np.concatenate(measured), np.concatenate(clear), np.concatenate(nights))
    nothing = measure(np.empty((0, 128, 128, 3), np.uint8))
    return choose(nothing, np.empty(0, bool), np.empty(0, "datetime64[D]"))


def choose(measured: Features, clear: NDArray[np.bool_], nights: NDArray[np.datetime64]) -> Condition:
    """The shipped model, or one that tells the release's rejected frames better from its agreed ones.

    measured: (n, m), of agreed and rejected frames. clear: (n,), whether agreed. nights: (n,), for cross-validation.
    """
    model = shipped()
    known, described = predict(measured, model) == "clear", terms(measured, model)
    scores: Scores = dict(model.scores)
    scores |= {"release_clear": int(clear.sum()), "release_rejected": int((~clear).sum()), "used": SHIPPED}
    if clear.any() and not clear.all():
        scores["release_shipped"] = round(float(balanced_accuracy_score(clear, known)), 4)
    if clear.sum() < LEAST or not _enough(nights[~clear]):
        return model.model_copy(update={"scores": scores})
    predicted = np.zeros(len(clear), bool)
    for train, test in GroupKFold(FOLDS).split(described, clear, nights):
        predicted[test] = described[test] @ _fit_clear(described[train], clear[train]) > 0
    scores["release_own"] = round(float(balanced_accuracy_score(clear, predicted)), 4)
    if balanced_accuracy_score(clear, predicted) <= balanced_accuracy_score(clear, known):
        return model.model_copy(update={"scores": scores})
    weights = _fit_clear(described, clear).round(5).tolist()
    return model.model_copy(update={"clear": weights, "scores": scores | {"used": OF_RELEASE}})


def _fit_clear(described: Features, clear: NDArray[np.bool_]) -> Features:
    regression = LogisticRegression(C=STRENGTH, class_weight="balanced", fit_intercept=False, max_iter=5000)
    few = of_measures(described.shape[1])
    weights = np.zeros(described.shape[1])
    weights[few] = regression.fit(described[:, few], clear).coef_[0]
    return weights
