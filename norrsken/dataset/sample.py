"""What the label tables say of a sample that was drawn unevenly, and the weights that make up for it in statistics."""

import logging
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from norrsken import schemas
from norrsken.errors import NorrskenError, raise_listed
from norrsken.files import csv_rows

log = logging.getLogger(__name__)


class SampleTableError(NorrskenError):
    """What a table says of how a frame was drawn cannot be used; the message lists the first problems."""


class Drawn(NamedTuple):
    """How a frame was drawn. probability: of being drawn. part: one of `schemas.SAMPLE_PARTS`."""

    probability: float
    part: str


def read_drawn(label_paths: Iterable[str]) -> dict[str, Drawn]:
    """How frames were drawn, by frame id, from the columns `probability` and `part` of the annotators' tables.

    Frames whose `part` is none of `schemas.SAMPLE_PARTS` were not drawn: a table from elsewhere may have such columns
    too. Where two tables differ, because one page is older than the other, the first table counts. Raises
    `SampleTableError` for a probability that is none.
    """
    drawn: dict[str, Drawn] = {}
    problems, differing = [], set()
    for path in label_paths:
        for line, row in csv_rows(path, ["frame_id", "label"], SampleTableError):
            part, text = row.get("part", "").strip(), row.get("probability", "").strip()
            if part not in schemas.SAMPLE_PARTS:
                continue
            frame, probability = row["frame_id"].strip(), _number(text)
            if not 0 < probability <= 1:
                problems.append(
                    f"{path}:{line}: the probability of {frame} is {text!r}, expected a number above 0, and 1 at most"
                )
            elif drawn.setdefault(frame, Drawn(probability, part)) != Drawn(probability, part):
                differing.add(frame)
    raise_listed(problems, SampleTableError)
    if differing:
        log.warning(
            "%d frames were drawn otherwise in another annotator's table: export all tables from pages of the same "
            "sample. What the first table says counts",
            len(differing),
        )
    return drawn


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def weights(frames: pd.DataFrame) -> pd.Series:
    """How many frames of the archive each labelled frame stands for, if only in proportion: the index is the same.

    frames: rows of `labelled.parquet`. This is 1 / probability (Horvitz and Thompson 1952), and 0 where others were
    drawn and this frame was not, since it would stand for frames that are counted already. All are 1 where none was
    drawn. Shares are sums of weights over the sum of all (Hájek 1971).
    """
    if "probability" not in frames or frames["probability"].isna().all():
        return pd.Series(1.0, frames.index)
    return (1 / frames["probability"]).fillna(0.0).astype(np.float64)
