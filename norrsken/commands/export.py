"""`norrsken export`: what norrsken has made, in the forms that other tools read."""

import argparse


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the kinds of the command, and what each does."""
    parser.add_subparsers(required=True, metavar="KIND")
