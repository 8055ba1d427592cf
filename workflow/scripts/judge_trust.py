"""Rule judge_trust: see `norrsken.yardsticks.trust`."""

from norrsken.joblog import log_to
from norrsken.yardsticks.trust import judge_trust

with log_to(snakemake.log[0]):
    judge_trust(
        metrics=snakemake.input.metrics,
        predictions=snakemake.input.predictions,
        validations=snakemake.input.validations,
        dataset=snakemake.input.dataset,
        labelled=snakemake.input.labelled,
        **dict(snakemake.output.items()),
    )
