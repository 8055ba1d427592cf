"""Rule choose_condition: see `norrsken.classify.condition`."""

from norrsken.classify.condition import choose_condition
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    choose_condition(
        labelled=next(iter(snakemake.input.labelled), None),
        dataset=next(iter(snakemake.input.dataset), None),
        split=snakemake.params.split,
        output=snakemake.output[0],
    )
