"""How models and classifiers do on labelled frames of a real camera that they were not trained on.

Usage: python benchmarks/real_sky.py FOLDER MODEL [MODEL …] [--json FILE]

FOLDER holds a configuration (config.yaml, or the only .yaml; site and cameras are enough), frames, and labels.csv with
the columns frame and label: the name of a file, or its path below FOLDER, and a class. A column `condition` may say
whether the sky is clear, cloudy or bright, or the frame bad; a row may have either of the two. MODEL is a run's
model.safetensors or model.skops, or a catalogue's classifier.json. Runs of one model on one split are told together:
the mean over them, and the range.

Scores are macro averages over the classes that the table has; frames that are given another class count as errors. One
night or one camera is no sample of skies: such numbers have no interval.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, confusion_matrix

from norrsken.classes import CONDITIONS, NOT_CLASSIFIED
from norrsken.classify.condition import bad, conditions, shipped
from norrsken.classify.known_cameras import require_grid
from norrsken.classify.model import Ensemble, FrameClassifier
from norrsken.config.observatory import Observatory, load_observatory
from norrsken.errors import NorrskenError
from norrsken.evaluation.scores import macro_scores
from norrsken.files import csv_rows
from norrsken.nights.images import UnreadableImage, WrongGeometry, process, read_frame
from norrsken.nights.names import NameReader

TABLE = "labels.csv"
PICTURES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Scores:
    """How one model or classifier does. classified: the share of frames that it gives a class, right: of these, the
    share that it gives the right one, told of classifiers, which may refuse; of models all frames are classified.
    covered: the share of frames whose label it does not exclude, possible: the classes that it does not exclude, mean;
    nan where it has no sets of classes.
    """

    precision: float
    recall: float
    f1: float
    classified: float
    right: float
    covered: float = float("nan")
    possible: float = float("nan")


def read_folder(folder: Path) -> tuple[Observatory, pd.DataFrame, NDArray[np.uint8]]:
    """The configuration, the rows of the table whose frames can be read, and the processed frames.

    Raises `NorrskenError` where the folder has no configuration or table, or the table names a frame that is not there.
    """
    configurations = sorted(folder.glob("*.yaml"))
    chosen = [path for path in configurations if path.name == "config.yaml"] or configurations
    if len(chosen) != 1:
        raise NorrskenError(f"{folder}: expected one config.yaml, found {len(chosen)} files that end in .yaml")
    observatory = load_observatory(chosen[0])
    rows = pd.DataFrame([row for _, row in csv_rows(folder / TABLE, ("frame",), NorrskenError)])
    if not {"label", "condition"} & {*rows.columns}:
        raise NorrskenError(f"{folder / TABLE}: expected a column label or condition beside frame")
    files = {path.name: path for path in folder.rglob("*") if path.suffix.lower() in PICTURES}
    reader = NameReader(observatory.cameras, observatory.archive.clock, observatory.site.longitude)
    images, kept = [], []
    for row, frame in enumerate(rows["frame"]):
        path = folder / frame if (folder / frame).is_file() else files.get(Path(frame).name)
        if path is None:
            raise NorrskenError(f"{folder / TABLE}: there is no frame {frame!r} in {folder}")
        found = reader.camera_and_time(path.name)
        if isinstance(found, str):
            raise NorrskenError(f"{path}: {found}")
        camera, _ = found
        try:
            images.append(process(read_frame(path, camera), camera, observatory.site.up))
            kept.append(row)
        except (UnreadableImage, WrongGeometry) as error:
            print(f"left out: {path}: {error}", file=sys.stderr)
    if not images:
        raise NorrskenError(f"{folder}: no frame of {TABLE} can be read")
    return observatory, rows.iloc[kept].reset_index(drop=True), np.stack(images)


def scores(labels: NDArray[np.str_], predicted: NDArray[np.str_]) -> Scores:
    """labels, predicted: (n,) names; the scores are over the classes that the labels have."""
    there = sorted({*labels})
    truth, said = (pd.Index(there).get_indexer(names) for names in (labels, predicted))  # −1: another class
    macro = macro_scores(truth, said, len(there))
    classified = predicted != NOT_CLASSIFIED
    right = float((labels == predicted)[classified].mean()) if classified.any() else float("nan")
    return Scores(**macro, classified=float(classified.mean()), right=right)


def told(found: Sequence[Scores], key: str) -> str:
    """The mean and, of several, the range."""
    values = [getattr(one, key) for one in found]
    if np.isnan(values).any():
        return "–"
    mean = f"{np.mean(values):.2f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.2f}–{max(values):.2f})"


def confusion(labels: NDArray[np.str_], runs: Sequence[NDArray[np.str_]], classes: Sequence[str]) -> str:
    """Mean counts over the runs as a table in Markdown: rows are the labels, columns what the frames are called."""
    columns = [name for name in (*classes, NOT_CLASSIFIED) if any(name in run for run in runs)]
    rows = [name for name in classes if name in labels]
    names = [*classes, NOT_CLASSIFIED]
    counts = np.mean([confusion_matrix(labels, run, labels=names) for run in runs], axis=0)
    lines = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for row in rows:
        cells = (f"{counts[names.index(row), names.index(column)]:.3g}" for column in columns)
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines)


def judge_condition(table: pd.DataFrame, images: NDArray[np.uint8]) -> None:
    """Print how well the condition of the sky is told, with the model that comes with the program."""
    rows = table.index[table["condition"].isin(CONDITIONS)].to_numpy()
    if len(rows) == 0:
        return
    truth, found = table["condition"].to_numpy(str)[rows], conditions(images[rows], shipped())
    found = np.where(bad(images[rows]), "bad", found)
    balanced = balanced_accuracy_score(truth, found)
    print(f"\nCondition of the sky, {len(rows)} frames: {(truth == found).mean():.0%} right, balanced {balanced:.0%}\n")
    print(confusion(truth, [found], CONDITIONS))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the scores of each model there, too")
    options = parser.parse_args(arguments)
    try:
        return report(options.folder, options.models, options.json)
    except (NorrskenError, OSError) as error:
        print(f"real_sky: {error}", file=sys.stderr)
        return 1


@dataclass(frozen=True)
class Judged:
    """A model on the frames whose label is one of its classes. name: runs of one model on one split have the same."""

    path: str
    name: str
    classes: tuple[str, ...]
    labels: NDArray[np.str_]
    predicted: NDArray[np.str_]
    scores: Scores


def judge(path: str, observatory: Observatory, table: pd.DataFrame, images: NDArray[np.uint8]) -> Judged:
    """Raises `NorrskenError` where the file is no model, its grid is another, or no label is one of its classes."""
    model = Ensemble(path) if path.endswith(".json") else FrameClassifier(path)
    require_grid(observatory.frame_source, model)
    rows = table.index[table["label"].isin(model.classes)].to_numpy()
    if len(rows) == 0:
        raise NorrskenError(f"{TABLE}: no label is a class of {path}: {', '.join(model.classes)}")
    labels = table["label"].to_numpy(str)[rows]
    verdict = model.judge(images[rows])
    found = scores(labels, verdict.labels)
    if verdict.possible is not None:
        covered = verdict.possible[np.arange(len(rows)), pd.Index(model.classes).get_indexer(labels)]
        sizes = verdict.possible.sum(axis=1)
        found = replace(found, covered=float(covered.mean()), possible=float(sizes.mean()))
    name = path if isinstance(model, Ensemble) else f"{model.card.split}/{model.card.run.name}"
    return Judged(path, name, model.classes, labels, verdict.labels, found)


def report(folder: Path, models: Sequence[str], output: Path | None) -> int:
    """Judge the models and print what was found."""
    observatory, table, images = read_folder(folder)
    if "condition" in table:
        judge_condition(table, images)
    if models and "label" not in table:
        raise NorrskenError(f"{folder / TABLE}: has no column label, by which models are judged")
    groups: dict[str, list[Judged]] = defaultdict(list)
    for path in models:
        judged = judge(path, observatory, table, images)
        groups[judged.name].append(judged)
    if groups:
        heads = (
            "model, runs, frames, precision, recall, F1, classified, right of these, label possible, possible classes"
        )
        print(f"| {heads.replace(', ', ' | ')} |\n" + "|---" * 10 + "|")
    for name, runs in groups.items():
        cells = (told([run.scores for run in runs], key) for key in asdict(runs[0].scores))
        print(f"| {name} | {len(runs)} | {len(runs[0].labels)} of {len(table)} | {' | '.join(cells)} |")
    for name, runs in groups.items():
        print(f"\n{name}: rows are the labels, counts are means over the runs\n")
        print(confusion(runs[0].labels, [run.predicted for run in runs], runs[0].classes))
    if output is not None:
        every = [run for runs in groups.values() for run in runs]
        # JSON knows no nan.
        written = [
            {"model": run.path} | {key: None if np.isnan(value) else value for key, value in asdict(run.scores).items()}
            for run in every
        ]
        output.write_text(json.dumps(written, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
