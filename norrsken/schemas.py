"""The schema of every Parquet table.

Images are 128 × 128 × 3 uint8, row-major RGB, north up, east right. Every file carries the schema's version, the
program's version and the settings that shaped it, as JSON under the metadata key `norrsken`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from norrsken.classes import CONDITIONS, DECISIONS, REASONS, SEEN, in_words
from norrsken.config.label_set import DEFAULT, read_label_set
from norrsken.config.site import CROP

IMAGE_SHAPE = (CROP, CROP, 3)
IMAGE = pa.binary(CROP * CROP * 3)

STATUSES = ("kept", "sun", "moon", "unreadable", "geometry", "duplicate")

#: The type of a column with a few names, each of which is stored once.
_NAMES = pa.dictionary(pa.int8(), pa.string())


def field(name: str, kind: pa.DataType, meaning: str, nullable: bool = False) -> pa.Field:
    """A column of a schema with what it means, which `docs/tables.md` shows."""
    return pa.field(name, kind, nullable=nullable, metadata={"meaning": meaning})


FRAME_ID = field("frame_id", pa.string(), "station and UTC second, e.g. KRN20150112T183000")
TIME = field("time", pa.timestamp("ms", tz="UTC"), "start of the exposure as the file name gives it")
NIGHT = field("night", pa.date32(), "local mean solar noon to noon, named by the date of its evening")

NIGHT_TABLE = pa.schema(
    [
        FRAME_ID,
        TIME,
        NIGHT,
        field("path", pa.string(), "relative to the archive's root"),
        field("bytes", pa.int64(), "size of the file"),
        field("exposure_ms", pa.int32(), "from the file name, where it is there", nullable=True),
        field("sun_altitude", pa.float32(), "degrees, apparent, without refraction"),
        field("moon_altitude", pa.float32(), "degrees, apparent, without refraction"),
        field("status", _NAMES, "the first that applies: " + ", ".join(STATUSES)),
        field("reason", pa.string(), "why it is unreadable or of wrong geometry, in a few words", nullable=True),
        field(
            "outside",
            pa.float32(),
            "share of the processed frame that lies outside the picture or under the camera's mask; null unless kept",
            nullable=True,
        ),
        field("image", IMAGE, "the processed frame; null unless kept", nullable=True),
    ]
)


#: How a frame of a balanced sample was drawn: evenly over the classes, to train on; or by time, in a night to test on.
SAMPLE_PARTS = BALANCED, BY_TIME = ("balanced", "time")

_PROBABILITY = field("probability", pa.float64(), "of being drawn, from above 0 to 1")
_PART = field("part", pa.string(), "balanced: even over the classes of the general classifier; time: of a test night")

#: Schema of `sample.parquet`: the frames that were drawn to be labelled, by time.
SAMPLE_TABLE = pa.schema([FRAME_ID, TIME, NIGHT, _PROBABILITY, _PART])

#: Schema of `audit.parquet`: the frames that were drawn to audit the catalogue, by time, and what it said of them then.
AUDIT_TABLE = pa.schema(
    [
        FRAME_ID,
        TIME,
        NIGHT,
        field("label", pa.string(), "by the catalogue when they were drawn; not_classified counts as a label"),
        field("label_frames", pa.int64(), "frames that the catalogue called so, of which those of the label are drawn"),
        field("condition", pa.string(), "of the sky: " + ", ".join(CONDITIONS)),
        field("year", pa.int32(), "UTC year"),
    ]
)

#: What `labelled.parquet` and `dataset.parquet` say of a balanced sample, where there is one.
DRAWN = [one.with_nullable(True) for one in (_PROBABILITY, _PART)]


def annotator_fields(name: str) -> list[pa.Field]:
    """What `labelled.parquet` says of an annotator's labels: the attributes of `dataset.labels.Given`."""
    kinds = {
        "label": (pa.string(), f"label by {name}; null: not labelled"),
        "order": (pa.int32(), f"place of the frame among those that {name} was shown"),
        "session": (pa.int32(), "sitting in which it was labelled"),
        "seconds": (pa.float32(), "that the decision took"),
        "context": (pa.bool_(), "whether its neighbours in time were looked at"),
        "repeat": (pa.string(), "label when it was shown again, unannounced"),
    }
    return [field(f"{key}_{name}", kind, meaning, nullable=True) for key, (kind, meaning) in kinds.items()]


def verdicts(exclusions: Iterable[str]) -> tuple[str, ...]:
    """What the annotators can say together of a frame; exclusions: the set's labels of frames that are not used."""
    return ("agreed", "adjudicated", *exclusions, "disagreement", "incomplete")


#: The verdict on a frame that stands in `labelled.parquet` as the neighbour of labelled ones only.
NEIGHBOUR = "neighbour"

