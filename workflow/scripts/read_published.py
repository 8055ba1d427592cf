"""Rule read_published: see `norrsken.published`."""

from norrsken.config import PublishedSettings
from norrsken.joblog import log_to
from norrsken.published import read_published

with log_to(snakemake.log[0]):
    read_published(
        folders=dict(snakemake.input.items()),
        settings=PublishedSettings.model_validate(snakemake.params.settings),
        output=snakemake.output[0],
    )
