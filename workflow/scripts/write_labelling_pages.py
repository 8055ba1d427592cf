"""Rule write_labelling_pages: see `norrsken.curation.labelling`."""

from norrsken.config.jobs import LabellingSettings
from norrsken.curation.labelling import write_labelling_pages
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    write_labelling_pages(
        months=snakemake.input.months,
        selections=next(iter(snakemake.input.selections), None),
        earlier=next(iter(snakemake.input.earlier), None),
        sample=next(iter(snakemake.input.sample), None),
        settings=LabellingSettings.model_validate(snakemake.params.settings),
        output=snakemake.output[0],
    )
