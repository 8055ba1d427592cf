"""Which classifier the catalogue uses, how sure it may be, and when it gives no class.

The runs of one model on one split, one for each seed, are averaged. Their probabilities are calibrated by one
temperature (Guo et al. 2017) after they were averaged, as Rahaman & Thiery (2021) advise. A frame is not classified
below the confidence from which on the asked share of the validation frames of its class is right. On a split by night
these are of nights that no run has seen, so that the average itself is judged on them; there every second of these
nights decides none of this, but which classes of a frame cannot be excluded.
"""

import logging
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from norrsken import tables
from norrsken.catalogue.judge import Frames, enough, joined, judge, number_of_nights, whose_frames
from norrsken.catalogue.sets import drawn_labels, make_sets
from norrsken.catalogue.smoothing import Said, said_alone, smoothed
from norrsken.classify.classifier_file import (
    AuroraDecision,
    Classifier,
    Limit,
    Member,
    Seen,
    Sets,
    log_odds_of_aurora,
)
from norrsken.classify.model import FrameClassifier
from norrsken.config.label_set import LabelNames
from norrsken.dataset.votes import read_votes
from norrsken.errors import NorrskenError
from norrsken.evaluation.calibration import (
    TINY,
    class_names,
    fit_temperature,
    mean_probabilities,
    probability_columns,
)
from norrsken.evaluation.scores import model_files, read_metrics
from norrsken.evaluation.validation import best_of, kept_out_by_all, nights_aside, validation_f1
from norrsken.files import digest, write_json

log = logging.getLogger(__name__)


class CatalogueError(NorrskenError):
    """The archive cannot be classified as asked."""


def make_classifier(
    metrics: Sequence[str],
    validations: Sequence[str],
    predictions: Sequence[str],
    dataset: str,
    labelled: str,
    clear_sky: str | None,
    precision: float,
    output: str,
    smoothing: bool = False,
) -> None:
    """Write `classifier.json` for the one model whose runs are given, or for the best of several.

    metrics, validations, predictions: the `metrics.json`, `validation.parquet` and `predictions.parquet` of the runs of
    all candidates on one split, in the same order; beside the metrics lie their models. labelled: `labelled.parquet`,
    whose frames on which annotators differ count for the sets. clear_sky: the class that stands for one. precision:
    what must be reached on the validation frames. smoothing: whether frames are smoothed over their night; that needs a
    split by night. A model that keeps none out is used as it is, and every frame gets a class. Raises `CatalogueError`
    where none can be chosen, or where the runs are of other classes than the data set.
    """
    runs = read_metrics(metrics)
    of_model: dict[str, list[int]] = defaultdict(list)
    for place, run in enumerate(runs):
        of_model[run["model"]].append(place)
    by_night, split = runs[0]["split_method"] == "night", runs[0]["split"]
    clean, names = tables.read_without_images(dataset), tables.label_names(dataset)
    nights, classes = clean.set_index("frame_id")["night"], names.classes
    chosen = _best(runs, validations, nights) if len(of_model) > 1 else next(iter(of_model))
    places = of_model[chosen]
    members = model_files([metrics[place] for place in places])
    of_all = [tables.read_predictions(path) for path in validations]
    validated, tested = (
        [_checked(frames, classes, member) for frames, member in zip(of_runs, members, strict=True)]
        for of_runs in (
            [of_all[place] for place in places],
            [tables.read_predictions(predictions[place]) for place in places],
        )
    )
    # Where there are several models to choose from, these are the nights that have no say in that either.
    common = kept_out_by_all(of_all, nights) if by_night else nights[:0]
    aside = nights_aside(common)
    if by_night and not len(aside):
        log.warning(
            "no sets of classes: all models keep out %d frames of %d nights for validation, half of which are too few",
            len(common),
            common.nunique(),
        )
    kept_out, test = together(validated, by_night, nights, classes), together(tested, True, nights, classes)
    decides = ~np.isin(kept_out.nights, aside)
    temperature, least = 1.0, 0.0
    if decides.any():
        temperature = fit_temperature(kept_out.probabilities[decides], kept_out.labels[decides])
    kept_out, test = kept_out.tempered(temperature), test.tempered(temperature)
    models = [FrameClassifier(member) for member in members] if smoothing or len(aside) else []
    said, smooth = said_alone(models, labelled, temperature), None
    if smoothing and decides.any():
        ids = [frames[0]["frame_id"].to_numpy(str) for frames in (validated, tested)]
        learnt = clean[(clean[f"split_{split}"] == "train") & ~clean["frame_id"].isin(ids[0])].set_index("frame_id")
        codes = pd.Series(kept_out.labels[decides], ids[0][decides])
        others = np.unique(np.concatenate([aside, test.nights]))
        trained_codes = learnt["label"].map(classes.index)
        smooth, said = smoothed(said, labelled, trained_codes, codes, others, len(classes))
        kept_out, test = (f._replace(probabilities=said(i)) for f, i in zip((kept_out, test), ids, strict=True))
    validation = kept_out.of(decides)
    limits = {name: Limit(confidence=0, frames=0, nights=0, of="all") for name in classes}
    if len(validation.labels):
        least = least_confidence(validation, precision)
        limits = class_limits(validation, least, precision, classes)
    sets = sets_of(said, labelled, kept_out, test, aside, classes) if len(aside) else None
    confidences = np.array([limits[name].confidence for name in classes])
    trained = clean.loc[clean[f"split_{split}"] == "train", "label"]
    aurora = fit_aurora(validation, trained, names, clear_sky, precision)
    result = Classifier(
        name=f"{split}/{chosen}",
        members=[
            Member(path=os.path.relpath(member, Path(output).parent), sha256=str(digest(member))) for member in members
        ],
        temperature=temperature,
        fitted_on="nothing" if not len(validation.labels) else "ensemble" if by_night else "members",
        asked_precision=precision,
        least_confidence=least,
        limits=limits,
        aurora=aurora,
        sets=sets,
        smoothing=smooth,
        validation=judge(validation, confidences, aurora, classes) if len(validation.labels) else None,
        test=judge(test, confidences, aurora, classes),
        seen=_seen(clean, split, validated),
    )
    write_json(result.plain(), output)
    log.info("%s: temperature %.3f, least confidence %.3f", result.name, temperature, least)


