"""Rule train_run: see `norrsken.training.run`."""

from norrsken.config.jobs import RunSettings
from norrsken.joblog import log_to
from norrsken.training.run import train_run

with log_to(snakemake.log[0]):
    train_run(
        dataset=snakemake.input.dataset,
        labelled=next(iter(snakemake.input.labelled), None),
        frames=next(iter(snakemake.input.frames), None),
        features=next(iter(snakemake.input.features), None),
        split=snakemake.wildcards.split,
        seed=int(snakemake.wildcards.seed),
        settings=RunSettings.model_validate(snakemake.params.settings),
        history=snakemake.output.history,
        predictions=snakemake.output.predictions,
        validation=snakemake.output.validation,
        metrics=snakemake.output.metrics,
    )
