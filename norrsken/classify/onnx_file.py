"""A classifier in one ONNX file, which `norrsken export onnx` has written: it classifies frames without torch."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from norrsken.classify.classifier_file import Classifier, ClassifyError, first_problem
from norrsken.classify.known_cameras import require_processing
from norrsken.classify.verdict import Calibrated, Look
from norrsken.config.site import FrameSource
from norrsken.dataset.context import Windows
from norrsken.files import digest

#: The graph's input: processed frames, (n, 128, 128, 3) uint8.
FRAMES = "frames"

#: Its outputs: calibrated probabilities (n, classes) in class order and, of a classifier that measures it, how familiar
#: the frames are (n,), and what the network for the sky's condition sees of them (n, `sky_measures.WIDTH`).
PROBABILITIES, FAMILIARITY, SKY = "probabilities", "familiarity", "sky"

#: The keys of the file's metadata for those who do not know norrsken: the classes in their order, separated by commas,
#: and which frames the graph takes; and those of what norrsken needs, as JSON.
CLASSES, GRID, VERSION = "classes", "grid", "norrsken_version"
CLASSIFIER, SOURCE = "norrsken_classifier", "norrsken_frames"

#: Frames in a step: more make it no faster, and the memory of a small computer is small.
BATCH = 16


class OnnxClassifier(Calibrated):
    """The classifier of an ONNX file, as a `FrameModel`. Its probabilities are those of torch within 1e-4."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Raises `ClassifyError` where the file is no classifier that norrsken has exported."""
        here, sha256 = Path(path), digest(path)
        if sha256 is None:
            raise ClassifyError(f"{path}: there is no such file")
        self._session = opened(here.read_bytes(), str(path))
        about = self._session.get_modelmeta().custom_metadata_map
        missing = [key for key in (CLASSES, CLASSIFIER, SOURCE) if key not in about]
        if missing:
            raise ClassifyError(
                f"{path}: its metadata have no {missing[0]}: expected a file that norrsken export onnx has written"
            )
        try:
            settings = Classifier.model_validate_json(about[CLASSIFIER])
            self.source = FrameSource.model_validate_json(about[SOURCE])
        except ValidationError as error:
            raise ClassifyError(f"{path}: written by norrsken {about.get(VERSION)}: {first_problem(error)}") from None
        require_processing(here, self.source)
        super().__init__(here, settings, tuple(about[CLASSES].split(",")), sha256)

    def look(self, images: NDArray[np.uint8]) -> Look:
        """What the graph says of processed frames, each by itself: (n, 128, 128, 3) uint8."""
        names = [output.name for output in self._session.get_outputs()]
        parts = [
            self._session.run(names, {FRAMES: np.ascontiguousarray(images[start : start + BATCH])})
            for start in range(0, max(len(images), 1), BATCH)
        ]
        found = dict(zip(names, map(np.concatenate, zip(*parts, strict=True)), strict=True))
        return Look((found[PROBABILITIES],), found.get(FAMILIARITY), found.get(SKY))

    def probabilities_of(self, look: Look, around: Windows | None = None) -> NDArray[np.float64]:
        """Those of the graph, which holds the mean over runs and the calibration. around: it sees no other frames."""
        del around
        return np.asarray(look.said[0], np.float64)


def opened(graph: bytes, name: str) -> Any:
    """A session of onnxruntime that runs a graph on the CPU; who has a GPU has torch. name: of the file, for messages.

    Raises `ClassifyError` where it is no graph.
    """
    import onnxruntime

    try:
        return onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library's errors have no base of their own
        raise ClassifyError(f"{name}: onnxruntime cannot run it: {str(error).splitlines()[0]}") from None
