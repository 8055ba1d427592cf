"""Rule ingest_month: see `norrsken.nights.ingest`."""

from norrsken.config.jobs import NightSettings
from norrsken.joblog import log_to
from norrsken.nights.ingest import ingest_month

with log_to(snakemake.log[0]):
    ingest_month(
        root=snakemake.params.root,
        directories=snakemake.input,
        month=snakemake.wildcards.month,
        settings=NightSettings.model_validate(snakemake.params.settings),
        nights=snakemake.output.nights,
        keograms=snakemake.output.keograms,
        workers=snakemake.threads,
    )
