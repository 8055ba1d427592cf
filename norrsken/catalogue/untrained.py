"""How the classifier judges labelled frames that it was never trained on, and what corrects the shares of classes."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from norrsken import schemas, tables
from norrsken.catalogue.correction import Correction, fit_correction
from norrsken.catalogue.judge import Frames
from norrsken.classes import NOT_CLASSIFIED
from norrsken.classify.condition import conditions, read_condition
from norrsken.classify.model import Ensemble
from norrsken.classify.verdict import Verdict, joined
from norrsken.config.label_set import LabelNames
from norrsken.config.site import FrameSource
from norrsken.dataset.agreement import annotators
from norrsken.dataset.context import film_of
from norrsken.dataset.splits import AT_A_TIME, Division, read_split
from norrsken.dataset.votes import votes_of


def judge_untrained(
    labelled: str, dataset: str | None, classifier: str, condition: str
) -> tuple[pd.DataFrame, Correction]:
    """What the classifier says of frames of each verdict, by what each annotator called them; and the correction.

    On a split by night only frames of its test nights are in the table, of which neither the classifier nor the model
    of the sky's condition has seen any; on another split, all that have no class, though others of their nights were
    trained on. Where dataset is None, the classifier has seen no frame of the release, as the general one; then all
    frames on which something was said are in the table.

    Columns: verdict (an exclusion, disagreement; agreed: the test frames, to compare with), annotator, given (the
    annotator's label), frames, clear (share with a sky that is taken for clear; `sky_clear` where a class is named
    clear), classified (share that got a class), confidence (mean), possible (classes that cannot be excluded, mean),
    label_possible (share whose given class is one of them), how many got each class; and side by side, both means over
    the frames to which somebody gives a class, the annotators' distribution, `votes_{class}`, and the classifier's,
    `p_{class}`.

    The correction is fitted to frames of the validation nights that are taken for clear and to which somebody gave a
    class: frames on which all agree are easier than those of an archive. It lacks them where other frames of these
    nights were trained on. Where dataset is None, it is fitted to such frames of all nights.
    """
    said = tables.label_names(labelled)
    ensemble = Ensemble(classifier)
    division = None if dataset is None else read_split(dataset, ensemble.settings.name.split("/")[0])
    frames = pd.concat(_judged(labelled, ensemble, condition, division, said), ignore_index=True)
    names = annotators(frames)
    tabulated = [_by_label(frames[frames["tested"]], name, said) for name in names]
    table = pd.concat(tabulated).sort_values(["verdict", "annotator", "given"]).reset_index(drop=True)
    part = "validation" if division else "labelled"
    return table, correction_of(frames[frames["validated"] & frames["sky"]], names, said, part)


def _judged(
    labelled: str, ensemble: Ensemble, condition: str, division: Division | None, said: LabelNames
) -> Iterator[pd.DataFrame]:
    """The frames that are to be judged, some hundred at a time. division: None: the classifier has seen none of them.

    Columns: frame_id, night, verdict, label, label_{annotator}, repeat_{annotator}; tested, validated: what the frame
    is for; sky: whether it is taken for clear; the probabilities, the confidence, how many classes cannot be excluded,
    whether the label of each annotator is one of them (possible_{annotator}), what annotators say, and which class it
    got, one column for each.
    """
    sky, table = read_condition(condition), tables.read_labelled(labelled)
    names, source = annotators(table), tables.frame_source(labelled)
    said_of = [f"{what}_{name}" for name in names for what in ("label", "repeat") if f"{what}_{name}" in table]
    columns = ["frame_id", "time", "night", "verdict", "label", "image", *said_of]
    with tables.opened(labelled, schemas.labelled_table(names), columns) as file:
        groups = (file.read_row_group(group, columns) for group in range(file.num_row_groups))
        # What looks at the frames before and after needs whole nights, with frames that are not judged themselves.
        parts = _nights(groups) if ensemble.in_time else groups
        for part in parts:
            tested, validated = _parts(part, ensemble, division, said)
            wanted = pc.and_(pc.or_(tested, validated), pc.not_equal(part["verdict"], schemas.NEIGHBOUR))
            rows = part.append_column("tested", tested).append_column("validated", validated).filter(wanted)
            if not len(rows):
                continue
            images = tables.images(rows["image"])
            verdict = _verdict(part, wanted, ensemble, source) if ensemble.in_time else ensemble.judge(images)
            judged = rows.drop_columns(["image"]).to_pandas()
            judged["sky"] = conditions(images, sky) == "clear"
            judged["confidence"] = verdict.probabilities.max(axis=1)
            judged["possible"] = np.nan if verdict.possible is None else verdict.possible.sum(axis=1)
            for name in names:
                judged[f"possible_{name}"] = _covered(verdict, judged[f"label_{name}"], said)
            votes = votes_of(judged, said)
            shares = pd.DataFrame(votes.shares, votes.frame_ids, [*map(_votes, said.classes)])
            labels = pd.Categorical(verdict.labels, (*said.classes, NOT_CLASSIFIED))
            found = pd.DataFrame(verdict.probabilities, columns=[*map(schemas.p, said.classes)])
            yield judged.join(found).join(pd.get_dummies(labels, dtype=int)).join(shares, on="frame_id")


def _nights(groups: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The rows of a table, of which some groups at a time are read, night by night, by time."""
    held: pa.Table | None = None
    for group in groups:
        held = group if held is None else pa.concat_tables([held, group])
        last = held["night"][-1]
        done = pc.fill_null(pc.not_equal(held["night"], last), False)
        for night in pc.unique(held["night"].filter(done)):
            yield held.filter(pc.equal(held["night"], night)).sort_by("time")
        held = held.filter(pc.invert(done))
    if held is not None and len(held):
        yield held.sort_by("time")


