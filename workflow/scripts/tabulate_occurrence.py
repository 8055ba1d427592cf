"""Rule tabulate_occurrence: see `norrsken.catalogue.occurrence` and `norrsken.figures.occurrence`."""

from norrsken.catalogue.occurrence import tabulate_occurrence
from norrsken.figures.occurrence import draw_occurrence
from norrsken.files import write_csv
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    table = tabulate_occurrence(snakemake.input.months, next(iter(snakemake.input.kp), None))
    write_csv(table, snakemake.output.table)
    for by, path in zip(snakemake.params.by, snakemake.output.figures, strict=True):
        draw_occurrence(table, by, path, reference=snakemake.params.kiruna)
