"""Hand-made features of the clean frames, computed once a release and shared by all runs (section 3.1)."""

import os
from collections.abc import Sequence

import joblib
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from skimage.feature import hog

from norrsken import tables
from norrsken.config import Hog


def histogram_of_gradients(image: NDArray[np.uint8], settings: Hog) -> NDArray[np.float32]:
    """Histogram of oriented gradients (Dalal & Triggs 2005) of a processed frame (128, 128, 3), as one vector.

    The gradient of a pixel is that of the colour in which it is largest.
    """
    features: NDArray[np.float32] = hog(
        image,
        orientations=settings.orientations,
        pixels_per_cell=(settings.pixels_per_cell,) * 2,
        cells_per_block=(settings.cells_per_block,) * 2,
        block_norm="L2-Hys",
        channel_axis=-1,
    ).astype(np.float32)
    return features


def extract_features(dataset: str, settings: Hog, output: str, workers: int) -> None:
    """Write the features of every frame of `dataset.parquet`, in its order."""
    table = tables.read(dataset, tables.dataset_table([]), ["frame_id", "image"])
    frames = tables.images(table["image"])
    rows = joblib.Parallel(n_jobs=workers, batch_size=64)(
        joblib.delayed(histogram_of_gradients)(frame, settings) for frame in frames
    )
    features = pa.array(list(rows), pa.list_(pa.float32()))
    found = pa.table({"frame_id": table["frame_id"], "features": features})
    tables.write(output, found, tables.FEATURES_TABLE, settings.plain())


def read_features(path: str | os.PathLike[str], frame_ids: Sequence[str]) -> NDArray[np.float32]:
    """The features of these frames, (n, m), in the order asked for."""
    table = tables.read(path, tables.FEATURES_TABLE)
    row = {frame: i for i, frame in enumerate(table["frame_id"].to_pylist())}
    missing = [frame for frame in frame_ids if frame not in row]
    if missing:
        raise tables.TableError(f"{path}: no features of {missing[0]} and {len(missing) - 1} more; remake the features")
    vectors = table["features"].combine_chunks()
    matrix = np.asarray(vectors.flatten()).reshape(table.num_rows, -1)
    return matrix[[row[frame] for frame in frame_ids]]
