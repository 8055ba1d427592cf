"""Rule write_disagreement_page: see `norrsken.curation.disagreements`."""

from norrsken.curation.disagreements import write_disagreement_page
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    write_disagreement_page(snakemake.input[0], snakemake.wildcards.release, snakemake.output[0])
