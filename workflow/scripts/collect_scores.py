"""Rule collect_scores: see `norrsken.scores`."""

from norrsken.errors import log_to
from norrsken.files import write_csv
from norrsken.scores import collect_scores, read_metrics

log_to(snakemake.log[0])
write_csv(collect_scores(read_metrics(snakemake.input)), snakemake.output[0])
