"""Rule choose_condition: see `norrsken.classify.condition`."""

from norrsken.classify.condition import choose_condition, take_shipped
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    if snakemake.input:
        choose_condition(
            labelled=snakemake.input.labelled,
            dataset=snakemake.input.dataset,
            split=snakemake.params.split,
            output=snakemake.output[0],
        )
    else:
        take_shipped(snakemake.output[0])
