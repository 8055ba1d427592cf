"""What a few labelled frames of a new camera are worth, from three beginnings: random weights, ImageNet's, the general.

Usage: python benchmarks/adaptation.py FOLDER PAPER

PAPER is the folder of `benchmarks/paper_size.py`, whose clean frames give the minutes, their labels and their nights.
Into FOLDER each is photographed with camera B of `benchmarks/cameras.py`, which the general classifier has not met; nor
has it met these nights. 100, 300 and 1,000 frames, drawn by chance from the training nights, are what somebody has
labelled. A network of the same kind as the general classifier is trained on them with two seeds from each beginning,
with the same settings, and tested on all frames of the test nights. Beside that, the general classifier as it is.
Prints macro F1 in Markdown: the mean, and in brackets both values.
"""

import sys
from datetime import date
from pathlib import Path

import cv2
import joblib
import numpy as np
import pandas as pd
from cameras import CAMERAS, Frames, read_minutes
from numpy.typing import NDArray
from paper_size import CONFIG, SEED

from norrsken.classify.general import general
from norrsken.config.models import Network
from norrsken.evaluation.scores import macro_scores
from norrsken.models import classifiers
from norrsken.paper import CLASSES
from norrsken.simulation.night import Night, scene

CAMERA, SEEDS = CAMERAS["B"], (0, 1)

#: How many frames are labelled, and how often the training passes over them.
EPOCHS = {100: 30, 300: 12, 1000: 6}

BEGINNINGS = {"random": "random weights", "package": "ImageNet's weights", "general": "the general classifier"}


def photograph(night: date, times: list[pd.Timestamp]) -> NDArray[np.uint8]:
    """The processed frames of some minutes of a night, through the JPEG of the camera's archive."""
    cv2.setNumThreads(1)
    drawn, images = Night.of(night, CONFIG.site, SEED), []
    for time in times:
        minute = round((time - pd.Timestamp(drawn.start)).total_seconds() / 60)
        images.append(scene(drawn, minute, CAMERA).processed())
    return np.stack(images)


def images_of(frames: Frames, path: Path) -> NDArray[np.uint8]:
    """The frames' images in their order, photographed where the file is not there."""
    if not path.exists():
        nights = np.unique(frames.nights).tolist()
        work = (joblib.delayed(photograph)(night, frames.times[frames.nights == night].tolist()) for night in nights)
        np.save(path, np.concatenate(joblib.Parallel(n_jobs=-1, batch_size=1)(work)))
    images: NDArray[np.uint8] = np.load(path)
    return images


def settings(beginning: str, epochs: int) -> Network:
    return Network(
        kind="network",
        architecture="tf_efficientnet_lite0",
        weights=beginning,
        level="dark",
        optimizer="adamw",
        weight_decay=0.05,
        learning_rate=1e-3 if beginning == "random" else 5e-4,
        batch_size=16,
        input_size=96,
        epochs=epochs,
        threads=joblib.cpu_count(),
    )


def main() -> None:
    folder, paper = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    train, test = read_minutes(paper, as_papers=True)
    images, tested = images_of(train, folder / "train.npy"), images_of(test, folder / "test.npy")

    def f1(probabilities: NDArray[np.floating]) -> float:
        return macro_scores(test.labels, probabilities.argmax(axis=1), len(CLASSES))["f1"]

    print(f"the general classifier as it is, {len(test.labels)} test frames: {f1(general().predict(tested)):.3f}\n")
    print("| frames | " + " | ".join(BEGINNINGS.values()) + " |\n|---|" + "---|" * len(BEGINNINGS), flush=True)
    for number, epochs in EPOCHS.items():
        cells = []
        for beginning in BEGINNINGS:
            found = []
            for seed in SEEDS:
                rows = np.random.default_rng(seed).permutation(len(images))[:number]
                classifier = classifiers.build(settings(beginning, epochs), seed, len(CLASSES))
                classifier.fit(images[rows], train.labels[rows])
                found.append(f1(classifier.predict(tested).probabilities))
            cells.append(f"{np.mean(found):.3f} ({', '.join(f'{one:.3f}' for one in found)})")
        print(f"| {number:,} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