def _best(runs: Sequence[Mapping[str, Any]], validations: Sequence[str], nights: pd.Series) -> str:
    """The model that is best on its validation frames. Raises `CatalogueError` where none has any."""
    scores = {model: f1 for (_, model), f1 in validation_f1(runs, validations, nights).items()}
    if not scores:
        raise CatalogueError(
            "no model of the configuration has a validation_share, so none can be chosen: name one as catalogue.model"
        )
    log.info("macro F1 on validation frames: %s", ", ".join(f"{m} {s:.3f}" for m, s in scores.items()))
    return best_of(scores)


def sets_of(
    said: Said,
    labelled: str,
    kept_out: Frames,
    test: Frames,
    aside: NDArray[np.datetime64],
    classes: Sequence[str],
) -> Sets:
    """The sets of classes, calibrated on all frames of the nights aside to which an annotator gives a class.

    kept_out, test: frames on which annotators agree, and what is said of them.
    """
    votes = read_votes(labelled)
    votes = votes.of(~votes.agreed & np.isin(votes.nights, np.concatenate([aside, test.nights])))
    differing = Frames(said(votes.frame_ids), drawn_labels(votes), votes.nights)
    of_aside = [frames.of(np.isin(frames.nights, aside)) for frames in (kept_out, differing)]
    tested = [test, differing.of(~np.isin(differing.nights, aside))]
    calibration, both = joined(of_aside), joined(tested)
    return make_sets(calibration, both, np.arange(len(both.labels)) < len(test.labels), classes)


def _checked(frames: pd.DataFrame, classes: Sequence[str], member: Path) -> pd.DataFrame:
    """The predictions of a run. Raises `CatalogueError` where they are of other classes."""
    found = class_names(frames)
    if found != [*classes]:
        raise CatalogueError(
            f"{member} tells {', '.join(found)} apart, but the data set has {', '.join(classes)}: train the model anew"
        )
    return frames


def together(runs: Sequence[pd.DataFrame], same: bool, nights: pd.Series, classes: Sequence[str]) -> Frames:
    """What the runs say of their frames. same: whether these are the same for all; then the mean over the runs counts.

    nights: the night of each frame id.
    """
    if same:
        frames, probabilities = runs[0], mean_probabilities(runs)
    else:
        frames = pd.concat(runs)
        probabilities = frames[probability_columns(frames)].to_numpy(np.float64)
    labels = frames["label"].map(classes.index).to_numpy(np.int64)
    return Frames(probabilities, labels, nights.loc[frames["frame_id"]].to_numpy("datetime64[D]"))


