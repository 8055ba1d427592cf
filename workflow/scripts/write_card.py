"""Rule write_card: see `norrsken.report.cards`."""

from norrsken.config.jobs import ReportSettings
from norrsken.joblog import log_to
from norrsken.report.cards import write_card

with log_to(snakemake.log[0]):
    write_card(
        metrics=snakemake.input.metrics,
        predictions=snakemake.input.predictions,
        table2=snakemake.input.table2,
        votes=next(iter(snakemake.input.votes), None),
        classifier=next(iter(snakemake.input.classifier), None),
        noise=snakemake.input.noise or None,
        settings=ReportSettings.model_validate(snakemake.params.settings),
        output=snakemake.output[0],
    )
