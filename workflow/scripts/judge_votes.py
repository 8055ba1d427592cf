"""Rule judge_votes: see `norrsken.classify.ambiguous`."""

from norrsken.classify.ambiguous import judge_votes
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    judge_votes(
        metrics=snakemake.input.metrics,
        predictions=snakemake.input.predictions,
        validations=snakemake.input.validations,
        dataset=snakemake.input.dataset,
        labelled=snakemake.input.labelled,
        output=snakemake.output[0],
    )
