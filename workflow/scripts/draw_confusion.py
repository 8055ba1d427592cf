"""Rule draw_confusion: see `norrsken.figures.scores`."""

from norrsken.evaluation.scores import read_metrics
from norrsken.figures.scores import draw_confusion
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    draw_confusion(read_metrics(snakemake.input), snakemake.output.png)
