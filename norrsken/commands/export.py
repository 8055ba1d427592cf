"""`norrsken export`: what norrsken has made, in the forms that other tools read."""

import argparse
from pathlib import Path


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the kinds of the command, and what each does."""
    kinds = parser.add_subparsers(required=True, metavar="KIND")

    onnx = kinds.add_parser("onnx", help="a classifier as one ONNX file, which classifies frames without torch")
    onnx.add_argument(
        "classifier",
        metavar="CLASSIFIER",
        help="a catalogue's classifier.json, or general: the classifier that comes with the program",
    )
    onnx.add_argument("file", type=Path, metavar="FILE", help="the .onnx file to write")
    onnx.set_defaults(command=_onnx)


def _onnx(options: argparse.Namespace) -> int:
    from norrsken.config.general import FOLDER, GENERAL
    from norrsken.exchange.onnx import export_onnx

    classifier = FOLDER / "classifier.json" if options.classifier == GENERAL else Path(options.classifier)
    difference = export_onnx(classifier, options.file)
    print(f"{options.file}: probabilities are those of torch within {difference:.1e}")
    return 0
