"""Which labels are most likely wrong, and how often each annotator gives a class wrongly.

Confident learning (Northcutt, Jiang & Chuang 2021, doi 10.1613/jair.1.12125) and CROWDLAB (Goh, Tkachenko & Mueller
2022, arXiv 2210.06812), which takes a classifier as one more annotator, with cleanlab. The classifier has seen neither
the label nor another frame of its night: it is fitted to the labels of other nights, on what the general classifier's
network sees in the frames. Whether a frame is usable at all is a matter of habit more than of error, so only labels
that are classes are judged.
"""

import os
from collections.abc import Sequence

import numpy as np
import pandas as pd
from cleanlab.count import get_confident_thresholds
from cleanlab.multiannotator import get_label_quality_multiannotator
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from norrsken import tables
from norrsken.classify.general import CLASSIFIER
from norrsken.classify.model import Ensemble
from norrsken.dataset.agreement import annotators, units_of
from norrsken.dataset.splits import AT_A_TIME
from norrsken.evaluation.bootstrap import MIN_UNITS, interval, redrawn

#: The columns of the two tables.
QUALITY = ("frame_id", "annotator", "label", "quality", "likely")
NOISE = ("annotator", "label", "frames", "noise", "noise_low", "noise_high", "likely", "likely_share")

#: The nights are divided into so many parts; each is judged by what was fitted to the others.
FOLDS = 5

#: Principal components of what the network sees, and the inverse strength of the regularisation. Both were chosen on
#: errors planted into simulated labels; see benchmarks/README.md.
COMPONENTS, STRENGTH = 256, 0.01

#: The least probability that a class is given.
_TINY = 1e-6


