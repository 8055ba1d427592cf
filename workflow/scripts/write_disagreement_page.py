"""Rule write_disagreement_page: see `norrsken.curation.disagreements`."""

from norrsken.config.label_set import LabelSet
from norrsken.curation.disagreements import write_disagreement_page
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    label_set = LabelSet.model_validate(snakemake.params.label_set)
    write_disagreement_page(
        labelled=snakemake.input[0],
        adjudicated=snakemake.params.adjudicated,
        release=snakemake.wildcards.release,
        label_set=label_set,
        output=snakemake.output[0],
    )
