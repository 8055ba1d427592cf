"""Rule choose_condition: see `norrsken.classify.choose`."""

from norrsken.classify.choose import choose_condition
from norrsken.config.jobs import LabelSettings
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    choose_condition(
        labelled=snakemake.input.labelled or None,
        dataset=snakemake.input.dataset or None,
        split=snakemake.params.split,
        table=next(iter(snakemake.input.table), None),
        months=snakemake.input.months,
        settings=LabelSettings.model_validate(snakemake.params.settings),
        output=snakemake.output[0],
    )
