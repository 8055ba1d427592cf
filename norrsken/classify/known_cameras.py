"""Whether frames are of cameras that a model knows: processed in the same way, on the same grid."""

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from norrsken import stages, tables
from norrsken.classify.classifier_file import ClassifyError
from norrsken.classify.verdict import FrameModel
from norrsken.config.site import Camera, FrameSource


def of_known_cameras(path: str | Path, times: pa.ChunkedArray, model: FrameModel) -> NDArray[np.bool_]:
    """Which frames of a night table are on a grid that the model was trained on: times (n,) → (n,).

    Raises `ClassifyError` where frames were processed otherwise than for the model.
    """
    source = tables.frame_source(path)
    if source.processing != model.source.processing:
        raise unknown_camera(path, model)
    grids = _grids(model.source)
    changes = [(camera.valid_from, camera.grid in grids) for camera in source.cameras]
    changes = sorted([(date.min, False), *changes, *((day, False) for day in source.replaced)])
    days, known = (np.array(column) for column in zip(*changes, strict=True))
    taken = times.cast(pa.timestamp("ms")).to_numpy()
    result: NDArray[np.bool_] = known[np.searchsorted(days.astype("datetime64[ms]"), taken, side="right") - 1]
    return result


def replaced_on(source: FrameSource, camera: Camera, day: date) -> date | None:
    """On which date a camera had been replaced by one that the source does not know; None where it had not on `day`."""
    return next((other for other in sorted(source.replaced) if camera.valid_from < other <= day), None)


def unknown_camera(path: str | Path, model: FrameModel) -> ClassifyError:
    """The error for a table of frames that were processed otherwise than for the model."""
    processed = _described(tables.frame_source(path))
    return ClassifyError(f"{path}: its frames are {processed}; {model.path} knows {_described(model.source)}")


def require_grid(source: FrameSource, model: FrameModel) -> None:
    """Raise `ClassifyError` where none of the cameras gives frames on a grid that the model knows."""
    known = _grids(model.source)
    if not any(camera.grid in known for camera in source.cameras):
        raise ClassifyError(
            f"the cameras' frames are {_described(source)}; {model.path} knows {_described(model.source)}: a lens "
            "brings a camera to the reference grid"
        )


def require_processing(path: str | Path, source: FrameSource) -> None:
    """Raise `ClassifyError` where a model knows frames that this program no longer makes. path: of the model."""
    if source.processing != stages.PROCESSING:
        raise ClassifyError(
            f"{path}: trained on frames of processing {source.processing}, this program makes {stages.PROCESSING}; "
            "train it anew"
        )


def _grids(source: FrameSource) -> list[str]:
    """The grids of the cameras' frames, each once."""
    return list(dict.fromkeys(camera.grid for camera in source.cameras))


def _described(source: FrameSource) -> str:
    return f"{' or '.join(_grids(source)) or 'of no camera'} (processing {source.processing})"
