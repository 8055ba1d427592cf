"""Rule draw_confusion: see `norrsken.figures`."""

from norrsken.figures.scores import draw_confusion
from norrsken.joblog import log_to
from norrsken.scores import read_metrics

with log_to(snakemake.log[0]):
    draw_confusion(read_metrics(snakemake.input), snakemake.output.png)
