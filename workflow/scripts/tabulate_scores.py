"""Rule tabulate_scores: see `norrsken.scores`."""

from norrsken.files import write_csv
from norrsken.joblog import log_to
from norrsken.scores import read_metrics, table2

with log_to(snakemake.log[0]):
    write_csv(table2(read_metrics(snakemake.input)), snakemake.output[0])
