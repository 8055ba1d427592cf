"""Rule write_condition_page: see `norrsken.curation.conditions`."""

from norrsken.config.jobs import ConditionPageSettings
from norrsken.curation.conditions import write_condition_page
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    write_condition_page(
        months=snakemake.input.months,
        table=next(iter(snakemake.input.table), None),
        settings=ConditionPageSettings.model_validate(snakemake.params.settings),
        output=snakemake.output[0],
    )
