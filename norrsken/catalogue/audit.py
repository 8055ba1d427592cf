"""An audit of the catalogue: people label a random sample of its frames without seeing what it says of them.

The scores on test frames hold for frames that were chosen to be labelled, on which people agree. What somebody gets who
takes the frames of a class from the catalogue is another question, and only such a sample answers it. So many frames
are drawn for each label that the catalogue gives, in proportion over the sky's conditions and the years; by these
numbers the sample stands for the whole catalogue up to the last night that it had then, also when another classifier
has made it since.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from norrsken import schemas, tables
from norrsken.classes import NOT_CLASSIFIED
from norrsken.config.jobs import LabellingSettings, LabelSettings
from norrsken.config.releases import Audit
from norrsken.curation.labelling import of_sample, write_pages
from norrsken.curation.sample import filled, places
from norrsken.dataset.labels import LabelError, outcome, read_annotators
from norrsken.errors import NorrskenError, raise_listed
from norrsken.evaluation.stratified import Strata, share
from norrsken.files import write_csv

log = logging.getLogger(__name__)

#: What frames are drawn by.
_CELL = ["label", "condition", "year"]

#: All frames, or all classes, together; and what else the scores are told for; see `judge_audit`.
ALL = "all"
_PARTS = ("condition", "seen", "year")


class AuditError(NorrskenError):
    """There is nothing to audit, or the tables do not belong to the sample."""


def draw_audit(catalogue: Sequence[str], audit: Audit, output: str) -> None:
    """Write `audit.parquet`, the sample of a catalogue.

    catalogue: directories of the months. All labels give as many frames as they can, equally, that of no class too;
    each in proportion over conditions and years, by systematic rounding, so that every frame of a label has the same
    probability of being drawn. The tables are read twice, a night at a time. Raises `AuditError` where nothing is
    classified.
    """
    cells: Counter[tuple[str, str, int]] = Counter()
    for frames in _frames(catalogue):
        cells.update(zip(*(frames[name].tolist() for name in _CELL), strict=True))
    if not cells:
        raise AuditError("no frame of the archive is classified: nothing can be audited")
    sizes = pd.Series(cells).groupby(level=0).sum()
    number = _allotted(cells, sizes, audit)
    drawn, last = pd.DataFrame(), ""
    for frames in _frames(catalogue):
        drawn = _first(pd.concat([drawn, frames]), number, audit.seed)
        last = max([last, *map(str, frames["night"].unique())])
    drawn = drawn.sort_values("time", ignore_index=True)
    drawn["label_frames"] = drawn["label"].map(sizes)
    table = pa.Table.from_pandas(drawn[schemas.AUDIT_TABLE.names], schema=schemas.AUDIT_TABLE, preserve_index=False)
    tables.write(output, table, schemas.AUDIT_TABLE, audit.plain(), catalogue={"until": last})
    log.info("%d of %d frames drawn", len(drawn), cells.total())


def _frames(catalogue: Sequence[str], nights: Sequence[date] | None = None) -> Iterator[pd.DataFrame]:
    """The frames of each night: frame_id, time, night, label, condition, seen, year (UTC). nights: None: of all."""
    columns = ["frame_id", "time", "night", "label", "condition", "seen"]
    wanted = None if nights is None else {str(night) for night in nights}
    for path in tables.night_tables(catalogue):
        if wanted is None or path.stem in wanted:
            rows = tables.read(path, schemas.catalogue_table(), columns).to_pandas()
            names = {name: rows[name].astype(str) for name in ("label", "condition", "seen")}
            yield rows.assign(**names, year=rows["time"].dt.year)


def _allotted(cells: Mapping[tuple[str, str, int], int], sizes: "pd.Series[int]", audit: Audit) -> pd.DataFrame:
    """How many frames are drawn of each label, condition and year: those columns, and `most`.

    sizes: frames of each label, by its name.
    """
    numbers, starts = filled(sizes.tolist(), audit.frames), np.random.default_rng(audit.seed).random(len(sizes))
    rows: list[tuple[Any, ...]] = []
    for (label, size), number, start in zip(sizes.items(), numbers, starts, strict=True):
        of_label = sorted(cell for cell in cells if cell[0] == label)
        ends = np.floor(np.cumsum([cells[cell] for cell in of_label]) * (number / size) + start + 1e-9)
        rows += [(*cell, most) for cell, most in zip(of_label, np.diff(ends, prepend=0).astype(int), strict=True)]
    return pd.DataFrame(rows, columns=[*_CELL, "most"])


def _first(frames: pd.DataFrame, number: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Of each label, condition and year the first frames in an order that depends on the frames' names only."""
    ordered = frames.assign(place=places(frames["frame_id"], seed)).merge(number, on=_CELL).sort_values("place")
    return ordered[ordered.groupby(_CELL).cumcount() < ordered["most"]].drop(columns=["place", "most"])