def _seen(clean: pd.DataFrame, split: str, validated: Sequence[pd.DataFrame]) -> Seen:
    """What each night of the data set was to the runs. validated: the validation frames of each."""
    nights, part = clean["night"].to_numpy("datetime64[D]"), clean[f"split_{split}"].astype(str).to_numpy()
    always = set.intersection(*(set(frames["frame_id"]) for frames in validated))
    part = np.where(clean["frame_id"].isin(always), "validation", part)
    lists: dict[str, list[date]] = {}
    told = np.isnat(nights)
    for name in ("train", "validation", "test"):
        found = np.unique(nights[~told & (part == name)])
        told |= np.isin(nights, found)
        lists[name] = found.tolist()
    return Seen(**lists)


def least_confidence(frames: Frames, precision: float) -> float:
    """The lowest confidence such that the asked share of the frames with it or more is right; 1 where there is none.

    How many are right is taken from a curve, a logistic regression on the logarithm of the odds (Platt 1999): counts of
    few frames would make a limit of their luck, which keeps less on other nights.
    """
    confidence = np.sort(frames.probabilities.max(axis=1))[::-1]
    right = _chance(frames, confidence)
    reached = np.flatnonzero(np.cumsum(right) / np.arange(1, len(right) + 1) >= precision)
    if not len(reached):
        return 1.0
    # It is rounded down, so that the frame itself is not below it.
    return float(np.floor(confidence[reached[-1]] * 1e6) / 1e6)


def _chance(frames: Frames, confidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """The chance that frames with these confidences are right, by a curve that rises: (n,) → (n,)."""
    right = frames.probabilities.argmax(axis=1) == frames.labels
    if not right.any() or right.all():
        return np.full(len(confidence), float(right.all()))
    model = LogisticRegression(C=10).fit(_odds(frames.probabilities.max(axis=1)), right)
    if model.coef_[0, 0] <= 0:
        return np.full(len(confidence), right.mean())
    chance: NDArray[np.float64] = model.predict_proba(_odds(confidence))[:, 1]
    return chance


def _odds(confidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logarithm of the odds, as a column."""
    return np.log(np.maximum(confidence, TINY) / np.maximum(1 - confidence, 1e-9))[:, None]


def class_limits(frames: Frames, pooled: float, precision: float, classes: Sequence[str]) -> dict[str, Limit]:
    """The limit of each class; see `Limit`. pooled: that of all classes together.

    The limit of the rest is not that of all, since rare classes are often worse than the others.
    """
    predicted, limits = frames.probabilities.argmax(axis=1), {}
    whose = whose_frames(predicted, len(classes), lambda rows: enough(frames.of(rows)))
    for code, (name, (of, rows)) in enumerate(zip(classes, whose, strict=True)):
        given = frames.of(predicted == code)
        confidence = pooled if of == "all" else least_confidence(frames.of(rows), precision)
        if confidence >= 1:
            log.warning("%s: no confidence reaches a precision of %.2f: no frame will be called so", name, precision)
        limits[name] = Limit(
            confidence=confidence, frames=len(given.labels), nights=number_of_nights(given.nights), of=of
        )
    return limits


def fit_aurora(
    frames: Frames, trained: pd.Series, names: LabelNames, clear_sky: str | None, precision: float
) -> AuroraDecision | None:
    """How aurora is told from a clear sky; None where no class stands for one, or where none was trained on.

    frames: those of the validation. trained: the labels of the frames to train on. names: of the data set, whose
    classes are in the order of the probabilities; those that can be observed show aurora, but for the clear sky.
    precision: how sure a decision must be.
    """
    aurora = [name for name in names.judged if name != clear_sky]
    of_aurora, of_clear = trained.isin(aurora).sum(), (trained == clear_sky).sum()
    if clear_sky is None or not of_aurora or not of_clear:
        return None
    labels = np.array(names.classes)[frames.labels]
    shown, none = np.isin(labels, aurora), labels == clear_sky
    slope, intercept = 1.0, float(np.log(of_clear / of_aurora))
    fitted_on: Literal["validation", "labels"] = "labels"
    if enough(frames.of(shown)) and enough(frames.of(none)):
        both = shown | none
        odds = log_odds_of_aurora(frames.probabilities[both], names.classes, aurora, clear_sky)
        model = LogisticRegression(C=10, class_weight="balanced").fit(odds[:, None], shown[both])
        if model.coef_[0, 0] > 0:
            slope, intercept, fitted_on = float(model.coef_[0, 0]), float(model.intercept_[0]), "validation"
    return AuroraDecision(
        classes=aurora,
        clear_sky=clear_sky,
        slope=round(slope, 6),
        intercept=round(intercept, 6),
        yes=precision,
        no=round(1 - precision, 6),
        fitted_on=fitted_on,
    )
