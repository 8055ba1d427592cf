"""Rule tabulate_scores: see `norrsken.scores`."""

from norrsken.errors import log_to
from norrsken.files import write_csv
from norrsken.scores import read_metrics, table2

log_to(snakemake.log[0])
write_csv(table2(read_metrics(snakemake.input)), snakemake.output[0])
