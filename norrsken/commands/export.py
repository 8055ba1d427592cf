"""`norrsken export`: what norrsken has made, in the forms that other tools read."""

import argparse
from collections.abc import Sequence
from datetime import date
from pathlib import Path


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the kinds of the command, and what each does."""
    kinds = parser.add_subparsers(required=True, metavar="KIND")
    _add_skymap(kinds.add_parser("skymap", help="where the pixels of a camera look, as NetCDF"))
    _add_aurorax(kinds.add_parser("aurorax", help="a catalogue as records of AuroraX, as JSON; nothing is sent"))
    _add_onnx(kinds.add_parser("onnx", help="a classifier as one ONNX file, which classifies frames without torch"))


def _add_skymap(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="the NetCDF file to write")
    parser.add_argument("--config", default="config.yaml", help="the configuration with site and camera (%(default)s)")
    frames = parser.add_mutually_exclusive_group()
    frames.add_argument(
        "--camera",
        type=date.fromisoformat,
        metavar="DATE",
        help="the valid_from of the camera, where the configuration has several",
    )
    frames.add_argument(
        "--processed", action="store_true", help="of the processed frames, 128 × 128, instead of the archived ones"
    )
    parser.set_defaults(command=_skymap)


def _skymap(options: argparse.Namespace) -> int:
    from norrsken.config.observatory import load_observatory
    from norrsken.exchange.skymap import HEIGHTS, chosen_camera, write_skymap

    observatory = load_observatory(options.config)
    camera = None if options.processed else chosen_camera(observatory.cameras, options.camera)
    rows, columns = write_skymap(observatory, options.file, camera)
    heights = ", ".join(map(str, HEIGHTS))
    print(f"{options.file}: where {rows} × {columns} pixels (rows × columns) look, and where at {heights} km")
    return 0


def _add_aurorax(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "catalogue",
        nargs="+",
        metavar="CATALOGUE",
        help="a catalogue, such as results/RELEASE/catalogue, or folders of some of its months",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the JSON file to write")
    parser.add_argument("--config", default="config.yaml", help="the configuration with site and release (%(default)s)")
    parser.add_argument("--release", help="the release whose catalogue it is (that of the configuration)")
    parser.add_argument("--program", default="norrsken", help="as AuroraX calls it (%(default)s)")
    parser.add_argument("--platform", help="as AuroraX calls the site (its name in the configuration, in lower case)")
    parser.add_argument("--instrument-type", default="RGB ASI", help="as AuroraX calls it (%(default)s)")
    parser.add_argument("--dry-upload", action="store_true", help="show what an upload would send; nothing is sent")
    parser.set_defaults(command=_aurorax)


def _aurorax(options: argparse.Namespace) -> int:
    from norrsken.config.base import ConfigError
    from norrsken.config.config import load
    from norrsken.errors import quoted
    from norrsken.exchange.aurorax import Source, described_upload, write_records

    config = load(options.config)
    release = options.release or config.release
    if release not in config.releases:
        raise ConfigError(f"--release is {release!r}; {options.config} has {quoted(config.releases)}")
    source = Source(options.program, options.platform or config.site.name.lower(), options.instrument_type)
    classes, title = config.label_set(release).class_names, config.releases[release].title
    written = write_records(_months(options.catalogue), config.site, classes, title, source, options.file)
    print(f"{options.file}: {written.records} records, one a minute")
    if options.dry_upload:
        for line in described_upload(written, source):
            print(line)
    return 0


def _months(folders: Sequence[str]) -> list[str]:
    """The folders of months: those that are named, and all of a catalogue that is named as a whole."""
    found: list[str] = []
    for folder in folders:
        months = sorted(str(path) for path in Path(folder).glob("????-??") if path.is_dir())
        found += months or [folder]
    return found


def _add_onnx(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "classifier",
        metavar="CLASSIFIER",
        help="a catalogue's classifier.json, or general: the classifier that comes with the program",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the .onnx file to write")
    parser.set_defaults(command=_onnx)


def _onnx(options: argparse.Namespace) -> int:
    from norrsken.config.general import FOLDER, GENERAL
    from norrsken.exchange.onnx import export_onnx

    classifier = FOLDER / "classifier.json" if options.classifier == GENERAL else Path(options.classifier)
    difference = export_onnx(classifier, options.file)
    print(f"{options.file}: probabilities are those of torch within {difference:.1e}")
    return 0
