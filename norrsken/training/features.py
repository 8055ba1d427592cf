"""Features of the clean frames that are not learnt from them: computed once for each release, used by all runs."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from skimage.feature import hog

from norrsken import schemas, tables
from norrsken.config.models import Features, Hog, Pretrained

#: The key in `tables.about` under which `features.parquet` says which network made it.
NETWORK_KEY = "network"

#: Frames whose histograms a process computes at a time.
HOG_BATCH = 64

#: Frames that are held in memory at a time: whole batches of every kind of feature.
AT_A_TIME = 1024


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


class Extractor:
    """Computes the features of processed frames. about: what the network says of itself, where there is one."""

    def __init__(self, settings: Features, workers: int | None = None) -> None:
        """Load the network, where there is one. Raises `WeightsError` where its weights cannot be had.

        workers: processes that compute histograms; None is as many as the settings have threads.
        """
        self.about: dict[str, Any] = {}
        self._compute: Callable[[NDArray[np.uint8]], NDArray[np.float32]]
        match settings:
            case Hog():
                self._compute = partial(_histograms, settings=settings, workers=workers or settings.threads)
            case Pretrained():
                from norrsken.models.pretrained import PretrainedNetwork

                network = PretrainedNetwork(settings)
                self._compute, self.about = network.scores, network.about()

    def __call__(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The features of frames: (n, 128, 128, 3) → (n, m)."""
        return self._compute(frames)


def _histograms(frames: NDArray[np.uint8], settings: Hog, workers: int) -> NDArray[np.float32]:
    processes = min(workers, -(-len(frames) // HOG_BATCH))  # a process that gets no frames would only take its start
    rows = joblib.Parallel(n_jobs=max(processes, 1), batch_size=HOG_BATCH)(
        joblib.delayed(histogram_of_gradients)(frame, settings) for frame in frames
    )
    return np.array(list(rows), np.float32)


def extract_features(dataset: str, settings: Features, output: str, workers: int | None = None) -> None:
    """Write the features of every frame of `dataset.parquet`, in its order. workers: as in `Extractor`."""
    extractor = Extractor(settings, workers)
    frames = tables.read(dataset, schemas.dataset_table([]), ["frame_id"])["frame_id"]
    vectors = [vector for images in tables.image_parts(dataset, AT_A_TIME) for vector in extractor(images)]
    rows = pa.table({"frame_id": frames, "features": pa.array(vectors, pa.list_(pa.float32()))})
    tables.write(output, rows, schemas.FEATURES_TABLE, settings.plain(), **{NETWORK_KEY: extractor.about})


def read_features(path: str | os.PathLike[str], frame_ids: Sequence[str]) -> NDArray[np.float32]:
    """The features of these frames, (n, m), in the order asked for."""
    table = tables.read(path, schemas.FEATURES_TABLE)
    vectors = table["features"].combine_chunks()
    matrix = np.asarray(vectors.flatten()).reshape(table.num_rows, -1)
    return matrix[tables.rows_of(table, frame_ids, path)]
