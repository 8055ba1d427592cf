"""Rule copy_general: see `norrsken.config.general`."""

from pathlib import Path

from norrsken.config.general import FOLDER
from norrsken.files import copy_aside
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    for path in snakemake.output:
        copy_aside(FOLDER / Path(path).name, path)