#: What `labelled.parquet` says besides where a release has a context.
NEIGHBOURS = field(
    "neighbours",
    pa.list_(pa.string()),
    "frame_id of the frames before and after, by time; null where there is none. Null for frames without labels, whose "
    f"verdict is {NEIGHBOUR}",
    nullable=True,
)


def labelled_table(
    annotators: Iterable[str], exclusions: Iterable[str] = (), drawn: bool = False, context: bool = False
) -> pa.Schema:
    """Schema of `labelled.parquet`: every labelled frame of a release; the file that a frozen release keeps.

    exclusions: as in `verdicts`; a table can be read without them. drawn: whether frames are of a balanced sample; only
    then the table has the columns `DRAWN`. context: whether it holds the neighbours of its frames, each frame once;
    only then it has the column `NEIGHBOURS`, and frames that nobody has labelled.
    """
    return pa.schema(
        [
            FRAME_ID,
            TIME,
            NIGHT,
            *(one for annotator in annotators for one in annotator_fields(annotator)),
            field("verdict", pa.string(), "what the annotators say together: " + ", ".join(verdicts(exclusions))),
            field("label", pa.string(), "the class agreed upon or adjudicated; null elsewhere", nullable=True),
            *(DRAWN if drawn else []),
            *([NEIGHBOURS] if context else []),
            field("image", IMAGE, "the processed frame"),
        ]
    )


#: Schema of `labelled.parquet` of a published data set.
PUBLISHED_TABLE = pa.schema(
    [
        field("frame_id", pa.string(), "part and file name without its suffix"),
        TIME.with_nullable(True),
        NIGHT.with_nullable(True),
        field("part", pa.string(), "train or test, as published"),
        field("verdict", pa.string(), "agreed"),
        field("label", pa.string(), "one of the seven classes"),
        field("image", IMAGE, "the processed frame"),
    ]
)


def dataset_table(splits: Iterable[str], classes: Sequence[str] = (), drawn: bool = False) -> pa.Schema:
    """Schema of `dataset.parquet`: the clean frames, a column for each split. Published frames may have no times.

    classes: those of the data set, which `label_names` tells; a table can be read without them. drawn: as in
    `labelled_table`.
    """
    return pa.schema(
        [
            FRAME_ID,
            TIME.with_nullable(True),
            NIGHT.with_nullable(True),
            field("label", pa.string(), f"one of the {in_words(len(classes))} classes"),
            *(DRAWN if drawn else []),
            field("image", IMAGE, "the processed frame"),
            *(field(f"split_{split}", pa.string(), "train or test") for split in splits),
        ]
    )


FEATURES_TABLE = pa.schema(
    [FRAME_ID, field("features", pa.list_(pa.float32()), "in the frames' order of dataset.parquet")]
)


def predictions_table(classes: Sequence[str]) -> pa.Schema:
    """Schema of a run's `predictions.parquet` and `validation.parquet`. classes: those of the model, in its order."""
    together = f"the {in_words(len(classes))} sum to 1"
    return pa.schema(
        [
            FRAME_ID,
            field("label", pa.string(), "the agreed class"),
            field("predicted", pa.string(), "the most probable class"),
            *(field(p(name), pa.float32(), f"probability of {name}; {together}") for name in classes),
            field(
                "embedding", pa.list_(pa.float32()), "before the last layer; null where there is none", nullable=True
            ),
        ]
    )


#: Schema of a model's `votes.parquet`: a row for each test frame and run.
VOTES_TABLE = pa.schema(
    [
        FRAME_ID,
        NIGHT,
        field("seed", pa.int64(), "of the run"),
        field("agreed", pa.bool_(), "whether it has a class of its own: all agree, or it was settled"),
        field("disagreement", pa.float32(), "entropy of all labels that the annotators gave, bits"),
        field("temperature", pa.float32(), "of the run, fitted to such frames of validation nights"),
        field("entropy", pa.float32(), "of the probabilities at this temperature, bits"),
        field("cross_entropy", pa.float32(), "of the annotators' distribution over the classes beside them, nats"),
        field("brier", pa.float32(), "sum of the squared differences of the two distributions"),
    ]
)


