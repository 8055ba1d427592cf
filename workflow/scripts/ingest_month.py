"""Rule ingest_month: see `norrsken.nights.ingest`."""

import os

from norrsken.config.jobs import NightSettings
from norrsken.joblog import log_to
from norrsken.nights.ingest import ingest_month

# The place of the archive is no param, so that an archive can be moved.
root = snakemake.config["archive"]["root"]

with log_to(snakemake.log[0]):
    ingest_month(
        root=root,
        directories=[os.path.join(root, path) for path in snakemake.params.directories],
        month=snakemake.wildcards.month,
        settings=NightSettings.model_validate(snakemake.params.settings),
        nights=snakemake.output.nights,
        keograms=snakemake.output.keograms,
        kept=snakemake.params.kept,
        workers=snakemake.threads,
    )
