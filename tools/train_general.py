"""Makes the general classifier that comes with norrsken, of the simulated sky and of ImageNet's weights alone.

Usage: python tools/train_general.py FOLDER [SEED]

Into FOLDER the frames are drawn first (`many_cameras.py`), and there the trained network is kept: what is there is not
made again. The network is trained with SEED (0) on the frames of five of
seven nights, each through three random cameras and the reference camera. The nights that are left, and their cameras,
are new to it: one half of them decides temperature, limits and what is familiar, the other half tells how good all this
is. Writes `norrsken/general/`.
"""

import logging
import sys
from pathlib import Path

import numpy as np
from many_cameras import CONFIG, Drawn, drawn
from numpy.typing import NDArray
from safetensors.torch import load_file

from norrsken import __version__, stages
from norrsken.catalogue.calibrate import class_limits, fit_temperature, least_confidence
from norrsken.catalogue.judge import Frames, judge
from norrsken.classify.classifier_file import Classifier, FamiliarityLimit, Member, Seen, tempered
from norrsken.classify.familiarity import Familiarity
from norrsken.classify.general import CLASSIFIER, NAME
from norrsken.classify.model import FrameClassifier
from norrsken.config.jobs import RunSettings
from norrsken.config.models import Network
from norrsken.config.site import FrameSource
from norrsken.files import digest, write_json
from norrsken.models import classifiers
from norrsken.models.checkpoint import save_tensors
from norrsken.models.interface import Card
from norrsken.paper import CLASSES

SETTINGS = Network(
    kind="network",
    architecture="tf_efficientnet_lite0",
    weights="package",
    level="dark",
    cameras="mild",
    optimizer="adamw",
    weight_decay=0.05,
    learning_rate=1e-3,
    epochs=6,
    input_size=96,
    threads=1,
)

#: The precision that the classified frames shall reach, as a release asks for it where it says nothing.
PRECISION = 0.9

#: The layers whose maps tell what is familiar, and the share of familiar frames that are given up.
LAYERS, MISSED = ("blocks.1", "blocks.2", "blocks.4", "blocks.6"), 0.02


def inputs_of(frames: Drawn) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.datetime64]]:
    """Images, codes of labels, and nights."""
    table = frames.table
    codes = np.array([CLASSES.index(label) for label in table["label"]], np.int64)
    return frames.images, codes, table["night"].to_numpy("datetime64[D]")


def card(seed: int) -> Card:
    """What the model's file says of it: its frames are on the reference grid."""
    source = FrameSource(processing=stages.PROCESSING, cameras=CONFIG.cameras, up=CONFIG.site.up)
    run = RunSettings(name=NAME, model=SETTINGS, features=None)
    return Card(
        classes=list(CLASSES),
        run=run,
        split="simulated",
        seed=seed,
        frames=source,
        extractor=None,
        program_version=__version__,
    )


def halve(path: Path, output: Path, about: Card) -> None:
    """Write a model with numbers of 16 bits, so that its file is half as large."""
    tensors = load_file(path)
    exact = ("mean", "std")
    halves = {key: t.half() if t.is_floating_point() and key not in exact else t for key, t in tensors.items()}
    save_tensors(output, halves, about.plain())


def maps(model: FrameClassifier, frames: Drawn) -> NDArray[np.float32]:
    """What the layers see of frames: (n, m)."""
    found = model.classifier.predict(frames.images, LAYERS).maps
    assert found is not None
    return found


def main() -> None:
    folder, seed = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    frames = drawn(folder)
    table = frames.table
    clean, others, random = table["label"] != "", table["condition"].isin(("clear", "cloudy")), table["camera"] > 0
    of_part = {part: table["part"] == part for part in ("train", "validation", "test")}

    whole = folder / f"model-{seed}.safetensors"
    if not whole.exists():
        images, labels, _ = inputs_of(frames.where(clean & of_part["train"]))
        classifier = classifiers.build(SETTINGS, seed, len(CLASSES))
        classifier.fit(images, labels)
        classifier.save(whole, card(seed))
    model = CLASSIFIER.with_name("model.safetensors")
    model.parent.mkdir(exist_ok=True)
    halve(whole, model, card(seed))

    trained = FrameClassifier(model)
    judged = {}
    for part in ("validation", "test"):
        images, labels, nights = inputs_of(frames.where(clean & random & of_part[part]))
        judged[part] = Frames(np.asarray(trained.predict(images), np.float64), labels, nights)
    temperature = fit_temperature(judged["validation"].probabilities, judged["validation"].labels)
    judged = {
        name: one._replace(probabilities=tempered(one.probabilities, temperature)) for name, one in judged.items()
    }
    least = least_confidence(judged["validation"], PRECISION)
    limits = class_limits(judged["validation"], least, PRECISION, CLASSES)
    confidences = np.array([limits[name].confidence for name in CLASSES])

    found = {part: maps(trained, frames.where(random & (clean | others) & rows)) for part, rows in of_part.items()}
    measure = Familiarity.fit(found["train"], found["validation"])
    measure.write(CLASSIFIER.with_name("familiarity.safetensors"))
    unseen = measure.of(found["test"])
    result = Classifier(
        name=NAME,
        members=[Member(path=model.name, sha256=str(digest(model)))],
        temperature=temperature,
        fitted_on="ensemble",
        asked_precision=PRECISION,
        least_confidence=least,
        limits=limits,
        aurora=None,
        familiarity=FamiliarityLimit(
            path="familiarity.safetensors",
            sha256=str(digest(CLASSIFIER.with_name("familiarity.safetensors"))),
            layers=list(LAYERS),
            limit=MISSED,
            unseen=round(float((unseen < MISSED).mean()), 4),
        ),
        validation=judge(judged["validation"], confidences, None, CLASSES),
        test=judge(judged["test"], confidences, None, CLASSES),
        seen=Seen(train=[], validation=[], test=[]),
    )
    write_json(result.plain(), CLASSIFIER)
    print(result.test)


if __name__ == "__main__":
    main()
