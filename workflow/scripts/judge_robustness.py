"""Rule judge_robustness: see `norrsken.yardsticks.robustness`."""

from norrsken.joblog import log_to
from norrsken.yardsticks.robustness import judge_robustness

with log_to(snakemake.log[0]):
    judge_robustness(metrics=snakemake.input.metrics, dataset=snakemake.input.dataset, output=snakemake.output[0])
