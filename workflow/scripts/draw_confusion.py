"""Rule draw_confusion: see `norrsken.figures.scores`."""

from norrsken.config.label_set import LabelSet
from norrsken.evaluation.scores import read_metrics
from norrsken.figures.scores import draw_confusion
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    label_set = LabelSet.model_validate(snakemake.params.label_set)
    draw_confusion(read_metrics(snakemake.input), label_set, snakemake.output.png)
