"""Table 2 on a simulated data set of the paper's size: 3,000 frames to train, 846 to test, no night in both.

Usage: python benchmarks/paper_size.py FOLDER [MODEL | MODEL:EPOCHS | MODEL:EPOCHS:votes …]

The data set is drawn into FOLDER once, in twelve minutes on two cores: nights of the decade, every fourth minute of
them; the annotators label what they would be offered, and the frames on which they agree are kept. Then the models,
entries of config.yaml, are trained with three seeds each; runs that are there already are not repeated. With `votes`
they also learn from the frames of training nights on which the annotators differ. Prints Table 2 of all runs in FOLDER,
how near networks come to what annotators say of such frames of test nights, and each model's confusion matrix.
"""

import logging
import os
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import cv2
import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from norrsken import schemas, stages, tables
from norrsken.classify.ambiguous import judge_votes
from norrsken.config.config import load
from norrsken.config.jobs import RunSettings
from norrsken.config.site import FrameSource
from norrsken.config.splits import Split
from norrsken.dataset.splits import divide
from norrsken.evaluation.scores import read_metrics
from norrsken.evaluation.validation import validation_f1
from norrsken.nights.images import process
from norrsken.nights.names import frame_id
from norrsken.paper import CLASSES, EXCLUSIONS
from norrsken.report.tables import table2
from norrsken.report.votes import tabulate_votes
from norrsken.simulation.decade import label_minutes, season
from norrsken.simulation.night import Night
from norrsken.training.features import extract_features
from norrsken.training.run import train_run

CONFIG = load(Path(__file__).parent.parent / "config.yaml")
CAMERA = CONFIG.cameras[0]
SEED, SEEDS = 0, (0, 1, 2)
NIGHTS, TRAIN, TEST = 680, 3000, 846
SOURCE = FrameSource(processing=stages.PROCESSING, cameras=CONFIG.cameras, up=CONFIG.site.up).plain()


def label_night(night: date) -> tuple[pd.DataFrame, NDArray[np.uint8]] | None:
    """The labels of a night's offered frames, and the processed ones of those to which somebody gives a class."""
    cv2.setNumThreads(1)
    truth, scenes = label_minutes(Night.of(night, CONFIG.site, SEED), night, CONFIG)
    if truth.empty:
        return None
    one, two = truth["one"], truth["two"]
    classes = one.isin(CLASSES), two.isin(CLASSES)
    truth = truth.assign(clean=(one == two) & classes[0], shown=classes[0] | classes[1])
    images = [process(scenes[i].photograph(), CAMERA, CONFIG.site.up) for i in truth.index[truth["shown"]]]
    return truth, np.array(images, np.uint8).reshape(-1, 128, 128, 3)


