"""`norrsken calibrate`: the lens of a camera from the stars in its frames, or its colours from its night tables."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from norrsken.config.colour import DEFAULT_TONE
from norrsken.config.observatory import Observatory, load_observatory
from norrsken.config.site import Camera
from norrsken.errors import NorrskenError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: More frames make a lens no better, but fill the memory.
_MOST_FRAMES = 30


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command, and what it does."""
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="some clear, moonless frames, better of different hours; with --colour night tables or folders of them",
    )
    parser.add_argument("--config", default="config.yaml", help="the configuration with site and camera (%(default)s)")
    parser.add_argument(
        "--picture", type=Path, metavar="FILE", help="the frame to draw with its stars (calibration.png)"
    )
    parser.add_argument(
        "--colour",
        nargs="+",
        metavar="TABLE",
        help="find the matrix of colours instead, which makes the frames of the night tables PATH like those of these "
        "tables, such as a release's labelled.parquet",
    )
    parser.set_defaults(command=_calibrate)


def _calibrate(options: argparse.Namespace) -> int:
    observatory = load_observatory(options.config)
    lines = _colour(observatory, options) if options.colour else _lens(observatory, options)
    for line in lines:
        print(line, flush=True)
    return 0


def _lens(observatory: Observatory, options: argparse.Namespace) -> Iterator[str]:
    """The entry of the lens, as it stands under a camera, with what is known of it in comments."""
    from numpy import argmax, array

    from norrsken.cameras.calibrate import calibrate
    from norrsken.catalogue.magnetic import magnetic_north
    from norrsken.figures.calibration import draw_calibration

    camera, frames, times = _frames(observatory, options.paths)
    found = calibrate(frames, array(times, "int64"), observatory.site, camera.lens)
    picture = options.picture or Path("calibration.png")
    most = int(argmax(found.stars))
    draw_calibration(frames[most], found.lens, found.matched.of(most), picture)
    yield "    lens:"
    for key, value in found.lens.model_dump(mode="json").items():
        if key != "alpha" or found.lens.projection == "sine":
            yield f"      {key}: {value}"
    yield (
        f"# {sum(found.stars)} stars in {len(frames)} frames, residual {found.residual:.2f}°, formal error of "
        f"directions {found.error:.2f}°; {picture} shows them"
    )
    up = magnetic_north(observatory.site, times[0])
    yield f"# With site.up: {up:.0f}, magnetic north is at the top of frames; now site.up is {observatory.site.up:g}"
    for doubt in found.doubts:
        yield f"# Unsure: {doubt}"


def _frames(observatory: Observatory, given: Sequence[str]) -> tuple[Camera, list["NDArray[np.uint8]"], list[int]]:
    """The camera, its frames (height, width, 3) and their times, milliseconds since 1970.

    What cannot be read is said. Raises `NorrskenError` where nothing can be read, or the frames are of several cameras.
    """
    from norrsken.classify.files import Problem, frame_files, of_system
    from norrsken.nights.images import UnreadableImage, WrongGeometry, read_frame
    from norrsken.nights.names import NameReader

    problems: dict[str, Problem] = {}
    paths = [path for path in frame_files(given, problems) if not path.lower().endswith(".parquet")]
    if len(paths) > _MOST_FRAMES:
        print(f"norrsken: {_MOST_FRAMES} of {len(paths)} frames are taken, evenly spaced", file=sys.stderr)
        paths = [paths[i * len(paths) // _MOST_FRAMES] for i in range(_MOST_FRAMES)]
    reader = NameReader(observatory.cameras, observatory.archive.clock, observatory.site.longitude)
    pattern = observatory.archive.pattern
    frames, times, cameras = [], [], list[Camera]()
    for path in paths:
        name = reader.read(Path(path).name)
        if isinstance(name, str):  # where the names tell the time only, the folders tell the date
            leaf = next(filter(None, (pattern.leaf(below) for below in _below(path))), None)
            name = reader.read(Path(path).name, leaf) if leaf else name
        if isinstance(name, str):
            problems[path] = Problem(f"{name}; the pattern is {reader.patterns}", lasting=True)
            continue
        camera = observatory.cameras[name.camera]
        try:
            frames.append(read_frame(path, camera))
        except (UnreadableImage, WrongGeometry) as error:
            problems[path] = Problem(str(error), lasting=True)
            continue
        except OSError as error:
            problems[path] = of_system(error)
            continue
        times.append(round(name.time.timestamp() * 1000))
        cameras.append(camera)
    for path, problem in problems.items():
        print(f"norrsken: left out: {path}: {problem}", file=sys.stderr)
    if not frames:
        raise NorrskenError("no frame can be read: name some clear, moonless frames of the camera")
    if any(camera != cameras[0] for camera in cameras):
        raise NorrskenError("the frames are of several cameras; calibrate one after the other")
    return cameras[0], frames, times


def _below(path: str) -> list[str]:
    """The folder of a file, as seen from each folder above it, the nearest first."""
    parts = Path(path).parent.parts
    return ["/".join(parts[start:]) for start in range(len(parts) - 1, 0, -1)]


def _colour(observatory: Observatory, options: argparse.Namespace) -> Iterator[str]:
    """The entry of the matrix, as it stands under a camera."""
    from norrsken import tables
    from norrsken.cameras.colours import matrix, seen

    own, others = (_tables(paths) for paths in (options.paths, options.colour))
    for path in own:
        mapped = [camera for camera in tables.frame_source(path).cameras if camera.colour is not None]
        if mapped:
            raise NorrskenError(f"{path}: colours are mapped already; find the matrix from tables made without colour")
    camera = observatory.cameras[-1]
    found, wanted = seen(own, camera.tone), seen(others, DEFAULT_TONE)
    yield "    colour:"
    for row in matrix(found, wanted):
        yield f"      - [{', '.join(f'{value:.3f}' for value in row)}]"
    yield f"# from {found.frames} frames of green aurora, and {wanted.frames} of the others"


def _tables(paths: Sequence[str]) -> list[Path]:
    """The tables among paths, and in folders."""
    from norrsken.classify.files import frame_files

    found = [Path(path) for path in frame_files(paths, {}) if path.lower().endswith(".parquet")]
    if not found:
        raise NorrskenError(f"{', '.join(paths)}: no night table is there")
    return found
