"""Rule draw_audit: see `norrsken.catalogue.audit`."""

from norrsken.catalogue.audit import draw_audit
from norrsken.config.releases import Audit
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    draw_audit(
        catalogue=snakemake.input.catalogue,
        audit=Audit.model_validate(snakemake.params.audit),
        output=snakemake.output[0],
    )
