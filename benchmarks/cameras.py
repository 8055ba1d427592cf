"""Transfer between cameras: the same simulated nights through four of them; trained on one, tested on the others.

Usage: python benchmarks/cameras.py FOLDER PAPER [--weights FILE] [--workers N] [--first-only | --models MODEL …]

PAPER is the folder of `benchmarks/paper_size.py`, whose clean frames give the minutes, their labels and their nights;
no night is both trained and tested on. Into FOLDER each of these minutes is photographed once with each camera, as the
JPEG that its archive would hold: 1.4 GB. Camera A is Kiruna's. The others differ from it in frame, lens, response,
tone, noise, vignetting and JPEG quality.

Their frames are processed as they come, turned and averaged as near to the reference grid as the four steps can; with
the lens; with lens and colours. The configured lens, response and tone are each wrong by a drawn error, four times:
north and zenith by 1° each, and the horizon by as much as puts what is 47° from the zenith 1° wrong; each number of
the response by 10 %; the exponent of the tone by 0.1. Only signs and the zenith's way are drawn, so that every error is
as large as it may be; every second draw is the opposite of the one before. Beside that, lens and colours without an
error. What is known of A is exact: it is the reference.

A linear model on the scores of EfficientNet-Lite0, with the weights of the package or of FILE, is trained with three
seeds on camera A, and then, but with --first-only, on each other camera, with two draws. With --models, these trained
models of `benchmarks/paper_size.py`, which are runs of one model, are judged in its place, on the test nights that they
have not seen. Prints macro F1 on the test nights in Markdown: the mean, and in brackets the least and the largest over
seeds and draws.
"""

import argparse
import itertools
import math
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import joblib
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from calibration import MODEL
from numpy.typing import NDArray
from paper_size import CAMERA as KIRUNAS
from paper_size import CONFIG, SEED, SEEDS

from norrsken.classify.model import FrameClassifier
from norrsken.config.colour import DEFAULT_TONE, Tone
from norrsken.config.lens import KIRUNA_LENS, Lens
from norrsken.config.models import Pretrained
from norrsken.config.site import CROP, Camera, SimulatedCamera
from norrsken.config.splits import Split
from norrsken.dataset.splits import divide
from norrsken.evaluation.scores import scores_by_class
from norrsken.files import written_aside
from norrsken.lens import CELL
from norrsken.models.classifiers import build
from norrsken.nights.images import process, read_frame
from norrsken.paper import CLASSES
from norrsken.simulation.exposure import encode
from norrsken.simulation.night import Night, scene
from norrsken.training.features import Extractor

#: Share of the clean frames, in whole nights, that are tested on.
TEST_SHARE = 0.4

DRAWS, UP, INPUT_SIZE = (1, 2, 3, 4), CONFIG.site.up, 160

#: The drawn errors: of directions, degrees; of each number of the response, a share; of the tone's exponent. EDGE is
#: the angle from the zenith, degrees, at which the horizon's error shows as one of a direction.
DIRECTION, RESPONSE, EXPONENT, EDGE = 1.0, 0.1, 0.1, 47.0

PATTERN = "{time:%Y%m%dT%H%M%S}.jpg"

CAMERAS = {
    "A": KIRUNAS,
    "B": Camera(
        name="B", valid_from=date(2009, 1, 1), width=744, height=744, pattern=PATTERN,
        lens=Lens(zenith=(368.0, 376.0), horizon=350, projection="equidistant", north=12, east="left"),
        response={427.8: (0.12, 0.20, 0.70), 557.7: (0.32, 0.85, 0.18), 630.0: (0.42, 0.12, 0.05)}, tone=1.8,
        simulated=SimulatedCamera(noise=0.7, vignetting=0.2, quality=90),
    ),
    "C": Camera(
        name="C", valid_from=date(2009, 1, 1), width=640, height=480, pattern=PATTERN,
        lens=Lens(zenith=(325.0, 236.0), horizon=225, projection="equisolid", north=200, east="right"),
        response={427.8: (0.10, 0.14, 0.85), 557.7: (0.15, 0.80, 0.14), 630.0: (0.24, 0.04, 0.03)}, tone=2.6,
        simulated=SimulatedCamera(noise=2.0, vignetting=0.5, quality=80),
    ),
    "D": Camera(
        name="D", valid_from=date(2009, 1, 1), width=1024, height=1024, pattern=PATTERN,
        lens=Lens(zenith=(520.0, 505.0), horizon=490, alpha=0.6, north=290, east="right"),
        response={427.8: (0.22, 0.12, 0.50), 557.7: (0.30, 0.75, 0.12), 630.0: (0.60, 0.10, 0.05)},
        tone=[(0, 0), (20, 0.003), (50, 0.02), (90, 0.075), (140, 0.22), (190, 0.48), (225, 0.74), (255, 1)],
        simulated=SimulatedCamera(noise=0.5, vignetting=0.45, quality=95),
    ),
}  # fmt: skip


