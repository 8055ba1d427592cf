"""Rule tabulate_resources: see `norrsken.report.resources`."""

from norrsken.files import write_csv
from norrsken.joblog import log_to
from norrsken.report.resources import tabulate_resources

with log_to(snakemake.log[0]):
    table = tabulate_resources(
        benchmarks=snakemake.params.benchmarks,
        features=snakemake.input.features,
        metrics=snakemake.input.metrics,
    )
    write_csv(table, snakemake.output[0])
