"""Rule write_night_pages: see `norrsken.catalogue.night_pages`."""

from norrsken.catalogue.night_pages import write_night_pages
from norrsken.config.jobs import NightPageSettings
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    write_night_pages(
        catalogue=snakemake.input.catalogue,
        nights=snakemake.input.nights,
        keograms=snakemake.input.keograms,
        events=snakemake.input.events,
        lost=snakemake.params.lost,
        settings=NightPageSettings.model_validate(snakemake.params.settings),
        output=snakemake.output[0],
    )
