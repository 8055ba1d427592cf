"""Rule judge_untrained: see `norrsken.catalogue.untrained`."""

from norrsken.catalogue.correction import write_correction
from norrsken.catalogue.untrained import judge_untrained
from norrsken.files import write_csv
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    table, correction = judge_untrained(
        labelled=snakemake.input.labelled,
        dataset=snakemake.input.dataset,
        classifier=snakemake.input.classifier,
        condition=snakemake.input.condition,
    )
    write_csv(table, snakemake.output.table)
    write_correction(correction, snakemake.output.correction)
