"""The general classifier, which comes with the program: what a configuration calls it, and where its files lie."""

from pathlib import Path

import norrsken

#: What it is called as `catalogue.model`, and in the tables. No entry of `models` may have this name.
GENERAL = "general"

#: The folder of its files: its classifier.json, and beside it what that names.
FOLDER = Path(norrsken.__file__).with_name("general")

#: The precision for which its limits were made.
PRECISION = 0.9
