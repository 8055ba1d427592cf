"""Rule judge_drift: see `norrsken.yardsticks.drift`."""

from norrsken.joblog import log_to
from norrsken.yardsticks.drift import judge_drift

with log_to(snakemake.log[0]):
    judge_drift(
        metrics=snakemake.input.metrics,
        predictions=snakemake.input.predictions,
        validations=snakemake.input.validations,
        dataset=snakemake.input.dataset,
        **dict(snakemake.output.items()),
    )
