"""Rule draw_annotators: see `norrsken.figures.labels`."""

import pandas as pd

from norrsken.config.label_set import LabelSet
from norrsken.figures.labels import draw_annotators, draw_course
from norrsken.joblog import log_to
from norrsken.tables import read_labelled

with log_to(snakemake.log[0]):
    label_set = LabelSet.model_validate(snakemake.params.label_set)
    draw_annotators(read_labelled(snakemake.input.labelled), label_set, snakemake.output.annotators)
    draw_course(pd.read_csv(snakemake.input.course), label_set, snakemake.output.course)