def write_audit_pages(sample: str, nights: Sequence[str], labelling: LabellingSettings, output: str) -> None:
    """Write a page for each auditor, who sees the frames at random, and for all of them the frames as PNG.

    nights: directories of the months' night tables. labelling: orders are those of the auditors. Nothing on the pages
    tells what the catalogue says.
    """
    write_pages(of_sample(nights, sample), None, labelling, output)


def judge_audit(
    sample: str, label_paths: Sequence[str], catalogue: Sequence[str], settings: LabelSettings, output: str
) -> None:
    """Write `audit.csv`: precision and recall of the catalogue, by what people said of the sample.

    sample: `audit.parquet`. label_paths: the auditors' tables. catalogue: directories of the months, as they are now.
    A frame is of the class that all auditors give it, and of none where they differ or say that it has none. Frames
    that not all have labelled yet are left out: those that are have come at random. The rows and columns are described
    in `norrsken.catalogue.columns`. Raises `LabelError` for labels of frames that were not drawn, `AuditError` where no
    frame has been labelled by all.
    """
    drawn = tables.read(sample, schemas.AUDIT_TABLE).to_pandas()
    # Auditors give labels of the set as it is; `relabel` is for tables that are older.
    labels, _ = read_annotators(label_paths, [], settings.model_copy(update={"relabel": {}}))
    known = set(drawn["frame_id"])
    raise_listed(
        [
            f"{path}:{entry.line}: {frame} is not in {sample}"
            for path, table in zip(label_paths, labels.values(), strict=True)
            for frame, entry in table.items()
            if frame not in known
        ],
        LabelError,
    )
    said = [[table[f].label if f in table else None for table in labels.values()] for f in drawn["frame_id"]]
    outcomes = [outcome(of_frame, None, settings.names.exclusions) for of_frame in said]
    drawn["verdict"], drawn["given"] = zip(*outcomes, strict=True)
    frames = drawn[drawn["verdict"] != "incomplete"].rename(columns={"label": "label_drawn"})
    if frames.empty:
        raise AuditError(f"{', '.join(label_paths)}: no frame of {sample} is labelled by all: nothing can be judged")
    columns = ["frame_id", "label", "condition", "seen"]
    nights = _frames(catalogue, frames["night"].unique().tolist())
    now = pd.concat([pd.DataFrame(columns=columns, dtype=object), *(night[columns] for night in nights)])
    frames = frames.drop(columns="condition").merge(now, "left", "frame_id")
    gone = int(frames["label"].isna().sum())
    if gone:
        log.warning("%d of %d labelled frames are in the catalogue no more", gone, len(frames))
    table = audited(frames, settings.names.classes)
    table.insert(3, "until", tables.about(sample)["catalogue"]["until"])
    write_csv(table, output)
    log.info("%d of %d frames drawn are labelled by all", len(frames), len(drawn))


def audited(frames: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """The table of `judge_audit`. frames: of the sample, labelled by all.

    Columns: label_drawn and label_frames, the stratum and its size; label, condition, seen: of the catalogue now, None
    where it has the frame no more, which then stands for others that it has no more; year; given: the class by the
    auditors, None where they give none.
    """
    of, names = pd.factorize(frames["label_drawn"])
    sizes = frames.groupby("label_drawn")["label_frames"].first().reindex(names).to_numpy()
    strata = Strata(of.astype(np.int64), sizes)
    given, label = frames["given"].fillna("").to_numpy(), frames["label"].fillna("").to_numpy()
    rows = []
    for by, value, inside in _bins(frames):
        for name in (ALL, *classes) if by == ALL else (ALL,):
            called = inside & ((label != NOT_CLASSIFIED) if name == ALL else (label == name))
            shown = inside & ((given != "") if name == ALL else (given == name))
            right = called & (given == label)
            row: dict[str, Any] = {"by": by, "value": value, "label": name}
            row["frames"] = round(float(strata.weights[called].sum()))
            row["audited"], row["shown"] = int(called.sum()), int(shown.sum())
            for score, part, whole, known in (
                ("precision", right, called, True),
                ("no_class", called & (given == ""), called, True),
                ("recall", right, shown, False),
            ):
                estimate = share(part, whole, strata, known)
                row |= {score: estimate.value, f"{score}_low": estimate.low, f"{score}_high": estimate.high}
            rows.append(row)
    return pd.DataFrame(rows)


def _bins(frames: pd.DataFrame) -> Iterator[tuple[str, object, NDArray[np.bool_]]]:
    """What the scores are told for: kind, value, and which frames are of it; none that the catalogue has no more."""
    there = frames["label"].notna().to_numpy()
    yield ALL, "", there
    for by in _PARTS:
        for value in sorted(frames.loc[there, by].unique()):
            yield by, value, there & (frames[by] == value).to_numpy()
