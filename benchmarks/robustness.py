"""What models lose on labelled frames of a real camera when the frames are changed.

Usage: python benchmarks/robustness.py FOLDER MODEL [MODEL …] [--csv FILE]

FOLDER is as for benchmarks/real_sky.py: a configuration, frames, labels.csv. MODEL is a run's model.safetensors or
model.skops; runs of one model on one split are told together. The changes and their strengths are those of
`norrsken.yardsticks.changes`. Prints, in Markdown, macro F1 over the classes that the table has, without a change and
under each, and how far the mean confidence is above the share of right frames; --csv writes all of it.

One night or one camera is no sample of skies: such numbers have no interval.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from real_sky import TABLE, read_folder, scores

from norrsken.classify.known_cameras import require_grid
from norrsken.classify.model import FrameClassifier
from norrsken.errors import NorrskenError
from norrsken.files import write_csv
from norrsken.yardsticks.changes import CHANGES, STRENGTHS
from norrsken.yardsticks.robustness import GROUP, SETTINGS, judge_changes


def measure(folder: Path, paths: Sequence[str]) -> pd.DataFrame:
    """A row for each model, change and strength: macro F1, accuracy, confidence, means over the runs.

    Raises `NorrskenError` where the folder is none that can be read, or a model does not fit its frames.
    """
    observatory, table, images = read_folder(folder)
    models: dict[str, list[FrameClassifier]] = defaultdict(list)
    for path in paths:
        model = FrameClassifier(path)
        require_grid(observatory.frame_source, model)
        models[f"{model.card.split}/{model.card.run.name}"].append(model)
    rows: list[dict[str, object]] = []
    for name, runs in models.items():
        names = np.array(runs[0].classes)
        labelled = table.index[table["label"].isin(names)].to_numpy()
        if len(labelled) == 0:
            raise NorrskenError(f"{TABLE}: no label is a class of {name}: {', '.join(names)}")
        labels, frames = table["label"].to_numpy(str)[labelled], images[labelled]
        ids = table["frame"].to_numpy(str)[labelled].tolist()
        groups = [slice(start, start + GROUP) for start in range(0, len(ids), GROUP)]
        said = judge_changes(((here, frames[here]) for here in groups), ids, runs)
        for (change, strength), predicted, confidence in zip(SETTINGS, *said, strict=True):
            found = [scores(labels, names[codes]) for codes in predicted]
            rows.append(
                {
                    "model": name,
                    "change": "none" if change is None else change.name,
                    "strength": strength,
                    "f1": np.mean([run.f1 for run in found]),
                    "accuracy": np.mean([run.right for run in found]),
                    "confidence": confidence.mean(dtype=np.float64),
                    "frames": len(ids),
                    "runs": len(runs),
                }
            )
    return pd.DataFrame(rows)


def told(table: pd.DataFrame) -> str:
    """The table of one model in Markdown: a row for each change, macro F1 by strength, and the mean over them."""
    unchanged = table.iloc[0]
    over = table["confidence"] - table["accuracy"]
    lines = [
        f"{unchanged['model']}, {unchanged['runs']} runs, {unchanged['frames']} frames, as they are: macro F1 "
        f"{unchanged['f1']:.2f}, accuracy {unchanged['accuracy']:.2f}, confidence {unchanged['confidence']:.2f}\n",
        f"| change | {' | '.join(map(str, range(1, STRENGTHS + 1)))} | F1 lost, mean | too sure by, at 5 |",
        "|---" * (STRENGTHS + 3) + "|",
    ]
    for change in CHANGES:
        rows = table[table["change"] == change.name]
        lost = unchanged["f1"] - rows["f1"].mean()
        cells = " | ".join(f"{f1:.2f}" for f1 in rows["f1"])
        lines.append(f"| {change.name} | {cells} | {lost:.2f} | {over[rows.index[-1]]:.2f} |")
    lines.append(f"\nMean over all changes: F1 lost {unchanged['f1'] - table['f1'].iloc[1:].mean():.2f}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the numbers there, too")
    options = parser.parse_args(arguments)
    try:
        table = measure(options.folder, options.models)
    except (NorrskenError, OSError) as error:
        print(f"robustness: {error}", file=sys.stderr)
        return 1
    for _, of_model in table.groupby("model", sort=False):
        print(f"{told(of_model)}\n")
    if options.csv is not None:
        write_csv(table, options.csv)
    return 0


if __name__ == "__main__":
    sys.exit(main())
