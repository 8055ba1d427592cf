"""Rule write_keogram_page: see `norrsken.curation.keograms`."""

from norrsken.config.jobs import KeogramPageSettings
from norrsken.curation.keograms import write_keogram_page
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    write_keogram_page(
        nights=snakemake.input.nights,
        keograms=snakemake.input.keograms,
        settings=KeogramPageSettings.model_validate(snakemake.params.settings),
        output=snakemake.output[0],
    )
