"""Rule judge_untrained: see `norrsken.catalogue.untrained`."""

from norrsken.catalogue.untrained import judge_untrained
from norrsken.files import write_csv, write_json
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    table, correction = judge_untrained(
        labelled=snakemake.input.labelled,
        dataset=next(iter(snakemake.input.dataset), None),
        classifier=snakemake.input.classifier,
        condition=snakemake.input.condition,
    )
    write_csv(table, snakemake.output.table)
    write_json(correction.plain(), snakemake.output.correction)