OTHERS = [name for name in CAMERAS if name != "A"]


class View(NamedTuple):
    """How the frames of a camera are processed. draw: of the errors; 0 where nothing is wrong, or nothing is used."""

    camera: str
    variant: str
    draw: int


AS_THEY_COME, GEOMETRY, BOTH, EXACT = "as they come", "geometry", "geometry and colour", "both, without errors"
PAIRS = {AS_THEY_COME: (0,), GEOMETRY: DRAWS[:2], BOTH: DRAWS[:2]}
VARIANTS = {AS_THEY_COME: (0,), GEOMETRY: DRAWS, BOTH: DRAWS, EXACT: (0,)}


class Frames(NamedTuple):
    """Some of the clean frames, in order of time. labels: codes in class order."""

    nights: NDArray[np.datetime64]
    times: pd.Series
    labels: NDArray[np.int64]


def read_minutes(paper: Path, as_papers: bool) -> tuple[Frames, Frames]:
    """The clean frames to train and to test on. as_papers: divided as the models of `paper_size.py` know them."""
    columns = ["time", "night", "label", "split_night"]
    frames = pq.read_table(paper / "dataset.parquet", columns=columns).to_pandas()
    frames = frames.sort_values("time", ignore_index=True)
    labels, nights = frames["label"].to_numpy(str), frames["night"].to_numpy().astype("datetime64[D]")
    if as_papers:
        test = frames["split_night"].to_numpy() == "test"
    else:
        test = divide(labels, nights, Split(method="night", test_share=TEST_SHARE, seed=SEED), CLASSES)
    codes = np.array([CLASSES.index(label) for label in labels])
    train, tested = (
        Frames(nights[part], frames["time"][part].reset_index(drop=True), codes[part]) for part in (~test, test)
    )
    return train, tested


def path_of(folder: Path, camera: str, time: pd.Timestamp) -> Path:
    return folder / camera / f"{time:%Y%m%dT%H%M%S}.jpg"


def photograph(folder: Path, night: date, times: list[pd.Timestamp]) -> None:
    """Write the frames of some minutes of a night with all cameras, but for those that are there."""
    cv2.setNumThreads(1)
    drawn = Night.of(night, CONFIG.site, SEED)
    for time, (name, camera) in itertools.product(times, CAMERAS.items()):
        path = path_of(folder, name, time)
        if not path.exists():
            minute = round((time - pd.Timestamp(drawn.start)).total_seconds() / 60)
            with written_aside(path) as part:
                part.write_bytes(encode(scene(drawn, minute, camera).photograph(), camera.simulated.quality))


def photograph_all(folder: Path, frames: Frames, workers: int) -> None:
    """Write the frames of all their nights with all cameras."""
    nights = {night: frames.times[frames.nights == night].tolist() for night in np.unique(frames.nights).tolist()}
    work = (joblib.delayed(photograph)(folder, night, times) for night, times in nights.items())
    joblib.Parallel(n_jobs=workers, batch_size=1)(work)


