"""How hard the simulated classes are: a clean set of the paper's size, divided by night, and what three models score.

Draws nights of the decade, looks at every fourth minute, lets the annotators label what they would be offered, and
draws only the frames on which they agree. Usage: python benchmarks/difficulty.py [NIGHTS [EPOCHS]]; with the defaults
about ten minutes of drawing and forty of training on two cores.
"""

import sys
import time
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path

import cv2
import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from norrsken.classes import CLASSES
from norrsken.config import Hog, LinearSvm, Model, NearestNeighbours, Network, Split, load
from norrsken.dataset import divide
from norrsken.features import histogram_of_gradients
from norrsken.images import process
from norrsken.models import build
from norrsken.scores import macro_scores
from norrsken.simulation import annotators
from norrsken.simulation.night import Night, scene
from norrsken.simulation.truth import SPAN, worth_labelling

CONFIG = load(Path(__file__).parent.parent / "config.yaml")
CAMERA = CONFIG.cameras[0]
SEED, EVERY = 0, 4
TRAIN, TEST = 3000, 846


def label_night(night: date) -> tuple[pd.DataFrame, NDArray[np.uint8]] | None:
    """The labels of a night's offered frames, and the processed frames on which the annotators agree."""
    cv2.setNumThreads(1)
    drawn = Night.of(night, CONFIG.site, SEED)
    dark = drawn.dark(CONFIG.filter)
    minutes = [minute for minute in drawn.minutes() if dark[minute] and minute % EVERY == 0]
    scenes = [scene(drawn, minute, CAMERA) for minute in minutes]
    truth = pd.DataFrame([{"spoilt": shown.spoilt, **asdict(shown.shares)} for shown in scenes])
    if truth.empty:
        return None
    truth["night"] = night
    truth["time"] = [pd.Timestamp(drawn.time(minute)) for minute in minutes]
    truth = truth[worth_labelling(truth, pd.Series(True, truth.index), SPAN // EVERY)]
    if truth.empty:
        return None
    one, two = (annotators.annotate(truth, annotator, SEED) for annotator in (0, 1))
    truth = truth.assign(one=one, two=two, clean=(one == two) & np.isin(one, CLASSES))
    images = [process(scenes[i].photograph(), CAMERA) for i in truth.index[truth["clean"]]]
    return truth, np.array(images, np.uint8).reshape(-1, 128, 128, 3)


def draw(nights: int) -> tuple[pd.DataFrame, NDArray[np.uint8]]:
    random = np.random.default_rng(SEED)
    days = [date(2010, 1, 1) + timedelta(days=int(day)) for day in random.permutation(3652)]
    season = [day for day in days if not (5, 1) < (day.month, day.day) < (8, 15)][:nights]
    made = joblib.Parallel(n_jobs=-1, batch_size=1)(joblib.delayed(label_night)(day) for day in sorted(season))
    some = [night for night in made if night is not None]
    return pd.concat([truth for truth, _ in some]), np.concatenate([images for _, images in some])


def report_labels(labelled: pd.DataFrame) -> None:
    one, two, clean = labelled["one"], labelled["two"], labelled["clean"]
    fits = one.isin(CLASSES) & two.isin(CLASSES)
    print(f"{len(labelled)} frames of {labelled['night'].nunique()} nights labelled twice")
    print(f"  clean {clean.mean():.3f} (paper 0.274), disagreement {(one != two).mean():.3f} (0.462)")
    for name, paper in (("unknown", 0.188), ("rejected", 0.077)):
        print(f"  both {name} {((one == name) & (two == name)).mean():.3f} ({paper})")
    print(f"  same label where both take it to fit a class {(one == two)[fits].mean():.3f} (0.95)")
    print("  clean frames by class:", one[clean].value_counts(normalize=True).reindex(CLASSES).round(3).to_dict())
    print("  paper: breakup 0.038 colored 0.035 arcs 0.216 discrete 0.050 patchy 0.559 edge 0.056 faint 0.046")


def main() -> None:
    nights, epochs = (int(given) for given in (sys.argv[1:] + ["680", "8"][len(sys.argv) - 1 :]))
    start = time.perf_counter()
    labelled, images = draw(nights)
    print(f"drawn in {time.perf_counter() - start:.0f} s")
    report_labels(labelled)
    clean = labelled[labelled["clean"]]
    few = np.sort(np.random.default_rng(SEED).permutation(len(clean))[: TRAIN + TEST])
    clean, images = clean.iloc[few], images[few]
    labels = clean["one"].to_numpy().astype(str)
    split = Split(method="night", test_share=TEST / (TRAIN + TEST), seed=SEED)
    test = divide(labels, clean["night"].to_numpy().astype("datetime64[D]"), split)
    codes = np.array([CLASSES.index(label) for label in labels])
    hog = Hog(kind="hog")
    features = np.array(joblib.Parallel(n_jobs=-1)(joblib.delayed(histogram_of_gradients)(i, hog) for i in images))
    models: list[tuple[Model, NDArray[np.generic]]] = [
        (NearestNeighbours(kind="nearest-neighbours", features="hog", neighbours=3), features),
        (LinearSvm(kind="linear-svm", features="hog"), features),
        (Network(kind="network", architecture="resnet18", epochs=epochs, validation_share=0, threads=2), images),
    ]
    print(f"{(~test).sum()} training and {test.sum()} test frames, {np.bincount(codes[test], minlength=7)} by class")
    for settings, inputs in models:
        model = build(settings, SEED)
        model.fit(np.ascontiguousarray(inputs[~test]), codes[~test])
        predicted = model.predict(inputs[test]).probabilities.argmax(axis=1)
        scores = macro_scores(codes[test], predicted)
        print(f"{settings.kind}: macro F1 {scores['f1']:.3f}, rows truth, columns predicted: {', '.join(CLASSES)}")
        print(confusion_matrix(codes[test], predicted, labels=range(len(CLASSES))))


if __name__ == "__main__":
    main()
