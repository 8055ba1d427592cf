"""What a catalogue's models say of labelled frames, alone or smoothed over their nights, and how they are smoothed."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from norrsken import tables
from norrsken.classify.ambiguous import said_of
from norrsken.classify.classifier_file import Smoothing
from norrsken.classify.model import FrameClassifier
from norrsken.evaluation.calibration import tempered
from norrsken.evaluation.smoothing import fit_rates, fit_smoothing

#: Calibrated probabilities of frames of `labelled.parquet`: ids (n,) → (n, classes).
Said = Callable[[NDArray[np.str_]], NDArray[np.float64]]


def said_alone(runs: Sequence[FrameClassifier], labelled: str, temperature: float) -> Said:
    """What the runs of a model say together of each frame; of a sequence, between its neighbours."""
    return lambda frame_ids: tempered(said_of(runs, labelled, frame_ids).mean(axis=0), temperature)


def smoothed(
    alone: Said, labelled: str, trained: pd.Series, validated: pd.Series, others: NDArray[np.datetime64], classes: int
) -> tuple[Smoothing, Said]:
    """How what is said of frames alone is smoothed, and what is said then of frames of these nights.

    trained, validated: codes of the labels, by frame id: the rates are those of the first, speed and weight fit the
    second. others: more nights whose frames shall be smoothed. All frames of the nights in `labelled.parquet` count,
    whatever their labels, and neighbours too.
    """
    held = tables.read_without_images(labelled)[["frame_id", "time", "night"]].sort_values("time")
    times = held["time"].dt.tz_localize(None).to_numpy("datetime64[ms]").astype(np.int64)
    numbers, nights = pd.factorize(held["night"])[0].astype(np.int64), held["night"].to_numpy("datetime64[D]")
    learnt = held["frame_id"].map(trained)
    known = learnt.notna().to_numpy()
    rates = fit_rates(learnt[known].to_numpy(np.int64), times[known], numbers[known], classes)
    judged = held["frame_id"].isin(validated.index).to_numpy()
    fitted = np.isin(nights, np.unique(nights[judged]))
    shown = fitted | np.isin(nights, others)
    frame_ids = held["frame_id"].to_numpy(str)
    probabilities = np.full((len(held), classes), np.nan)
    probabilities[shown] = alone(frame_ids[shown])
    codes = held["frame_id"].map(validated).fillna(-1).to_numpy(np.int64)
    speed, weight = fit_smoothing(probabilities[fitted], times[fitted], numbers[fitted], codes[fitted], rates)
    smoothing = Smoothing(rates=rates.round(6).tolist(), speed=speed, weight=weight)
    probabilities[shown] = smoothing.smooth(probabilities[shown], times[shown], numbers[shown])
    places = pd.Index(frame_ids)
    return smoothing, lambda wanted: probabilities[places.get_indexer(pd.Index(wanted))]
