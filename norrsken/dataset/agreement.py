"""How far the annotators agree with each other and with themselves, and how their labels change over time."""

from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from norrsken.config.label_set import LabelNames
from norrsken.dataset.sample import weights
from norrsken.evaluation.bootstrap import interval, redrawn

#: What is computed from two labels of the same frames: the columns of the tables of agreement.
MEASURES = ("frames", "agreement", "kappa", "kappa_low", "kappa_high")


def annotators(labelled: pd.DataFrame) -> list[str]:
    """The names of the annotators, from the columns of `labelled.parquet`."""
    return [name.removeprefix("label_") for name in map(str, labelled) if name.startswith("label_")]


def units_of(nights: pd.Series) -> NDArray[np.int64]:
    """A number for each night; a frame whose night is not known counts as a night of its own: (n,) → (n,)."""
    units, known = pd.factorize(nights)
    unknown = units < 0
    units[unknown] = np.arange(len(known), len(known) + unknown.sum())
    return units.astype(np.int64)


def was_settled(labelled: pd.DataFrame) -> "pd.Series[bool]":
    """Whether a table of adjudications says what a frame is. An exclusion was settled where not all gave it.

    labelled: rows of `labelled.parquet`.
    """
    given = labelled[[f"label_{name}" for name in annotators(labelled)]]
    unlike = given.ne(labelled["verdict"], axis=0).any(axis=1)
    by_people = labelled["verdict"].isin(["agreed", "disagreement", "incomplete"])
    return (labelled["verdict"] == "adjudicated") | (unlike & ~by_people)


def agreement(labelled: pd.DataFrame, names: LabelNames) -> pd.DataFrame:
    """Cohen's kappa and the share of agreement of each pair of annotators.

    labelled: `night` and the columns `label_{annotator}` of `labelled.parquet`. Frames of a sample count by their
    weights, except in the numbers of frames: the shares and kappa are those of the archive. Columns that end in
    `_suitable` are over the frames to which both gave one of the classes (95 % agreement in the paper, section 2.2).
    Kappa is empty where it is not defined; `kappa_low` and `kappa_high` are its 95 % interval (bootstrap over nights,
    or over frames where their nights are not known).
    """
    rows = []
    for a, b in combinations(annotators(labelled), 2):
        both = _with_both(labelled, f"label_{a}", f"label_{b}")
        suitable = both[both.iloc[:, :2].isin(names.classes).all(axis=1)]
        row: dict[str, object] = {"annotator_a": a, "annotator_b": b}
        for suffix, pairs in (("", both), ("_suitable", suitable)):
            measures = _compare(pairs.iloc[:, 0], pairs.iloc[:, 1], pairs["night"], pairs["weight"], names)
            row |= {f"{name}{suffix}": value for name, value in measures.items()}
        rows.append(row)
    columns = [f"{name}{suffix}" for suffix in ("", "_suitable") for name in MEASURES]
    return pd.DataFrame(rows, columns=["annotator_a", "annotator_b", *columns])


def consistency(labelled: pd.DataFrame, names: LabelNames) -> pd.DataFrame:
    """How far each annotator agrees with their own earlier label: a row for each who labelled a frame twice.

    The columns `MEASURES` are as in `agreement`.
    """
    rows = []
    for name in annotators(labelled):
        if f"repeat_{name}" in labelled:
            again = _with_both(labelled, f"label_{name}", f"repeat_{name}")
            if len(again):
                measures = _compare(again.iloc[:, 0], again.iloc[:, 1], again["night"], again["weight"], names)
                rows.append({"annotator": name, **measures})
    return pd.DataFrame(rows, columns=["annotator", *MEASURES])


def _with_both(labelled: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    """Two columns of labels, the night and the weight of the frames that have both labels."""
    return labelled[[first, second, "night"]].assign(weight=weights(labelled)).dropna(subset=[first, second])


def confusion(labelled: pd.DataFrame, a: str, b: str, names: LabelNames) -> NDArray[np.float64]:
    """Frames by the label that one annotator gave (rows) and another one (columns), (n, n) in the labels' order."""
    both = labelled[[f"label_{a}", f"label_{b}"]].dropna()
    counts: NDArray[np.float64] = _count(both.iloc[:, 0], both.iloc[:, 1], names).sum(axis=0)
    return counts


def course(labelled: pd.DataFrame, names: LabelNames, parts: int = 10) -> pd.DataFrame:
    """How an annotator's labels and pace change: a row for each tenth of the order, and for each session.

    Columns: annotator, by (`order` or `session`), part (its number), frames, seconds_median, the share of each label.
    """
    rows = []
    for name in annotators(labelled):
        for by in ("order", "session"):
            if f"{by}_{name}" not in labelled:
                continue
            labels = labelled[[f"label_{name}", f"{by}_{name}", f"seconds_{name}"]].dropna(subset=[f"{by}_{name}"])
            labels.columns = pd.Index(["label", "place", "seconds"])
            places = (
                labels["place"]
                if by == "session"
                else (labels["place"].rank(method="first") - 1) * parts // len(labels) + 1
            )
            for part, members in labels.groupby(places.astype(int)):
                shares = members["label"].value_counts(normalize=True).reindex(names.labels, fill_value=0.0)
                row: dict[str, object] = {"annotator": name, "by": by, "part": part, "frames": len(members)}
                row["seconds_median"] = members["seconds"].median()
                rows.append(row | {label: shares[label] for label in names.labels})
    return pd.DataFrame(rows, columns=["annotator", "by", "part", "frames", "seconds_median", *names.labels])


def _compare(
    first: pd.Series, second: pd.Series, nights: pd.Series, weight: pd.Series, names: LabelNames
) -> dict[str, object]:
    """The values of `MEASURES` for two labels of the same frames."""
    counts = _count(first, second, names, nights, weight)
    low, high = interval(_kappa(redrawn(counts))) if len(counts) > 1 else (np.nan, np.nan)
    total = weight.sum()
    agreed = weight[first == second].sum() / total if total else np.nan
    values = (len(first), agreed, float(_kappa(counts.sum(axis=0))), low, high)
    return dict(zip(MEASURES, values, strict=True))


def _count(
    first: pd.Series,
    second: pd.Series,
    names: LabelNames,
    nights: pd.Series | None = None,
    weight: pd.Series | None = None,
) -> NDArray[np.float64]:
    """Frames by two labels of each: (nights, n, n) in the labels' order, or (1, n, n) without nights.

    weight: what each counts; None: one. A frame whose night is not known counts as a night of its own.
    """
    labels, number = names.labels, 1
    units = np.zeros(len(first), np.int64)
    if nights is not None:
        units = units_of(nights)
        number = int(units.max(initial=-1)) + 1
    counts = np.zeros((number, len(labels), len(labels)))
    codes = (column.map(labels.index).to_numpy(np.int64) for column in (first, second))
    np.add.at(counts, (units, *codes), 1.0 if weight is None else weight.to_numpy())
    return counts


def _kappa(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cohen's kappa of tables (…, n, n): agreement beyond that of chance; nan where only one label was given."""
    total = counts.sum(axis=(-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        agreed = np.trace(counts, axis1=-2, axis2=-1) / total
        chance = (counts.sum(axis=-1) * counts.sum(axis=-2)).sum(axis=-1) / total**2
        kappa: NDArray[np.float64] = (agreed - chance) / (1 - chance)
    return kappa
