"""Rule compare_with_truth: see `norrsken.catalogue.truth`."""

from norrsken.catalogue.truth import compare_with_truth
from norrsken.config.jobs import ReportSettings
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    compare_with_truth(
        months=snakemake.input.months,
        occurrence=snakemake.input.occurrence,
        truth=snakemake.params.truth,
        settings=ReportSettings.model_validate(snakemake.params.settings),
        output=snakemake.output[0],
    )
