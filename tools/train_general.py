"""Makes the general classifier that comes with norrsken, of the simulated sky and of ImageNet's weights alone.

Usage: python tools/train_general.py FOLDER

Into FOLDER the frames are drawn first (`many_cameras.py`), and there the trained networks are kept: what is there is
not made again. They are trained with two seeds on the frames of five of seven nights, each through three random cameras
and the reference camera. The nights that are left, and their cameras, are new to them: one half decides temperature,
limits and what is familiar, the other half tells how good all this is; of the nights of the first half, every second
one decides only which classes cannot be excluded. Writes `norrsken/general/`.
"""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from many_cameras import CONFIG, Drawn, drawn
from numpy.typing import NDArray
from safetensors.torch import load_file

from norrsken import __version__, stages
from norrsken.catalogue.calibrate import least_confidence
from norrsken.catalogue.judge import Frames, joined, judge, number_of_nights
from norrsken.catalogue.sets import make_sets
from norrsken.classify.classifier_file import Classifier, FamiliarityLimit, Limit, Member, Seen
from norrsken.classify.familiarity import Familiarity
from norrsken.classify.general import CLASSIFIER
from norrsken.classify.model import FrameClassifier
from norrsken.config.general import GENERAL, PRECISION
from norrsken.config.jobs import RunSettings
from norrsken.config.models import Network
from norrsken.config.site import FrameSource
from norrsken.evaluation.calibration import fit_temperature
from norrsken.evaluation.scores import macro_scores
from norrsken.evaluation.validation import nights_aside
from norrsken.files import digest, write_json
from norrsken.models import classifiers
from norrsken.models.checkpoint import save_tensors
from norrsken.models.interface import Card
from norrsken.models.random_cameras import seen_by_others
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

#: The seeds of the networks that are averaged.
SEEDS = (0, 1)

#: How often the validation frames are seen through strongly different cameras, beside once as they are, where the
#: limits are fitted.
STRANGE = 2

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
    run = RunSettings(name=GENERAL, model=SETTINGS, features=None)
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


def as_others_see(images: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """Frames as cameras would have taken them that differ strongly from those that took them: (n, 128, 128, 3)."""
    random, changed = torch.Generator().manual_seed(seed), np.empty_like(images)
    for start in range(0, len(images), 128):
        part = torch.from_numpy(images[start : start + 128]).permute(0, 3, 1, 2)
        seen = seen_by_others(part, random, "strong").round().clamp(0, 255).byte()
        changed[start : start + 128] = seen.permute(0, 2, 3, 1).numpy()
    return changed


def trained(folder: Path, seed: int, frames: Drawn) -> FrameClassifier:
    """The network of a seed, trained where the folder does not have it; writes its file."""
    whole, model = folder / f"model-{seed}.safetensors", CLASSIFIER.with_name(f"model-{seed}.safetensors")
    if not whole.exists():
        images, labels, _ = inputs_of(frames)
        classifier = classifiers.build(SETTINGS, seed, len(CLASSES))
        classifier.fit(images, labels)
        classifier.save(whole, card(seed))
    halve(whole, model, card(seed))
    return FrameClassifier(model)


def predicted(members: Sequence[FrameClassifier], frames: Drawn, images: NDArray[np.uint8]) -> Frames:
    """What the networks say together of frames, or of others in their place."""
    _, labels, nights = inputs_of(frames)
    said = np.stack([member.predict(images) for member in members])
    return Frames(said.mean(axis=0, dtype=np.float64), labels, nights)


def seen_alike_and_strangely(members: Sequence[FrameClassifier], frames: Drawn) -> tuple[Frames, Frames]:
    """What the networks say of frames, and of these and the same through cameras less like those of the training.

    Limits shall hold for cameras that are less like these than these are like each other.
    """
    alike = predicted(members, frames, frames.images)
    return alike, joined(
        [alike, *(predicted(members, frames, as_others_see(frames.images, k)) for k in range(STRANGE))]
    )


def main() -> None:
    folder = Path(sys.argv[1])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    frames = drawn(folder)
    table = frames.table
    clean, weather, random = table["label"] != "", table["condition"].isin(("clear", "cloudy")), table["camera"] > 0
    of_part = {part: table["part"] == part for part in ("train", "validation", "test")}
    CLASSIFIER.parent.mkdir(exist_ok=True)
    members = [trained(folder, seed, frames.where(clean & of_part["train"])) for seed in SEEDS]

    kept_out, shown = seen_alike_and_strangely(members, frames.where(clean & random & of_part["validation"]))
    aside = nights_aside(pd.Series(kept_out.nights))
    validation, fitted = (part.of(~np.isin(part.nights, aside)) for part in (kept_out, shown))
    temperature = fit_temperature(fitted.probabilities, fitted.labels)
    least = least_confidence(fitted.tempered(temperature), PRECISION)
    # Rare classes have too few frames for limits of their own, which would be those of a few nights and cameras.
    counts = validation.probabilities.argmax(axis=1)
    limits = {
        name: Limit(
            confidence=least,
            frames=int((counts == code).sum()),
            nights=number_of_nights(validation.nights[counts == code]),
            of="all",
        )
        for code, name in enumerate(CLASSES)
    }
    some = frames.where(clean & random & of_part["test"])
    test, strange = seen_alike_and_strangely(members, some)
    calibration, judged = (part.tempered(temperature) for part in (shown.of(np.isin(shown.nights, aside)), strange))
    confidences = np.full(len(CLASSES), least)

    found = {part: maps(members[0], frames.where(random & (clean | weather) & rows)) for part, rows in of_part.items()}
    measure, file = (
        Familiarity.fit(found["train"], found["validation"]),
        CLASSIFIER.with_name("familiarity.safetensors"),
    )
    measure.write(file)
    result = Classifier(
        name=GENERAL,
        members=[Member(path=Path(member.path).name, sha256=member.digest) for member in members],
        temperature=temperature,
        fitted_on="ensemble",
        asked_precision=PRECISION,
        least_confidence=least,
        limits=limits,
        aurora=None,
        familiarity=FamiliarityLimit(
            path=file.name,
            sha256=str(digest(file)),
            layers=list(LAYERS),
            limit=MISSED,
            unseen=round(float((measure.of(found["test"]) < MISSED).mean()), 4),
        ),
        validation=judge(validation.tempered(temperature), confidences, None, CLASSES),
        test=judge(test.tempered(temperature), confidences, None, CLASSES),
        sets=make_sets(calibration, judged, np.ones(len(judged.labels), bool), CLASSES),
        seen=Seen(train=[], validation=[], test=[]),
    )
    write_json(result.plain(), CLASSIFIER)
    for member in members:
        alone = predicted([member], some, some.images)
        said = alone.probabilities.argmax(axis=1)
        print(f"{member.path}: macro F1 on test nights {macro_scores(alone.labels, said, len(CLASSES))['f1']:.3f}")
    print(result.test)


if __name__ == "__main__":
    main()
