"""`norrsken classify`: a trained model on frames as they come from the camera, or on night tables."""

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from norrsken.config.observatory import Observatory, load_observatory
from norrsken.config.site import FrameSource

if TYPE_CHECKING:
    from norrsken.classify.files import Problem
    from norrsken.classify.table import ClassifiedFrames
    from norrsken.classify.tonight import Tonight
    from norrsken.classify.verdict import FrameModel


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command, and what it does."""
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="the model first, a run's model.safetensors or model.skops, a catalogue's classifier.json, or an .onnx "
        "file that norrsken export onnx has written; then archived JPEGs, night tables, or folders of either",
    )
    parser.add_argument(
        "--general",
        action="store_true",
        help="in place of a model: the classifier that comes with the program, which was trained on the simulated sky "
        "alone; it also tells the sky's condition, how familiar a frame is to it, and why it gives no class",
    )
    parser.add_argument(
        "--config",
        metavar="CONFIG",
        help="a configuration whose cameras took the JPEGs, such as one of examples/cameras; by default they are of "
        "the cameras that the model was trained on",
    )
    parser.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="add the frames to FILE where it lacks them, instead of showing a table",
    )
    parser.add_argument(
        "--follow",
        nargs="?",
        type=_seconds,
        const=30.0,
        metavar="SECONDS",
        help="look for new files again and again, every SECONDS (30), and add their frames to FILE",
    )
    parser.add_argument(
        "--tonight",
        type=Path,
        metavar="FOLDER",
        help="with --follow: keep FOLDER/tonight.html, a page of the running night, and FOLDER/tonight.json, the same "
        "for programs, current; FOLDER may be one that a web server shows",
    )
    parser.set_defaults(command=_classify)


def _seconds(text: str) -> float:
    """The seconds of an argument, above 0."""
    seconds = float(text)
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text}: expected a number of seconds above 0")
    return seconds


def _classify(options: argparse.Namespace) -> int:
    from norrsken.classify.classifier_file import ClassifyError
    from norrsken.classify.frames import classify
    from norrsken.classify.table import ClassifiedFrames

    observatory = None if options.config is None else load_observatory(options.config)
    source = None if observatory is None else observatory.frame_source
    if options.follow and not options.csv:
        raise ClassifyError("--follow needs a file to add frames to: --csv FILE")
    if options.tonight and not options.follow:
        raise ClassifyError("--tonight shows the night while frames come: give --follow, too")
    model, paths = _model_and_paths(options)
    problems: dict[str, Problem] = {}
    if options.follow:
        with ClassifiedFrames(options.csv, model) as frames:
            tonight = None if options.tonight is None else _tonight(options, model, observatory)
            return _follow(model, paths, frames, options.follow, source, tonight)
    if options.csv:
        with ClassifiedFrames(options.csv, model) as frames:
            for table in classify(model, paths, problems, frames.done, source):
                frames.append(table)
    else:
        for i, table in enumerate(classify(model, paths, problems, source=source)):
            table["time"] = table["time"].dt.strftime("%Y-%m-%d %H:%M:%S")
            print(table.to_string(index=False, header=i == 0, float_format="{:.2f}".format))
    _tell_problems(problems)
    return 1 if problems else 0


def _model_and_paths(options: argparse.Namespace) -> "tuple[FrameModel, list[str]]":
    """The model that classifies, and what it is to classify. Raises `ClassifyError` where either is missing."""
    from norrsken.classify.classifier_file import ClassifyError

    path, *paths = options.paths
    try:
        if path.endswith(".onnx") and not options.general:
            from norrsken.classify.onnx_file import OnnxClassifier

            return OnnxClassifier(path), _required(path, paths)
        from norrsken.classify.general import general
        from norrsken.classify.model import Ensemble, FrameClassifier
    except ModuleNotFoundError as error:
        raise ClassifyError(
            f"{'--general' if options.general else path} needs {error.name}, which is not installed here; .onnx files "
            "need onnxruntime, all other models torch"
        ) from None
    if options.general:
        if options.config is None and not all(path.endswith(".parquet") for path in options.paths):
            raise ClassifyError("--general needs --config CONFIG, which says where the pixels of the camera look")
        return general(), options.paths
    return Ensemble(path) if path.endswith(".json") else FrameClassifier(path), _required(path, paths)


def _required(model: str, paths: list[str]) -> list[str]:
    """What is to be classified. Raises `ClassifyError` where it is nothing."""
    from norrsken.classify.classifier_file import ClassifyError

    if not paths:
        raise ClassifyError(f"expected a model and frames, found {model} alone; --general takes the place of a model")
    return paths


def _tonight(options: argparse.Namespace, model: "FrameModel", observatory: Observatory | None) -> "Tonight":
    """The page of the running night, as far as the file of frames tells it."""
    from norrsken.classify.shown_classes import shown_classes
    from norrsken.classify.tonight import Tonight

    classes = shown_classes(model.classes, options.config)
    tonight = Tonight(options.tonight, model, observatory, classes, options.follow)
    tonight.resume(options.csv)
    tonight.write()
    return tonight


def _follow(
    model: "FrameModel",
    paths: Sequence[str],
    frames: "ClassifiedFrames",
    seconds: float,
    source: FrameSource | None,
    tonight: "Tonight | None",
) -> int:
    """Classify new files until somebody presses Ctrl-C. tonight: the page of the night, if it is asked for."""
    from norrsken.classify.files import frame_name
    from norrsken.classify.table import follow

    name = frame_name(str(frames.path))
    print(f"{name}: {len(frames.done)} frames; looking for new ones every {seconds:g} s, Ctrl-C ends", flush=True)
    try:
        for added, problems in follow(model, paths, frames, seconds, source, tonight):
            if added:
                print(f"{name}: {added} frames added", flush=True)
            _tell_problems(problems)
            if tonight is not None:
                _write(tonight)
    except KeyboardInterrupt:
        print(f"{name}: stopped, {len(frames.done)} frames")
    return 0


def _write(tonight: "Tonight") -> None:
    """Write the page of the night; a full disk or another trouble of the system does not end the classifying."""
    try:
        tonight.write()
    except OSError as error:
        print(f"norrsken: the page of the night is not written: {error}; the next look tries again", file=sys.stderr)


def _tell_problems(problems: "Mapping[str, Problem]") -> None:
    from norrsken.classify.files import frame_name

    for path, problem in problems.items():
        print(f"norrsken: not classified: {frame_name(f'{path}: {problem}')}", file=sys.stderr, flush=True)
