"""What the annotators' labels amount to: the paper's Table 1, and how far the annotators agree."""

from collections.abc import Iterable, Sequence
from itertools import combinations

import pandas as pd
from sklearn.metrics import cohen_kappa_score

from norrsken.classes import CLASSES, EXCLUSIONS, PAPER_LABELS, PAPER_YEARS


def agreement(labelled: pd.DataFrame) -> pd.DataFrame:
    """Cohen's kappa and the share of agreement of each pair of annotators.

    labelled: the columns `label_{annotator}` of `labelled.parquet`. `_suitable`: over the frames to which both gave one
    of the seven classes (95 % agreement in the paper, section 2.2). Kappa is empty where it is not defined.
    """
    names = [name.removeprefix("label_") for name in map(str, labelled) if name.startswith("label_")]
    rows = []
    for a, b in combinations(names, 2):
        both = labelled[[f"label_{a}", f"label_{b}"]].dropna()
        suitable = both[both.isin(CLASSES).all(axis=1)]
        row: dict[str, object] = {"annotator_a": a, "annotator_b": b}
        for suffix, pairs in (("", both), ("_suitable", suitable)):
            first, second = pairs.iloc[:, 0], pairs.iloc[:, 1]
            row |= {f"frames{suffix}": len(pairs), f"agreement{suffix}": (first == second).mean()}
            defined = len(set(first) | set(second)) > 1
            row[f"kappa{suffix}"] = cohen_kappa_score(first, second) if defined else None
        rows.append(row)
    columns = ["annotator_a", "annotator_b"]
    columns += [f"{name}{suffix}" for suffix in ("", "_suitable") for name in ("frames", "agreement", "kappa")]
    return pd.DataFrame(rows, columns=columns)


def table1(labelled: pd.DataFrame, dataset: pd.DataFrame, years: Sequence[int]) -> pd.DataFrame:
    """The counts of the paper's Table 1: by UTC year (its left half) and by label with train and test (its right half).

    labelled: `time`, `verdict`, `label`; dataset: `label` and the `split_{split}` columns.
    """
    outcome = labelled["label"].where(labelled["verdict"] == "agreed", labelled["verdict"])
    by_year, by_label = labelled["time"].dt.year.value_counts(), outcome.value_counts()
    splits = [name for name in map(str, dataset) if name.startswith("split_")]
    rows: list[dict[str, object]] = [
        {"part": "year", "name": year, "images": by_year.get(year, 0), "paper_images": PAPER_YEARS.get(year)}
        for year in years
    ]
    rows.append({"part": "year", "name": "total", "images": len(labelled), "paper_images": sum(PAPER_YEARS.values())})
    for label in (*CLASSES, *EXCLUSIONS, "disagreement", "incomplete"):
        if label == "incomplete" and label not in by_label:
            continue
        row = {"part": "label", "name": label, "images": by_label.get(label, 0)}
        if label in CLASSES:
            row |= _train_and_test(dataset[dataset["label"] == label], splits)
        paper = PAPER_LABELS.get(label, (None, None, None))
        rows.append(row | {"paper_train": paper[0], "paper_test": paper[1], "paper_images": paper[2]})
    total = {"part": "label", "name": "total", "images": len(labelled), **_train_and_test(dataset, splits)}
    train, test, images = (sum(filter(None, column)) for column in zip(*PAPER_LABELS.values(), strict=True))
    rows.append(total | {"paper_train": train, "paper_test": test, "paper_images": images})
    table = pd.DataFrame(rows)
    table["percent"] = (100 * table["images"] / max(len(labelled), 1)).round(2)
    counts = [f"{part}_{name.removeprefix('split_')}" for name in splits for part in ("train", "test")]
    ordered = ["part", "name", *counts, "images", "percent", "paper_train", "paper_test", "paper_images"]
    return table[ordered].astype({name: "Int64" for name in ordered if name not in ("part", "name", "percent")})


def _train_and_test(dataset: pd.DataFrame, splits: Iterable[str]) -> dict[str, int]:
    return {
        f"{part}_{split.removeprefix('split_')}": int((dataset[split] == part).sum())
        for split in splits
        for part in ("train", "test")
    }
