"""Rule draw_annotators: see `norrsken.figures.labels`."""

import pandas as pd

from norrsken.figures.labels import draw_annotators, draw_course
from norrsken.joblog import log_to
from norrsken.tables import read_without_images

with log_to(snakemake.log[0]):
    draw_annotators(read_without_images(snakemake.input.labelled), snakemake.output.annotators)
    draw_course(pd.read_csv(snakemake.input.course), snakemake.output.course)
