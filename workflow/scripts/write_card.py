"""Rule write_card: see `norrsken.cards`."""

from norrsken.best import Runs
from norrsken.cards import write_card
from norrsken.config import ReportSettings
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    settings = ReportSettings.model_validate(snakemake.params.settings)
    release, model = snakemake.wildcards.release, snakemake.wildcards.model
    runs = [Runs(release, split, model, snakemake.params.seeds) for split in settings.splits]
    write_card(runs, snakemake.input.table2, settings, snakemake.output[0])