def judge_labels(labelled: str | os.PathLike[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How good each label of `labelled.parquet` is, the worst first; and the noise of each annotator's labels by class.

    quality: from 0 to 1, the lower the more likely the label is wrong; likely: the class that the frame then has, by
    all annotators and the classifier. noise: share of the labels of a class that are of another one, as confident
    learning estimates it, with a 95 % interval over nights; likely: the class that they mostly are of, and the share of
    those. The errors of the classifier count too, so that the noise is estimated rather too high. Of labels of fewer
    than `MIN_UNITS` nights, too few to fit a classifier well, it is not estimated. Frames that not every annotator has
    labelled are left out. Both tables are empty where too little is labelled to fit a classifier to.
    """
    table, classes = tables.read_labelled(labelled), tables.label_names(labelled).classes
    people, whole = annotators(table), table["verdict"] != "incomplete"
    codes = {name: code for code, name in enumerate(classes)}
    given = pd.DataFrame({name: table[f"label_{name}"].map(codes) for name in people}, table.index).astype(float)
    some = (given.notna().any(axis=1) & whole).to_numpy()
    units, frames = units_of(table["night"][some]), table["frame_id"][some].astype(str).tolist()
    votes = given[some].reset_index(drop=True).dropna(axis=1, how="all")
    if not len(votes) or len(np.unique(units)) < FOLDS or np.nanmin(votes) == np.nanmax(votes):
        return pd.DataFrame(columns=[*QUALITY]), pd.DataFrame(columns=[*NOISE])
    chances = out_of_sample(what_is_seen(labelled, frames), votes, units, len(classes))
    noise = pd.concat([noise_of(votes[name], chances, units, classes) for name in votes], ignore_index=True)
    return rated(frames, votes, chances, classes), noise[[*NOISE]]


def what_is_seen(labelled: str | os.PathLike[str], frame_ids: Sequence[str]) -> NDArray[np.float32]:
    """What enters the last layer of the general classifier's first network, for frames of a table: (n, m)."""
    network, found = Ensemble(CLASSIFIER).members[0].classifier, []
    for _, images in tables.image_batches(labelled, frame_ids, AT_A_TIME):
        seen = network.predict(images).embeddings
        assert seen is not None, "networks have embeddings"
        found.append(seen)
    return np.concatenate(found)


def out_of_sample(
    seen: NDArray[np.float32], votes: pd.DataFrame, units: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    """Probabilities by classifiers that were fitted to the labels of other nights: (n, m) → (n, classes).

    votes: codes of the labels, a column for each annotator, nan where none is a class. units: the night of each, (n,).
    """
    rows, columns = np.nonzero(votes.notna().to_numpy())
    labels = votes.to_numpy()[rows, columns].astype(np.int64)
    weights = 1 / np.bincount(rows)[rows]
    chances = np.full((len(seen), classes), _TINY)
    for fitted, others in GroupKFold(FOLDS, shuffle=True, random_state=0).split(seen, groups=units):
        # Far fewer components than frames: the last ones would be noise that whitening makes large.
        components = max(min(COMPONENTS, len(fitted) // 4, seen.shape[1]), 1)
        reduce = make_pipeline(StandardScaler(), PCA(components, whiten=True, random_state=0)).fit(seen[fitted])
        here = np.isin(rows, fitted)
        if len(np.unique(labels[here])) < 2:
            continue
        model = LogisticRegression(C=STRENGTH, max_iter=1000)
        model.fit(reduce.transform(seen[rows[here]]), labels[here], sample_weight=weights[here])
        chances[np.ix_(others, model.classes_)] += model.predict_proba(reduce.transform(seen[others]))
    summed: NDArray[np.float64] = chances / chances.sum(axis=1, keepdims=True)
    return summed


def rated(
    frames: Sequence[str], votes: pd.DataFrame, chances: NDArray[np.float64], classes: Sequence[str]
) -> pd.DataFrame:
    """The quality of each label, the worst first; see `judge_labels`. chances: of `out_of_sample`."""
    if (votes.notna().sum(axis=1) > 1).any():
        found = get_label_quality_multiannotator(votes, chances, verbose=False)
        quality = found["detailed_label_quality"].to_numpy(np.float64)
        likely = found["label_quality"]["consensus_label"].to_numpy(np.int64)
    else:  # each frame has one label only
        one = get_label_quality_scores(votes.max(axis=1).to_numpy(np.int64), chances)
        quality, likely = np.repeat(one[:, None], votes.shape[1], axis=1), chances.argmax(axis=1)
    rows, columns = np.nonzero(votes.notna().to_numpy())
    names = np.array(classes)
    result = pd.DataFrame(
        {
            "frame_id": np.array(frames)[rows],
            "annotator": votes.columns.to_numpy(str)[columns],
            "label": names[votes.to_numpy()[rows, columns].astype(np.int64)],
            "quality": quality[rows, columns].round(4),
            "likely": names[likely[rows]],
        }
    )
    return result.sort_values(["quality", "frame_id", "annotator"]).reset_index(drop=True)


def noise_of(
    votes: pd.Series, chances: NDArray[np.float64], units: NDArray[np.int64], classes: Sequence[str]
) -> pd.DataFrame:
    """The rows of the table of noise for one annotator, whose name the series has."""
    told = votes.notna().to_numpy()
    labels, chance, nights = (
        votes[told].to_numpy(np.int64),
        chances[told],
        np.unique(units[told], return_inverse=True)[1],
    )
    # A frame counts as of a class whose probability is at least as high as usual for frames with this label.
    high = np.where(chance >= get_confident_thresholds(labels, chance), chance, 0.0)
    sure = high.any(axis=1)
    counts = np.zeros((nights.max() + 1, len(classes), len(classes)))
    np.add.at(counts, (nights[sure], labels[sure], high[sure].argmax(axis=1)), 1)
    drawn = redrawn(counts)
    rows = []
    for code in np.unique(labels):
        row = {"annotator": votes.name, "label": classes[code], "frames": int((labels == code).sum())}
        of_class = counts[:, code].sum(axis=0)
        others = np.where(np.arange(len(classes)) == code, 0, of_class)
        if of_class.any() and len(counts) >= MIN_UNITS:
            row["noise"] = others.sum() / of_class.sum()
        if counts[:, code].any(axis=1).sum() >= MIN_UNITS:
            with np.errstate(invalid="ignore"):
                row["noise_low"], row["noise_high"] = interval(1 - drawn[:, code, code] / drawn[:, code].sum(axis=1))
        if others.any() and len(counts) >= MIN_UNITS:
            row |= {"likely": classes[int(others.argmax())], "likely_share": others.max() / of_class.sum()}
        rows.append(row)
    return pd.DataFrame(rows, columns=[*NOISE])