def _verdict(night: pa.Table, wanted: pa.ChunkedArray, ensemble: Ensemble, source: FrameSource) -> Verdict:
    """What is said of some frames of a night, by all that are there. wanted: which, (n,)."""
    some = [tables.images(night.slice(start, AT_A_TIME)["image"]) for start in range(0, len(night), AT_A_TIME)]
    verdict = ensemble.conclude(joined([ensemble.look(images) for images in some]), film_of(night, source))
    return verdict.of(np.asarray(wanted))


def _covered(verdict: Verdict, given: pd.Series, said: LabelNames) -> NDArray[np.float64]:
    """1 where the given class cannot be excluded, 0 where it is, nan where it is none or there are no sets: (n,)."""
    codes = pd.Index(said.classes).get_indexer(pd.Index(given))
    if verdict.possible is None:
        return np.full(len(codes), np.nan)
    covered: NDArray[np.float64] = np.where(codes < 0, np.nan, verdict.possible[np.arange(len(codes)), codes])
    return covered


def _votes(name: str) -> str:
    """The column of a class's share of what annotators say."""
    return f"votes_{name}"


def _parts(
    rows: pa.Table, ensemble: Ensemble, division: Division | None, said: LabelNames
) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Which frames are for the table, and which for the correction: (n,), (n,)."""
    no_class = pc.is_in(rows["verdict"], pa.array([*said.exclusions, "disagreement"]))
    if division is None:
        return pc.or_(no_class, pc.is_valid(rows["label"])), pc.is_valid(rows["verdict"])
    if division.by_night:
        no_class = pc.and_(no_class, pc.is_in(rows["night"], pa.array(np.unique(division.test.nights))))
    validation_nights = pa.array(ensemble.settings.seen.validation if division.by_night else [], pa.date32())
    tested = pc.or_(no_class, pc.is_in(rows["frame_id"], pa.array(division.test.frame_ids)))
    return tested, pc.is_in(rows["night"], validation_nights)


def correction_of(frames: pd.DataFrame, names: Sequence[str], said: LabelNames, part: str = "validation") -> Correction:
    """The correction, by frames of validation nights and the classes that annotators gave them. names: of these.

    part: what the frames are called in the sentence that says what they lack. Where annotators gave different classes,
    and it was not settled, nobody knows which dominates the frame.
    """
    given = frames[["label", *(f"label_{name}" for name in names)]]
    given = given.where(given.isin(said.classes))
    classes = given.bfill(axis=1)["label"]
    same = (given.isna() | given.eq(classes, axis=0)).all(axis=1)
    usable = given["label"].notna() | (classes.notna() & same)
    frames, classes = frames[usable], classes[usable]
    found = Frames(
        frames[[*map(schemas.p, said.classes)]].to_numpy(np.float64),
        classes.map(said.classes.index).to_numpy(np.int64),
        frames["night"].to_numpy("datetime64[D]"),
    )
    return fit_correction(found, said.classes, said.judged, part)


def _by_label(frames: pd.DataFrame, annotator: str, said: LabelNames) -> pd.DataFrame:
    """The rows of the table for one annotator."""
    labels = pd.Categorical(frames[f"label_{annotator}"], said.labels, ordered=True)
    verdicts = ("agreed", "adjudicated", *said.exclusions, "disagreement")
    verdict = pd.Categorical(frames["verdict"], verdicts, ordered=True)
    groups = frames.groupby([verdict, labels], observed=True)
    counts = groups[[*said.classes, NOT_CLASSIFIED]].sum()
    clear = "sky_clear" if "clear" in said.classes else "clear"
    shares = {clear: groups["sky"].mean(), **{name: groups[name].mean() for name in ("confidence", "possible")}}
    shares["label_possible"] = groups[f"possible_{annotator}"].mean()
    told = frames[_votes(said.classes[0])].notna()
    both = [name for column in (_votes, schemas.p) for name in map(column, said.classes)]
    beside = frames[both].where(told).groupby([verdict, labels], observed=True).mean()
    table = pd.DataFrame({"frames": groups.size(), **shares})
    table.insert(2, "classified", 1 - counts[NOT_CLASSIFIED] / table["frames"])
    table = table.join(counts).join(beside).rename_axis(["verdict", "given"]).reset_index()
    table.insert(1, "annotator", annotator)
    return table
