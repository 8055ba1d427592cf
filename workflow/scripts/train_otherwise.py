"""Rule train_otherwise: see `norrsken.yardsticks.divisions`."""

from norrsken.config.jobs import RunSettings
from norrsken.joblog import log_to
from norrsken.yardsticks.divisions import train_otherwise

with log_to(snakemake.log[0]):
    train_otherwise(
        dataset=snakemake.input.dataset,
        features=next(iter(snakemake.input.features), None),
        split=snakemake.params.split,
        part=snakemake.wildcards.part,
        seed=int(snakemake.wildcards.seed),
        settings=RunSettings.model_validate(snakemake.params.settings),
        output=snakemake.output[0],
    )
