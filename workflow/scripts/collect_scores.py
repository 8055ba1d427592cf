"""Rule collect_scores: see `norrsken.evaluation.scores`."""

from norrsken.evaluation.scores import collect_scores, read_metrics
from norrsken.files import write_csv
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    write_csv(collect_scores(read_metrics(snakemake.input)), snakemake.output[0])
