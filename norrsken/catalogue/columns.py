"""What the columns of the catalogue's CSV tables mean, with their units as UDUNITS writes them."""

from typing import NamedTuple

import pandas as pd


class Column(NamedTuple):
    """unit: empty where it has none."""

    unit: str
    meaning: str


_NIGHTS_INTERVAL = "95 % interval over nights (bootstrap); empty for fewer than 10 nights"

_SHARE_INTERVAL = "95 % interval over nights (Korn and Graubard); empty for fewer than 10 nights"

_SAMPLE_INTERVAL = "95 % interval over samples of this catalogue (stratified; Korn and Graubard)"

#: file → column → what it means. Columns that a table may have besides, one for each label, are of `PER_LABEL`.
COLUMNS: dict[str, dict[str, Column]] = {
    "events.csv": {
        "night": Column("", "date of the evening"),
        "label": Column("", "the class that lasted"),
        "start": Column("", "time of the first frame, UTC"),
        "end": Column("", "time of the last frame, UTC"),
        "minutes": Column("min", "between them and one step of the night more"),
        "frames": Column("1", "frames of the event"),
        "peak": Column("1", "highest probability of the class"),
        "peak_time": Column("", "time of that frame, UTC"),
        "peak_frame": Column("", "its frame_id"),
        "ended_by": Column("", "class (its probability fell), sky (no longer clear), gap or night (no more frames)"),
        "mlt_start": Column("hour", "magnetic local time at the start"),
        "longest_gap_minutes": Column("min", "longest time between two of its frames"),
    },
    "onsets.csv": {
        "night": Column("", "date of the evening"),
        "time": Column("", "time of the first frame, UTC"),
        "frame_id": Column("", "its frame_id"),
        "mlt": Column("hour", "magnetic local time"),
        "frames": Column("1", "frames of the run that begins"),
    },
    "occurrence.csv": {
        "by": Column("", "what the bins are of: all, hour (UT), mlt, month, year, kp"),
        "value": Column("", "the bin; empty of all"),
        "label": Column("", "a class; not_classified; aurora, where the decision is that there was some; undecided"),
        "frames_observed": Column("1", "clear frames in the bin, of any label; beside aurora: those that are decided"),
        "hours_observed": Column("hour", "time for which they stand"),
        "frames": Column("1", "those of this label"),
        "hours": Column("hour", "time for which these stand"),
        "share": Column("1", "hours / hours_observed; empty where nothing was observed"),
        "low": Column("1", f"of the share: {_SHARE_INTERVAL}"),
        "high": Column("1", f"of the share: {_SHARE_INTERVAL}"),
        "estimate": Column("1", "share of the class, estimated from the probabilities of all observed frames"),
        "estimate_low": Column("1", f"of the estimate: {_SHARE_INTERVAL}"),
        "estimate_high": Column("1", f"of the estimate: {_SHARE_INTERVAL}"),
        "method": Column("", "of the estimate: corrected; counted, where it is the share, for want of validation"),
        "nights_observed": Column("1", "nights of at least 30 observed minutes in the bin"),
        "nights": Column("1", "those of them with at least 3 frames of the label"),
        "nights_share": Column("1", "nights / nights_observed"),
        "nights_low": Column("1", "of nights_share: 95 % interval (binomial, Wilson)"),
        "nights_high": Column("1", "of nights_share: 95 % interval (binomial, Wilson)"),
    },
    "audit.csv": {
        "by": Column("", "what the frames of the row have in common: all, condition, seen (as in the catalogue), year"),
        "value": Column("", "their condition, what their night was to the classifier, their UTC year; empty of all"),
        "label": Column("", "all classes together, or one"),
        "until": Column("", "the last night of the catalogue when the sample was drawn; later ones are not judged"),
        "frames": Column("1", "frames of the catalogue that it calls so, estimated; of all: that got a class"),
        "audited": Column("1", "those of them that were drawn and labelled"),
        "shown": Column("1", "labelled frames that people call so, whatever the catalogue calls them"),
        "precision": Column("1", "share of the frames called so by the catalogue that people call so, too"),
        "precision_low": Column("1", f"of the precision: {_SAMPLE_INTERVAL}"),
        "precision_high": Column("1", f"of the precision: {_SAMPLE_INTERVAL}"),
        "no_class": Column("1", "share of the same frames to which people give no class; they count as wrong"),
        "no_class_low": Column("1", f"of this share: {_SAMPLE_INTERVAL}"),
        "no_class_high": Column("1", f"of this share: {_SAMPLE_INTERVAL}"),
        "recall": Column("1", "share of the frames that people call so, classified or not, which the catalogue does"),
        "recall_low": Column("1", f"of the recall: {_SAMPLE_INTERVAL}"),
        "recall_high": Column("1", f"of the recall: {_SAMPLE_INTERVAL}"),
    },
    "availability.csv": {
        "night": Column("", "date of the evening; all nights from the first to the last one with files"),
        "hours_dark": Column("hour", "time in which the Sun is so low that frames are kept; all others add up to it"),
        "hours_observed": Column("hour", "of kept frames of a clear sky, as occurrence.csv counts them"),
        "hours_cloudy": Column("hour", "of kept frames whose condition is cloudy"),
        "hours_bright": Column("hour", "of kept frames whose condition is bright"),
        "hours_bad": Column("hour", "of kept frames whose condition is bad"),
        "hours_hidden_sky": Column("hour", "of kept frames of a clear sky whose class stands for a hidden one"),
        "hours_other_camera": Column("hour", "of kept frames of a camera that the classifier was not trained on"),
        "hours_moon": Column("hour", "of frames that were left out because of the Moon"),
        "hours_unusable": Column("hour", "of files that are unreadable or of the wrong size"),
        "hours_no_frame": Column("hour", "without a frame"),
    },
    "untrained.csv": {
        "verdict": Column("", "what the annotators say together; agreed and adjudicated: test frames, to compare with"),
        "annotator": Column("", "whose label it is"),
        "given": Column("", "that label"),
        "frames": Column("1", "frames of this verdict and label; on a split by night, of its test nights only"),
        "clear": Column("1", "share whose sky is taken for clear"),
        "sky_clear": Column("1", "share whose sky is taken for clear"),
        "classified": Column("1", "share that got a class"),
        "confidence": Column("1", "mean of the highest probability"),
        "possible": Column("1", "classes that cannot be excluded, mean over the frames"),
        "label_possible": Column("1", "share whose given class cannot be excluded"),
    },
    "scores.csv": {
        "part": Column("", "judged on frames of the validation, which decided model, temperature and limits, or of "
                           "the test, which decided nothing"),
        "label": Column("", "all, or the class that is the most probable one"),
        "frames": Column("1", "such frames"),
        "nights": Column("1", "the nights that they are of"),
        "limit": Column("1", "confidence from which on they get the class"),
        "limit_of": Column("", "whose frames it was fitted to: class, rest (all classes of few frames), or all"),
        "precision": Column("1", "share of right ones among those that got the class"),
        "precision_low": Column("1", f"of the precision: {_NIGHTS_INTERVAL}"),
        "precision_high": Column("1", f"of the precision: {_NIGHTS_INTERVAL}"),
        "classified": Column("1", "share that got the class"),
        "classified_low": Column("1", f"of the share classified: {_NIGHTS_INTERVAL}"),
        "classified_high": Column("1", f"of the share classified: {_NIGHTS_INTERVAL}"),
        "calibration_error": Column("1", "expected calibration error: mean distance of confidence and share right"),
    },
}  # fmt: skip

#: file → what columns begin with that are called after a label, in the order in which they are tried → what they mean.
PER_LABEL: dict[str, dict[str, Column]] = {
    "untrained.csv": {
        "votes_": Column("1", "share of the annotators' labels that are this class, of those that are classes; mean"),
        "p_": Column("1", "calibrated probability of this class, mean over the same frames"),
        "": Column("1", "frames that were called so"),
    }
}


def described(file: str, table: pd.DataFrame) -> list[tuple[str, str, str, str, str]]:
    """File, name, unit, type and meaning of each column of a CSV table. Raises `KeyError` for an unknown column."""
    known, of_labels = COLUMNS[file], PER_LABEL.get(file, {})
    rows = []
    for name in map(str, table):
        of_label = next((column for start, column in of_labels.items() if name.startswith(start)), None)
        column = known.get(name, of_label)
        if column is None:
            raise KeyError(f"{file}: nothing is known of the column {name}")
        kind = table[name].dtype
        text = "string" if pd.api.types.is_string_dtype(kind) or not len(table) else str(kind)
        rows.append((file, name, column.unit, text, column.meaning))
    return rows