def draw(path: Path) -> None:
    """Write the data set, and say how the annotators agree."""
    days = sorted(season(SEED)[:NIGHTS])
    made = joblib.Parallel(n_jobs=-1, batch_size=1)(joblib.delayed(label_night)(day) for day in days)
    some = [night for night in made if night is not None]
    labelled, images = pd.concat([truth for truth, _ in some]), np.concatenate([images for _, images in some])
    report_labels(labelled)
    shown = labelled[labelled["shown"]]
    clean, others = (np.flatnonzero(shown["clean"].to_numpy() == which) for which in (True, False))
    few = np.sort(np.random.default_rng(SEED).permutation(len(clean))[: TRAIN + TEST])
    # As large a share of the frames that only one of them gives a class.
    rest = np.random.default_rng(SEED).permutation(len(others))[: len(others) * len(few) // len(clean)]
    write_dataset(path, shown.iloc[clean[few]], images[clean[few]])
    both = np.sort(np.concatenate([clean[few], others[rest]]))
    write_labelled(path.with_name("labelled.parquet"), shown.iloc[both], images[both])


def columns_of(frames: pd.DataFrame, images: NDArray[np.uint8]) -> dict[str, Any]:
    """What the tables of labelled frames have in common."""
    return {
        "frame_id": [frame_id(CONFIG.site.station, time) for time in frames["time"]],
        "time": pa.array(frames["time"], pa.timestamp("ms", "UTC")),
        "night": pa.array(frames["night"], pa.date32()),
        "image": tables.image_column(images),
    }


def write_dataset(path: Path, clean: pd.DataFrame, images: NDArray[np.uint8]) -> None:
    labels = clean["one"].to_numpy().astype(str)
    split = Split(method="night", test_share=TEST / (TRAIN + TEST), seed=SEED)
    test = divide(labels, clean["night"].to_numpy().astype("datetime64[D]"), split, CLASSES)
    columns = columns_of(clean, images) | {"label": labels, "split_night": np.where(test, "test", "train")}
    schema = schemas.dataset_table(["night"])
    tables.write(path, pa.table(columns).select(schema.names), schema, {"night": split.plain()}, frames=SOURCE)


def write_labelled(path: Path, frames: pd.DataFrame, images: NDArray[np.uint8]) -> None:
    """The frames to which one of the annotators gives a class at least."""
    names, clean = ("one", "two"), frames["clean"]
    schema = schemas.labelled_table(names, EXCLUSIONS)
    columns = columns_of(frames, images) | {f"label_{name}": frames[name] for name in names}
    columns |= {"verdict": np.where(clean, "agreed", "disagreement"), "label": frames["one"].where(clean)}
    empty = {field.name: pa.nulls(len(frames), field.type) for field in schema if field.name not in columns}
    table = pa.table(columns | empty).select(schema.names).cast(schema)
    labels = tables.labels_metadata(CONFIG.label_set(CONFIG.release).names)
    tables.write(path, table, schema, {}, **labels, frames=SOURCE)


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


def train_once(
    folder: Path,
    dataset: str,
    features: str | None,
    split: str,
    seed: int,
    settings: RunSettings,
    labelled: str | None = None,
    frames: str | None = None,
) -> None:
    """A run in a folder of its own, unless it is there already. labelled, frames: as in `train_run`."""
    if not (folder / "metrics.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        names = ("history.csv", "predictions.parquet", "validation.parquet", "metrics.json")
        files = {Path(name).stem: str(folder / name) for name in names}
        train_run(dataset, features, split, seed, settings, **files, labelled=labelled, frames=frames)


def train(folder: Path, name: str, epochs: str = "", targets: str = "agreed") -> None:
    """The runs of a model that are not there yet."""
    run, votes = CONFIG.run_settings(name), targets == "votes"
    changed: dict[str, Any] = {"threads": joblib.cpu_count(), **({"epochs": int(epochs)} if epochs else {})}
    entry = type(run.model).model_validate({**run.model.plain(), **changed, **({"targets": targets} if votes else {})})
    name += f"-{epochs}" * bool(epochs) + "-votes" * votes
    run = run.model_copy(update={"name": name, "model": entry})
    features: str | None = None
    if run.features is not None:
        features = str(folder / f"{getattr(run.model, 'features', '')}.parquet")
        if not Path(features).exists():
            extract_features(str(folder / "dataset.parquet"), run.features, features)
    for seed in SEEDS:
        labelled = str(folder / "labelled.parquet") if votes else None
        train_once(folder / name / str(seed), str(folder / "dataset.parquet"), features, "night", seed, run, labelled)


def compare_votes(folder: Path, metrics: Sequence[dict[str, Any]], paths: Sequence[Path]) -> None:
    """Print how near networks come to what annotators say of frames on which they differ."""
    networks = dict.fromkeys(run["model"] for run in metrics if run["settings"]["model"]["kind"] == "network")
    judged: dict[tuple[str, str], str | os.PathLike[str]] = {}
    for model in networks:
        of_model = [path for path, run in zip(paths, metrics, strict=True) if run["model"] == model]
        judged["night", model] = output = str(folder / model / "votes.parquet")
        predictions, validations = (
            [str(path.with_name(f"{name}.parquet")) for path in of_model] for name in ("predictions", "validation")
        )
        sources = str(folder / "dataset.parquet"), str(folder / "labelled.parquet")
        judge_votes([*map(str, of_model)], predictions, validations, *sources, output)
    if judged:
        print(tabulate_votes(judged).to_string(index=False, float_format="{:.3f}".format))


def main() -> None:
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    dataset = folder / "dataset.parquet"
    if not dataset.exists():
        draw(dataset)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    for name in names:
        train(folder, *name.split(":"))
    paths = sorted(folder.glob("*/*/metrics.json"))
    metrics = read_metrics(paths)
    if metrics:
        nights = tables.read_without_images(dataset).set_index("frame_id")["night"]
        validation = validation_f1(metrics, [path.with_name("validation.parquet") for path in paths], nights)
        print(
            table2(metrics, CONFIG.label_set(CONFIG.release).names, validation).to_string(
                index=False, float_format="{:.3f}".format
            )
        )
    compare_votes(folder, metrics, paths)
    for model in dict.fromkeys(run["model"] for run in metrics):
        print(f"{model}, mean over the runs; rows truth, columns predicted: {', '.join(CLASSES)}")
        print(np.mean([run["confusion"] for run in metrics if run["model"] == model], axis=0).round(1))


if __name__ == "__main__":
    main()
