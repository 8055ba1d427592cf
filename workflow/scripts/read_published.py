"""Rule read_published: see `norrsken.dataset.published`."""

from norrsken.config.jobs import PublishedSettings
from norrsken.dataset.published import read_published
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    read_published(
        folders=dict(snakemake.input.items()),
        settings=PublishedSettings.model_validate(snakemake.params.settings),
        output=snakemake.output[0],
    )
