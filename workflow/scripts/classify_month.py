"""Rule classify_month: see `norrsken.catalogue.frames`."""

from norrsken.catalogue.frames import classify_month
from norrsken.config.site import Place
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    classify_month(
        nights=snakemake.input.nights,
        beside=list(snakemake.input.beside),
        classifier=snakemake.input.classifier,
        condition=snakemake.input.condition,
        site=Place.model_validate(snakemake.params.site),
        output=snakemake.output[0],
    )
