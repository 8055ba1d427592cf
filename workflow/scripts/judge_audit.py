"""Rule judge_audit: see `norrsken.catalogue.audit`."""

from norrsken.catalogue.audit import judge_audit
from norrsken.config.jobs import LabelSettings
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    judge_audit(
        sample=snakemake.input.sample,
        label_paths=list(snakemake.input.labels),
        catalogue=snakemake.input.catalogue,
        settings=LabelSettings.model_validate(snakemake.params.settings),
        output=snakemake.output[0],
    )