def catalogue_table(classes: Sequence[str] = (), in_time: bool = False) -> pa.Schema:
    """Schema of a night's classified frames. classes: those of the classifier; a table can be read without them.

    in_time: whether the classifier looks at the frames before and after; only then the table says what it would say of
    each frame alone.
    """
    number = in_words(len(classes))
    return pa.schema(
        [
            FRAME_ID,
            TIME,
            NIGHT,
            field("exposure_ms", pa.int32(), "from the file name, where it is there", nullable=True),
            field("sun_altitude", pa.float32(), "degrees, apparent, without refraction"),
            field("moon_altitude", pa.float32(), "degrees, apparent, without refraction"),
            field("magnetic_latitude", pa.float32(), "of the site, degrees, quasi-dipole"),
            field("mlt", pa.float32(), "magnetic local time of the site, hours"),
            field("condition", _NAMES, "of the sky: " + ", ".join(CONDITIONS)),
            field("label", _NAMES, "the most probable class, or not_classified"),
            field("reason", _NAMES, f"why it is not_classified: {', '.join(REASONS)}", nullable=True),
            field(
                "aurora",
                _NAMES,
                f"whether it shows aurora: {', '.join(DECISIONS)}; null where it is bad, or no class is a clear sky",
                nullable=True,
            ),
            field(
                "aurora_probability",
                pa.float32(),
                "calibrated probability of aurora, as if it were as frequent as a clear sky without it; null where no "
                "class is a clear sky",
                nullable=True,
            ),
            field("seen", _NAMES, f"what its night was to the classifier: {', '.join(SEEN)}"),
            field("confidence", pa.float32(), f"the highest of the {number} probabilities"),
            field(
                "entropy",
                pa.float32(),
                f"of the {number} probabilities, bits: from 0 to {math.log2(len(classes) or 1):.2f}",
            ),
            field(
                "familiarity",
                pa.float32(),
                "share of simulated frames, of cameras new to the classifier, that are less like those it was trained "
                "on; null where the classifier has no measure of it",
                nullable=True,
            ),
            *(
                field(p(name), pa.float32(), f"calibrated probability of {name}; the {number} sum to 1")
                for name in classes
            ),
            field(
                "possible",
                pa.list_(pa.string()),
                "classes that cannot be excluded; nine of ten frames of a class have it here. Null where the frame is "
                "bad or unfamiliar, and where the classifier has no sets",
                nullable=True,
            ),
            field("model", _NAMES, "split and model whose runs were averaged, or general"),
            *(_alone(classes) if in_time else []),
        ]
    )


#: The column of the label that a frame would get by itself.
ALONE_LABEL = "alone_label"


def _alone(classes: Sequence[str]) -> list[pa.Field]:
    """The columns of what a classifier that looks at several frames would say of one by itself."""
    return [
        field(ALONE_LABEL, _NAMES, "the label that the frame would get by itself, without those before and after"),
        *(field(alone(name), pa.float32(), f"probability of {name} by the frame itself") for name in classes),
    ]


def meaning(column: pa.Field) -> str:
    """What a column means."""
    text: str = column.metadata[b"meaning"].decode()
    return text


def alone(name: str) -> str:
    """The column of a class's probability by the frame itself."""
    return f"alone_{name}"


def p(name: str) -> str:
    """The column of a class's probability."""
    return f"p_{name}"


def markdown(more: Mapping[str, pa.Schema]) -> str:
    """The page that describes all tables, `docs/tables.md`, with the labels of the paper.

    more: path → schema of tables defined elsewhere.
    """
    names = read_label_set(DEFAULT).names
    schemas = {
        "results/nights/{month}/{night}.parquet": NIGHT_TABLE,
        "results/{release}/sample.parquet of a balanced sample": SAMPLE_TABLE,
        "results/{release}/audit.parquet": AUDIT_TABLE,
        "results/{release}/labelled.parquet": labelled_table(["{annotator}"], names.exclusions),
        "results/{release}/labelled.parquet, …/dataset.parquet of a balanced sample, more columns": pa.schema(DRAWN),
        "results/{release}/labelled.parquet of a release with a context, one more column": pa.schema([NEIGHBOURS]),
        "results/{release}/labelled.parquet of a published data set": PUBLISHED_TABLE,
        "results/{release}/dataset.parquet": dataset_table(["{split}"], names.classes),
        "results/{release}/features/{features}.parquet": FEATURES_TABLE,
        "results/{release}/{split}/{model}/{seed}/predictions.parquet, …/validation.parquet": predictions_table(
            names.classes
        ),
        "results/{release}/{split}/{model}/votes.parquet, where a model learns votes": VOTES_TABLE,
        "results/{release}/catalogue/{month}/{night}.parquet": catalogue_table(names.classes),
        "…/{night}.parquet of a model that looks at the frames before and after, more columns": pa.schema(
            _alone(names.classes)
        ),
        **more,
    }
    lines = [
        "# Tables",
        "",
        "Made from `norrsken/schemas.py` by `norrsken tables`.",
        "",
        *(__doc__ or "").splitlines()[2:],
    ]
    for path, schema in schemas.items():
        lines += ["", f"## `{path}`", "", "| column | type | null | meaning |", "|---|---|---|---|"]
        lines += [
            f"| {f.name} | {f.type} | {'yes' if f.nullable else ''} | {f.metadata[b'meaning'].decode()} |"
            for f in schema
        ]
    return "\n".join(lines) + "\n"