def as_it_comes(camera: Camera) -> Camera:
    """The camera without its lens: turned by right angles, flipped and averaged as near to the grid as can be."""
    lens = camera.lens
    if lens is None:
        return camera
    rotate = 90 * round(-(lens.north + lens.sense * UP) / 90) % 360
    block = min(round(CELL * lens.scale / KIRUNA_LENS.scale), min(camera.width, camera.height) // CROP)
    turned = {"rotate": rotate, "flip": lens.east == "left", "block": max(block, 1)}
    return camera.model_copy(update={"lens": None, **turned})


def radius(lens: Lens, zenith: float) -> float:
    """Distance from the zenith, pixels, at which the lens puts a zenith angle in degrees."""
    x, y = lens.pixel(math.radians(zenith), 0.0)
    return math.hypot(x - lens.zenith[0], y - lens.zenith[1])


def mistaken_lens(lens: Lens, random: np.random.Generator, sign: int) -> Lens:
    north, edge = sign * random.choice([-DIRECTION, DIRECTION], 2)
    way, length = random.uniform(0, 2 * math.pi), sign * math.radians(DIRECTION) * lens.scale
    zenith = lens.zenith[0] + length * math.cos(way), lens.zenith[1] + length * math.sin(way)
    horizon = lens.horizon * radius(lens, EDGE + edge) / radius(lens, EDGE)
    return lens.model_copy(update={"north": lens.north + float(north), "zenith": zenith, "horizon": horizon})


def mistaken_tone(tone: Tone, error: float) -> Tone:
    """The tone with another exponent; a curve has about that of the reference camera."""
    if isinstance(tone, list):
        return [(level, light ** (1 + error / DEFAULT_TONE)) for level, light in tone]
    return tone + error


def mistaken(camera: Camera, draw: int) -> Camera:
    """The camera as it is configured: lens, response and tone are wrong. Draws 1 and 2, 3 and 4 are opposite."""
    random, sign = np.random.default_rng([SEED, ord(camera.name), (draw + 1) // 2]), 1 if draw % 2 else -1
    lens = None if camera.lens is None else mistaken_lens(camera.lens, random, sign)
    response = {
        line: tuple((np.array(value) * (1 + sign * random.choice([-RESPONSE, RESPONSE], 3))).tolist())
        for line, value in camera.response.items()
    }
    tone = mistaken_tone(camera.tone, sign * float(random.choice([-EXPONENT, EXPONENT])))
    return camera.model_copy(update={"lens": lens, "response": response, "tone": tone})


@cache
def configured(view: View) -> Camera:
    """The camera as it is configured for a view of its frames."""
    camera = CAMERAS[view.camera]
    if view.camera == "A":  # the reference: its grid and its colours are right by definition
        return camera
    if view.variant == AS_THEY_COME:
        return as_it_comes(camera)
    if view.draw:
        camera = mistaken(camera, view.draw)
    return camera if view.variant == GEOMETRY else camera.model_copy(update={"colour": "response"})


def processed(folder: Path, view: View, times: pd.Series) -> NDArray[np.uint8]:
    camera = configured(view)
    images = [process(read_frame(path_of(folder, view.camera, time), camera), camera, UP) for time in times]
    return np.array(images, np.uint8)


class Features:
    """The features of frames by view, computed once and kept in FOLDER."""

    def __init__(self, folder: Path, weights: str, threads: int) -> None:
        self._folder = folder
        settings = {"kind": "pretrained", "network": "tf_efficientnet_lite0", "weights": weights, "threads": threads}
        self._extractor = Extractor(Pretrained.model_validate(settings | {"input_size": INPUT_SIZE}))

    def of(self, view: View, part: str, frames: Frames) -> NDArray[np.float32]:
        """The features of frames of the part `train` or `test`: (n, 1000)."""
        if view.camera == "A":  # all its views are one
            view = View("A", AS_THEY_COME, 0)
        path = self._folder / "features" / f"{view.camera}-{view.variant}-{view.draw}-{part}.npy"
        if not path.exists():
            features = self._extractor(processed(self._folder, view, frames.times))
            with written_aside(path) as aside, aside.open("wb") as file:
                np.save(file, features)
        features = np.load(path)
        if len(features) != len(frames.labels):
            raise ValueError(f"{path} is of other frames; remove {path.parent}")
        return np.asarray(features, np.float32)


def scored(trained: str, view: View, labels: NDArray[np.int64], said: NDArray[np.int64]) -> dict[str, Any]:
    """A row: what a model that was trained on a camera scores on the test frames of a view."""
    by_class = scores_by_class(labels, said, CLASSES)
    f1 = {label: by_class[label]["f1"] for label in CLASSES}
    return {"trained": trained, **view._asdict(), "f1": np.mean(list(f1.values())), **f1}


def transferred(trained: View, tested: list[View], features: Features, train: Frames, test: Frames) -> pd.DataFrame:
    """Scores of models that are trained on one view, on the test frames of others: a row for each view and seed."""
    inputs, rows = features.of(trained, "train", train), []
    for seed in SEEDS:
        model = build(MODEL, seed, len(CLASSES), inputs.shape[1])
        model.fit(inputs, train.labels)
        for view in tested:
            said = model.predict(features.of(view, "test", test)).probabilities.argmax(axis=1)
            rows.append(scored(trained.camera, view, test.labels, said))
    return pd.DataFrame(rows)


def judged(models: list[str], tested: list[View], folder: Path, test: Frames) -> pd.DataFrame:
    """Scores of trained models on the test frames of views, which are processed once: a row for each view and model."""
    classifiers, rows = [FrameClassifier(path) for path in models], []
    if any(list(classifier.classes) != list(CLASSES) for classifier in classifiers):
        raise SystemExit(f"the models do not have the classes {', '.join(CLASSES)}, in this order")
    for view in tested:
        if view.camera == "A" and view.variant != AS_THEY_COME:  # all its views are one
            continue
        images = processed(folder, view, test.times)
        said = (classifier.predict(images).argmax(axis=1) for classifier in classifiers)
        rows += [scored("A", view, test.labels, codes) for codes in said]
    return pd.DataFrame(rows)


def views(variants: dict[str, tuple[int, ...]]) -> list[View]:
    """All views of all cameras."""
    return [View(name, variant, draw) for name in CAMERAS for variant, draws in variants.items() for draw in draws]


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def head(*cells: str) -> str:
    return f"\n{row(*cells)}\n{row(*['---'] * len(cells))}"


def cell(values: pd.Series) -> str:
    return f"{values.mean():.3f} ({values.min():.3f}–{values.max():.3f})"


def show_first(scores: pd.DataFrame) -> None:
    """Print what models of camera A score on the others. scores: those of all that were trained on it."""
    own = scores[(scores["camera"] == "A") & (scores["variant"] == AS_THEY_COME)]
    others = scores[scores["camera"] != "A"]
    f1 = {(str(name), str(variant)): part for (name, variant), part in others.groupby(["camera", "variant"])["f1"]}
    print(head("tested on", *VARIANTS))
    print(row("A itself", cell(own["f1"]), *[""] * (len(VARIANTS) - 1)))
    for name in OTHERS:
        print(row(name, *(cell(f1[name, variant]) for variant in VARIANTS)))
    means = [np.mean([f1[name, variant].mean() for name in OTHERS]) for variant in VARIANTS]
    print(row("mean of B, C and D", *(f"{mean:.3f}" for mean in means)))
    print(row("less than A itself, points", *(f"{100 * (own['f1'].mean() - mean):.1f}" for mean in means)))
    print(head("F1 by class", *CLASSES))
    print(row("A itself", *(f"{own[label].mean():.2f}" for label in CLASSES)))
    for view, part in others.groupby(["camera", "variant"], sort=False):
        print(row(", ".join(map(str, view)), *(f"{part[label].mean():.2f}" for label in CLASSES)))


def show_each(scores: pd.DataFrame) -> None:
    """Print what models of each camera score on each, by variant, and how much less they do on others."""
    for variant in PAIRS:
        f1 = scores[scores["variant"] == variant].groupby(["trained", "camera"])["f1"]
        print(head(f"trained on; {variant}", *CAMERAS))
        for trained in CAMERAS:
            print(row(trained, *(cell(f1.get_group((trained, name))) for name in CAMERAS)))
        means = f1.mean()
        pairs = itertools.permutations(CAMERAS, 2)
        drops = 100 * np.array([means[trained, trained] - means[trained, name] for trained, name in pairs])
        print(f"\nfrom a camera to another: {drops.mean():.1f} points less in the mean, {drops.max():.1f} at most")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("paper", type=Path)
    parser.add_argument("--weights", default="package")
    parser.add_argument("--workers", type=int, default=joblib.cpu_count())
    parser.add_argument("--first-only", action="store_true")
    parser.add_argument("--models", nargs="+", default=[], metavar="MODEL")
    options = parser.parse_args()
    train, test = read_minutes(options.paper, bool(options.models))
    photograph_all(options.folder, test, options.workers)
    if not options.models:  # trained models need no frames to train on
        photograph_all(options.folder, train, options.workers)
    counts = [dict(zip(CLASSES, np.bincount(part.labels).tolist(), strict=True)) for part in (train, test)]
    print(f"{len(train.labels)} frames to train on, {counts[0]}\n{len(test.labels)} to test on, {counts[1]}")
    if options.models:
        show_first(judged(options.models, views(VARIANTS), options.folder, test))
        return
    features = Features(options.folder, options.weights, options.workers)
    first = transferred(View("A", AS_THEY_COME, 0), views(VARIANTS), features, train, test)
    show_first(first)
    if options.first_only:
        return
    parts = [first[first["draw"].isin({0, *DRAWS[:2]})]]
    for view in views(PAIRS):
        if view.camera != "A":
            tested = [view._replace(camera=name) for name in CAMERAS]
            parts.append(transferred(view, tested, features, train, test))
    show_each(pd.concat(parts))


if __name__ == "__main__":
    main()
