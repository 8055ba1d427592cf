"""Rule draw_sample: see `norrsken.classify.sample`."""

from norrsken.classify.general import general
from norrsken.classify.sample import draw_sample
from norrsken.config.jobs import SampleSettings
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    draw_sample(
        months=list(snakemake.input.months),
        selections=next(iter(snakemake.input.selections), None),
        classifier=general(),
        settings=SampleSettings.model_validate(snakemake.params.settings),
        output=snakemake.output[0],
    )
