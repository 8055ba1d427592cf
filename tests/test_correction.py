"""Shares of classes as estimates: what a correction takes out, what it lacks, and how wide its intervals are."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import PAPER
from scipy.optimize import minimize
from test_events import write_night

from norrsken.catalogue.correction import (
    LEAST_FRAMES,
    PRIOR_SECONDS,
    REFITS,
    Correction,
    CorrectionError,
    Fit,
    corrected,
    fit_correction,
    read_correction,
)
from norrsken.catalogue.judge import Frames
from norrsken.catalogue.occurrence import tabulate_occurrence
from norrsken.catalogue.untrained import correction_of
from norrsken.evaluation.bootstrap import MIN_UNITS, share_intervals
from norrsken.paper import CLASSES

RANDOM = np.random.default_rng(0)
NIGHT = date(2014, 1, 1)

#: Scores by class (columns) of frames of each class (rows): edge is mostly called patchy, and often arcs discrete.
CONFUSED = 3.0 * np.eye(7)
CONFUSED[CLASSES.index("edge"), CLASSES.index("patchy")] = 3.6
CONFUSED[CLASSES.index("arcs"), CLASSES.index("discrete")] = 2.5


def classified(labels: np.ndarray) -> np.ndarray:
    """What a classifier that confuses some classes says of frames with these labels: (n,) → (n, 7)."""
    scores = CONFUSED[labels] + RANDOM.normal(size=(len(labels), 7))
    raised = np.exp(scores)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def validation(n: int = 1400, nights: int = 20) -> Frames:
    """As many frames of each class, of nights in turn."""
    labels = np.arange(n) % 7
    return Frames(classified(labels), labels, np.datetime64("2015-01-01") + np.arange(n) // 7 % nights)


VALIDATION = validation()
CORRECTION = fit_correction(VALIDATION, CLASSES, CLASSES)


def test_confusion_and_the_shift_of_frequencies_are_taken_out() -> None:
    """One class fills most of an archive, as a clear sky does, and the classifier expects all to be as frequent."""
    shares = np.array([0.02, 0.02, 0.15, 0.04, 0.10, 0.12, 0.55])
    hours = 50
    labels = RANDOM.choice(7, p=shares, size=(hours, 60))  # every hour is like the others
    found = classified(labels.ravel())
    chances = corrected(found, np.arange(hours) * 60, np.full(hours, 60.0), CORRECTION.fits[0])
    truth = np.bincount(labels.ravel(), minlength=7) / labels.size
    counted = np.bincount(found.argmax(axis=1), minlength=7) / labels.size
    errors, errors_of_counted = np.abs(chances.mean(axis=0) - truth), np.abs(counted - truth)
    assert errors_of_counted.max() > 0.06
    assert errors.max() < 0.025
    assert errors.sum() < errors_of_counted.sum() / 3


def test_the_shares_of_an_hour_make_its_frames_most_likely() -> None:
    """The steps of Saerens et al. end where a general optimiser ends, which knows nothing of them."""
    fit = CORRECTION.fits[0]
    found = classified(RANDOM.choice(7, size=40, p=[0.5, 0, 0.2, 0, 0.3, 0, 0]))
    prior, strength = np.array(fit.shares), PRIOR_SECONDS / 60
    ratio = fit.probabilities(found) / prior

    def unlikely(scores: np.ndarray) -> float:
        shares = np.exp(scores) / np.exp(scores).sum()
        return float(-np.log(ratio @ shares).sum() - strength * prior @ np.log(shares))

    best = minimize(unlikely, np.zeros(7), tol=1e-10).x
    shares = np.exp(best) / np.exp(best).sum()
    expected = ratio * shares / (ratio @ shares)[:, None]
    chances = corrected(found, np.array([0]), np.array([60.0]), fit)
    assert chances.mean(axis=0) == pytest.approx(expected.mean(axis=0), abs=2e-3)
    assert chances.sum(axis=1) == pytest.approx(1)


def test_hours_do_not_touch_each_other() -> None:
    one, two = classified(np.full(60, 6)), classified(np.full(30, 2))
    together = corrected(np.concatenate([one, two]), np.array([0, 60]), np.array([60.0, 120.0]), CORRECTION.fits[0])
    alone = corrected(two, np.array([0]), np.array([120.0]), CORRECTION.fits[0])
    assert together[60:] == pytest.approx(alone, abs=1e-3)


def test_a_correction_of_two_classes_gives_probabilities() -> None:
    labels = np.arange(400) % 2
    second = np.clip(0.5 + 0.3 * (labels - 0.5) + RANDOM.normal(0, 0.2, 400), 0.01, 0.99)
    frames = Frames(np.stack([1 - second, second], axis=1), labels, np.datetime64("2015-01-01") + np.arange(400) % 20)
    fit = fit_correction(frames, ["a", "b"], ["a", "b"]).fits[0]
    found = fit.probabilities(np.array([[0.5, 0.5], [0.01, 0.99], [0.99, 0.01]]))
    assert found.sum(axis=1) == pytest.approx(1)
    assert found[0, 1] == pytest.approx(0.5, abs=0.1)
    assert found[1, 1] > 0.9
    assert found[2, 1] < 0.1


def test_classes_of_a_hidden_sky_take_no_part() -> None:
    judged = [name for name in CLASSES if name != "colored"]
    found = fit_correction(VALIDATION, CLASSES, judged)
    assert found.classes == judged
    assert found.frames == 1200
    assert np.shape(found.fits[0].weights) == (6, 6)


@pytest.mark.parametrize(
    ("frames", "judged", "said"),
    [
        (validation(nights=MIN_UNITS - 1), CLASSES, f"{MIN_UNITS - 1} validation nights"),
        (VALIDATION.of(VALIDATION.labels < 0), CLASSES, "0 validation nights"),
        (validation(7 * (LEAST_FRAMES - 1), nights=MIN_UNITS), CLASSES, "nights"),
        (
            validation().of(np.arange(1400) % 7 != 2),
            CLASSES,
            f"fewer than {LEAST_FRAMES} validation frames of arcs (0)",
        ),
        (VALIDATION, ["faint"], "fewer than two"),
    ],
)
def test_too_few_frames_give_no_correction_and_say_why(frames: Frames, judged: list[str], said: str) -> None:
    found = fit_correction(frames, CLASSES, judged)
    assert found.missing is not None
    assert said in found.missing
    assert found.fits == []


def test_a_correction_is_fitted_again_to_other_nights() -> None:
    assert len(CORRECTION.fits) == 1 + REFITS
    assert len({str(fit.weights) for fit in CORRECTION.fits}) == 1 + REFITS
    assert fit_correction(VALIDATION, CLASSES, CLASSES) == CORRECTION


def test_a_class_that_one_annotator_gives_counts_and_a_contradiction_does_not() -> None:
    """Frames on which all agree are the easy ones. Where only one says a class, it dominates the frame."""
    given = [("arcs", "arcs", "arcs"), (None, "arcs", "unknown"), (None, "rejected", "faint"), (None, "arcs", "patchy"),
             ("edge", "arcs", "edge"), (None, "unknown", None)]  # fmt: skip
    rows = pd.DataFrame(given * 100, columns=["label", "label_anna", "label_bertil"], dtype=object)
    classes = rows["label"].fillna(rows["label_anna"]).where(lambda name: name.isin(CLASSES), "faint")
    found = classified(classes.map(CLASSES.index).to_numpy())
    rows = rows.assign(night=np.datetime64("2015-01-01") + np.arange(600) % 20)
    rows[[f"p_{name}" for name in CLASSES]] = found
    correction = correction_of(rows, ["anna", "bertil"], PAPER.names)
    assert (correction.frames, correction.nights) == (400, 20)
    three = PAPER.names.model_copy(update={"hidden_sky": ("breakup", "colored", "discrete", "patchy", "rejected")})
    shares = dict(
        zip(("arcs", "edge", "faint"), correction_of(rows, ["anna", "bertil"], three).fits[0].shares, strict=True)
    )
    assert shares == {"arcs": 0.5, "edge": 0.25, "faint": 0.25}
    assert correction_of(rows, [], three).frames == 200  # of a published data set only the labels are known


def test_a_file_that_is_no_correction_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "correction.json"
    path.write_text(CORRECTION.model_dump_json())
    assert read_correction(str(path)) == CORRECTION
    path.write_text("{}")
    with pytest.raises(CorrectionError, match=r"correction.json: not a catalogue's"):
        read_correction(str(path))


def write_archive(folder: Path, nights: int) -> tuple[list[str], np.ndarray]:
    """Nights of one hour, whose classes last for a quarter of it; and the true shares of the classes."""
    counts = np.zeros(7)
    for day in range(nights):
        labels = np.repeat(RANDOM.choice(7, 4, p=[0.03, 0.02, 0.2, 0.05, 0.1, 0.1, 0.5]), 15)
        found = classified(labels)
        named = np.array(CLASSES)[found.argmax(axis=1)]
        columns = {f"p_{name}": found[:, i] for i, name in enumerate(CLASSES)}
        write_night(folder, named.tolist(), NIGHT + timedelta(day), **columns)
        counts += np.bincount(labels, minlength=7)
    return sorted(str(path) for path in folder.iterdir()), counts / counts.sum()


def test_the_table_has_both_shares_and_the_estimate_is_nearer(tmp_path: Path) -> None:
    months, truth = write_archive(tmp_path, 40)
    table = tabulate_occurrence(months, None, CORRECTION, PAPER)
    whole = table[table["by"] == "all"].set_index("label").reindex(CLASSES)
    assert (whole["method"] == "corrected").all()
    assert whole["estimate"].sum() == pytest.approx(1, abs=1e-5)
    assert np.abs(whole["estimate"] - truth).sum() < np.abs(whole["share"] - truth).sum() / 2
    assert ((whole["estimate_low"] <= truth) & (truth <= whole["estimate_high"])).mean() > 0.8
    aurora = table[(table["by"] == "all") & (table["label"] == "aurora")].iloc[0]
    assert aurora["estimate"] == pytest.approx(1 - whole.loc["faint", "estimate"], abs=1e-5)
    unseen = table[(table["by"] == "hour") & (table["value"] == 3)]
    assert unseen[["estimate", "estimate_low", "low", "nights_low"]].isna().all(axis=None)
    assert (unseen["method"] == "").all()


def test_an_interval_holds_the_uncertainty_of_the_correction_too(tmp_path: Path) -> None:
    """Fits that say different things make intervals wide where nights alone would make them narrow."""
    months, _ = write_archive(tmp_path, 40)

    def width(correction: Correction) -> pd.Series:
        table = tabulate_occurrence(months, None, correction, PAPER)
        whole = table[table["by"] == "all"].set_index("label").reindex(CLASSES)
        return whole["estimate_high"] - whole["estimate_low"]

    first = CORRECTION.fits[0]
    turned = Fit(weights=first.weights, offsets=list(np.roll(first.offsets, 1)), shares=first.shares)
    certain, doubtful = (CORRECTION.model_copy(update={"fits": [first, first, other]}) for other in (first, turned))
    assert (width(doubtful)[["patchy", "edge", "faint"]] > 1.5 * width(certain)[["patchy", "edge", "faint"]]).all()


def test_intervals_cover_as_often_as_they_say() -> None:
    """Twenty nights of hours, a rare class among them: nine in ten or more of the intervals hold the true share."""
    truth, covered = np.array([0.02, 0.1, 0.5]), []
    for _ in range(300):
        # In a night a label lasts for a fifth of each hour, or for two, …: frames are far from independent.
        shares = RANDOM.multinomial(5, [*truth, 1 - truth.sum()], (20, 6))[..., :3] / 5
        variances = shares.var(axis=0, ddof=1) / 20
        low, high = share_intervals(shares.mean(axis=0), variances, np.full((6, 3), 20))
        covered.append((low <= truth) & (truth <= high))
    found = np.mean(covered, axis=(0, 1))
    assert ((found > 0.92) & (found < 0.99)).all()
