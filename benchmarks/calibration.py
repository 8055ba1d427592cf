"""Whether the catalogue keeps what was asked of it, on nights that chose nothing: ten night splits of one data set.

Usage: python benchmarks/calibration.py FOLDER [--features NAME | --weights FILE | --model NAME] [--precision P …]

FOLDER has `dataset.parquet` and `labelled.parquet` of `benchmarks/paper_size.py`. On each of ten splits by night, with
22 % of the frames to test, a linear model on features is trained with three seeds, and its classifier is made as for a
catalogue. NAME is an entry of `features` in config.yaml, FILE a file of weights of timm's EfficientNet-Lite0, or
`package`. With --model a network of config.yaml, trained with one seed, takes the place of the linear model. Prints, as
mean and standard deviation over the splits, how far the precision on test nights is from the one that was asked for,
how much got a class, and the expected calibration error; all in all and by class. Then the same of the sets of classes
that cannot be excluded: how often they hold the class that an annotator gave, and how many classes they have.
"""

import argparse
import os
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from paper_size import CONFIG, SEEDS, train_once

from norrsken import schemas, tables
from norrsken.catalogue.calibrate import make_classifier
from norrsken.catalogue.judge import scores_of
from norrsken.classify.classifier_file import read_classifier
from norrsken.config.jobs import RunSettings
from norrsken.config.models import Features, Linear, Pretrained
from norrsken.config.splits import Split
from norrsken.dataset.splits import divide
from norrsken.evaluation.scores import read_metrics
from norrsken.paper import CLASSES
from norrsken.training.features import extract_features

SPLITS, SHARE = 10, 0.22
MODEL = Linear(kind="linear", features="features", epochs=60, batch_size=64, learning_rate=0.001)


def with_splits(source: Path, output: Path) -> None:
    """The data set with ten splits by night instead of its own."""
    made = {f"night-{seed}": Split(method="night", test_share=SHARE, seed=seed) for seed in range(SPLITS)}
    table, frames = pq.read_table(source), tables.frame_source(source)
    labels, nights = np.array(table["label"].to_pylist()), table["night"].to_numpy().astype("datetime64[D]")
    schema = schemas.dataset_table([*made])
    for name, split in made.items():
        test = divide(labels, nights, split, CLASSES)
        table = table.append_column(f"split_{name}", pa.array(np.where(test, "test", "train")))
    settings = {name: split.plain() for name, split in made.items()}
    tables.write(output, table.select(schema.names).cast(schema), schema, settings, frames=frames.plain())


def judged(folder: Path, settings: RunSettings, split: str, precision: float) -> pd.DataFrame:
    """The scores of the classifier of a split, on validation and on test nights."""
    dataset, runs = str(folder.parent / "splits.parquet"), []
    features = None if settings.features is None else str(folder / "features.parquet")
    for seed in SEEDS if features else SEEDS[:1]:
        to = folder / split / str(seed)
        train_once(to, dataset, features, split, seed, settings)
        runs.append(to)
    classifier = folder / split / f"classifier-{precision}.json"
    metrics, validations, predictions = (
        [str(run / name) for run in runs] for name in ("metrics.json", "validation.parquet", "predictions.parquet")
    )
    labelled = str(folder.parent / "labelled.parquet")
    make_classifier(metrics, validations, predictions, dataset, labelled, "faint", precision, str(classifier))
    f1 = [run["f1"] for run in read_metrics(metrics)]
    said = read_classifier(classifier)
    return scores_of(said).assign(split=split, asked=precision, f1=said.test.f1, run_f1=np.mean(f1))


def spread(values: pd.Series) -> str:
    return "–" if values.isna().all() else f"{values.mean():+.3f} ± {values.std(ddof=1):.3f}"


def show(scores: pd.DataFrame, precision: float) -> None:
    """Print a line for each part and label."""
    print(f"asked precision {precision}; mean ± standard deviation over {scores['split'].nunique()} splits")
    heads = ("reached − asked", "classified", "calibration error")
    print(f"{'part':12s} {'label':9s} {'own limit':>9s} " + " ".join(f"{head:>18s}" for head in heads))
    for (part, label), rows in scores.groupby(["part", "label"], sort=False):
        own = f"{(rows['limit_of'] == 'class').sum()}/{len(rows)}" if label != "all" else ""
        numbers = (rows["precision"] - precision, rows["classified"], rows["calibration_error"])
        print(f"{part:12s} {label:9s} {own:>9s} " + " ".join(f"{spread(column):>18s}" for column in numbers))


def sets_of(path: Path) -> list[dict[str, object]]:
    """How the sets of a classifier do: a row for each part of the test frames, and for each class."""
    sets = read_classifier(path).sets
    if sets is None:
        return []
    parts = {"all": sets.labelled, "agreed": sets.agreed, "ambiguous": sets.ambiguous, **sets.by_class}
    return [
        {"frames": name, "number": part.frames, "coverage": part.coverage.value, "size": part.size.value}
        for name, part in parts.items()
    ]


def show_sets(rows: pd.DataFrame) -> None:
    """Print mean ± standard deviation over the splits, and what holds for the frames of all splits together."""
    if rows.empty:
        print("no classifier has sets: the validation nights are too few")
        return
    for name, of_splits in rows.groupby("frames", sort=False):
        told = of_splits.dropna()
        pooled = np.average(told["coverage"].astype(float), weights=told["number"])
        cells = " ".join(f"{head} {spread(told[head].astype(float))}" for head in ("coverage", "size"))
        print(f"sets, {name:9s} {cells} over {len(told)} splits; pooled coverage {pooled:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--features", default="hog")
    parser.add_argument("--weights")
    parser.add_argument("--model")
    parser.add_argument("--precision", type=float, nargs="+", default=[0.9, 0.95])
    options = parser.parse_args()
    features: Features = CONFIG.features[options.features]
    name = options.features
    if options.weights:
        name = "efficientnet-lite0"
        features = Pretrained(
            kind="pretrained", network="tf_efficientnet_lite0", weights=options.weights, input_size=128
        )
    features = features.model_copy(update={"threads": joblib.cpu_count()})
    settings = RunSettings(name="linear", model=MODEL, features=features)
    if options.model:
        settings = CONFIG.run_settings(options.model)
        assert settings.features is None, "expected a network"
    folder = options.folder / (f"splits-{options.model}" if options.model else f"linear-{name}")
    dataset = options.folder / "splits.parquet"
    if not dataset.exists():
        with_splits(options.folder / "dataset.parquet", dataset)
    if settings.features is not None and not (folder / "features.parquet").exists():
        folder.mkdir(exist_ok=True)
        extract_features(str(dataset), features, str(folder / "features.parquet"))
    which = f"{options.model}, one seed" if options.model else f"a linear model on {name}, {len(SEEDS)} seeds"
    print(f"{which}; {os.cpu_count()} cores", file=sys.stderr)
    for precision in options.precision:
        scores = pd.concat([judged(folder, settings, f"night-{seed}", precision) for seed in range(SPLITS)])
        if precision == options.precision[0]:
            once = scores.groupby("split").first()
            print(f"macro F1 on test nights: of a run {spread(once['run_f1'])}, of the average {spread(once['f1'])}")
        show(scores, precision)
    of_splits = [folder / f"night-{seed}" / f"classifier-{options.precision[0]}.json" for seed in range(SPLITS)]
    show_sets(pd.DataFrame([row for path in of_splits for row in sets_of(path)]))


if __name__ == "__main__":
    main()
