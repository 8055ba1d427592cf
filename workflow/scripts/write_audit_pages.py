"""Rule write_audit_pages: see `norrsken.catalogue.audit`."""

from norrsken.catalogue.audit import write_audit_pages
from norrsken.config.jobs import LabellingSettings
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    write_audit_pages(
        sample=snakemake.input.sample,
        nights=snakemake.input.nights,
        labelling=LabellingSettings.model_validate(snakemake.params.settings),
        output=snakemake.output[0],
    )
