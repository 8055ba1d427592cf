"""The figures of a release's report: what each is made of, and the paper's figure that it stands for."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.figure import Figure

from norrsken import schemas, tables
from norrsken.config.jobs import FigureSettings
from norrsken.config.label_set import DEFAULT, LabelSet, read_label_set
from norrsken.dataset.splits import read_images, sample_frames
from norrsken.figures.camera import draw_response
from norrsken.figures.embedding import draw_embedding, embed
from norrsken.figures.frames import draw_mistakes, draw_processing, draw_samples
from norrsken.figures.scores import draw_class_accuracy, draw_precision_recall, draw_reliability
from norrsken.figures.style import save, say
from norrsken.figures.training import draw_curves
from norrsken.nights.images import crop_outline, process, read_frame
from norrsken.nights.names import camera_in_force
from norrsken.paper import model_title
from norrsken.report.runs import Best, mistakes

#: How many misclassified frames are shown.
MISTAKES = 12

#: How many frames of each class are shown (Figure 3).
EACH = 4


def draw_figure(
    figure: str, dataset: str | None, table2: str | None, settings: FigureSettings, path: str | os.PathLike[str]
) -> None:
    """Draw one of the figures of the report, as PNG and as PDF. dataset, table2: None where not needed."""
    label_set = settings.label_set or read_label_set(DEFAULT)
    if figure == "response":
        draw_response(settings.responses, path)
    elif dataset is not None and figure == "samples":
        frames = sample_frames(dataset, EACH)
        draw_samples({name: list(read_images(dataset, ids)) for name, ids in frames.items()}, label_set, path)
    elif dataset is not None and figure == "processing":
        _draw_processing(dataset, settings, path)
    elif table2 is not None:
        _draw_of_best(figure, dataset, Best(table2, settings), label_set, path)
    else:
        raise ValueError(f"there is no figure {figure!r}")


def _draw_of_best(
    figure: str, dataset: str | None, best: Best, label_set: LabelSet, path: str | os.PathLike[str]
) -> None:
    runs, network = best.any, best.network or best.any
    title = f"{model_title(network.model)}, split “{network.split}”"
    if figure == "class-accuracy":
        compared = [run for run in (best.rival, runs) if run is not None]
        draw_class_accuracy({run.model: run.metrics() for run in compared}, label_set, path)
    elif figure == "precision-recall":
        draw_precision_recall(runs.predictions(), label_set, path)
    elif figure == "reliability":
        draw_reliability(runs.predictions(), path)
    elif figure == "curves":
        draw_curves(network.histories(), title, path)
    elif figure == "mistakes" and dataset is not None:
        wrong = mistakes(runs.predictions(), MISTAKES)
        images = read_images(dataset, [frame for frame, *_ in wrong])
        draw_mistakes([(image, *mistake[1:]) for image, mistake in zip(images, wrong, strict=True)], label_set, path)
    elif figure == "embedding" and dataset is not None:
        first = network.predictions()[0]
        labels, frames = first["label"].to_numpy(str), read_images(dataset, first["frame_id"].tolist())
        features = first["embedding"] if first["embedding"].notna().all() else [image.ravel() for image in frames]
        places = embed(np.stack(list(features)).astype(np.float32))
        draw_embedding(places, labels, frames, label_set, f"{title}, seed {network.seeds[0]}", path)
    else:
        raise ValueError(f"there is no figure {figure!r}")


def _draw_processing(dataset: str, settings: FigureSettings, path: str | os.PathLike[str]) -> None:
    """Draw a frame of middle brightness, of the first class of which such a frame is still in the archive."""
    rows = tables.read_without_images(dataset).set_index("frame_id")
    for frame, *_ in sample_frames(dataset, 1).values():
        night, time = rows["night"][frame], pd.Timestamp(rows["time"][frame])
        table = Path(settings.nights, f"{night:%Y-%m}", f"{night}.parquet")
        file, camera = raw_frame(frame, table, settings.root), camera_in_force(settings.cameras, time)
        if file is not None and camera is not None:
            raw = read_frame(file, camera)
            outline = crop_outline(camera, settings.up)
            draw_processing(raw, outline, process(raw, camera, settings.up), frame, path)
            return
    figure = Figure(figsize=(6, 1))
    say(figure, "The archived files of the release's frames are not there")
    save(figure, path)


def raw_frame(frame_id: str, table: Path, root: str) -> Path | None:
    """The archived file of a frame of a night table, below the archive's root; None where either file is gone."""
    if not table.exists():
        return None
    rows = tables.read(table, schemas.NIGHT_TABLE, ["frame_id", "status", "path"])
    kept = rows.filter(pc.equal(rows["status"].cast(pa.string()), "kept"))
    if frame_id not in kept["frame_id"].to_pylist():
        return None
    (row,) = tables.rows_of(kept, [frame_id], table)
    path = Path(root, kept["path"][row].as_py())
    return path if path.exists() else None
