"""Rule write_summary: see `norrsken.report.summary`."""

from norrsken.evaluation.scores import read_metrics
from norrsken.joblog import log_to
from norrsken.report.summary import write_summary

with log_to(snakemake.log[0]):
    write_summary(
        configuration=snakemake.params.configuration,
        sources=snakemake.params.sources,
        dataset=snakemake.input.dataset,
        metrics=read_metrics(snakemake.input.metrics),
        table2=snakemake.input.table2,
        output=snakemake.output[0],
    )
