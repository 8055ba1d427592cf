"""`norrsken classify`: a trained model on frames as they come from the camera, or on night tables."""

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from norrsken.config.observatory import load_observatory
from norrsken.config.site import FrameSource

if TYPE_CHECKING:
    from norrsken.classify.files import Problem
    from norrsken.classify.model import FrameModel
    from norrsken.classify.table import ClassifiedFrames


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command, and what it does."""
    parser.add_argument(
        "model", metavar="MODEL", help="a run's model.safetensors or model.skops, or a catalogue's classifier.json"
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="archived JPEGs, night tables, or folders of either")
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
    parser.set_defaults(command=_classify)


def _seconds(text: str) -> float:
    """The seconds of an argument, above 0."""
    seconds = float(text)
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text}: expected a number of seconds above 0")
    return seconds


def _classify(options: argparse.Namespace) -> int:
    from norrsken.classify.frames import classify
    from norrsken.classify.model import ClassifyError, FrameClassifier
    from norrsken.classify.table import ClassifiedFrames

    source = None if options.config is None else load_observatory(options.config).frame_source
    if options.follow and not options.csv:
        raise ClassifyError("--follow needs a file to add frames to: --csv FILE")
    if options.model.endswith(".json"):
        from norrsken.classify.model import Ensemble

        model: FrameModel = Ensemble(options.model)
    else:
        model = FrameClassifier(options.model)
    problems: dict[str, Problem] = {}
    if options.follow:
        with ClassifiedFrames(options.csv, model) as frames:
            return _follow(model, options.paths, frames, options.follow, source)
    if options.csv:
        with ClassifiedFrames(options.csv, model) as frames:
            for table in classify(model, options.paths, problems, frames.done, source):
                frames.append(table)
    else:
        for i, table in enumerate(classify(model, options.paths, problems, source=source)):
            table["time"] = table["time"].dt.strftime("%Y-%m-%d %H:%M:%S")
            print(table.to_string(index=False, header=i == 0, float_format="{:.2f}".format))
    _tell_problems(problems)
    return 1 if problems else 0


def _follow(
    model: "FrameModel", paths: Sequence[str], frames: "ClassifiedFrames", seconds: float, source: FrameSource | None
) -> int:
    """Classify new files until somebody presses Ctrl-C."""
    from norrsken.classify.files import frame_name
    from norrsken.classify.table import follow

    name = frame_name(str(frames.path))
    print(f"{name}: {len(frames.done)} frames; looking for new ones every {seconds:g} s, Ctrl-C ends", flush=True)
    try:
        for added, problems in follow(model, paths, frames, seconds, source):
            if added:
                print(f"{name}: {added} frames added", flush=True)
            _tell_problems(problems)
    except KeyboardInterrupt:
        print(f"{name}: stopped, {len(frames.done)} frames")
    return 0


def _tell_problems(problems: "Mapping[str, Problem]") -> None:
    from norrsken.classify.files import frame_name

    for path, problem in problems.items():
        print(f"norrsken: not classified: {frame_name(f'{path}: {problem}')}", file=sys.stderr, flush=True)
