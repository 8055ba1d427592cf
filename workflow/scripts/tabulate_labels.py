"""Rule tabulate_labels: see `norrsken.report.tables` and `norrsken.dataset.agreement`."""

from norrsken.dataset.agreement import agreement, consistency, course
from norrsken.files import write_csv
from norrsken.joblog import log_to
from norrsken.report.tables import set_table1, table1, write_set
from norrsken.tables import read_without_images

with log_to(snakemake.log[0]):
    labelled = read_without_images(snakemake.input.labelled)
    table = table1(labelled, read_without_images(snakemake.input.dataset), snakemake.params.years)
    write_csv(table, snakemake.output.table1)
    write_set(set_table1(table), snakemake.output.markdown, snakemake.output.latex)
    write_csv(agreement(labelled), snakemake.output.agreement)
    write_csv(consistency(labelled), snakemake.output.consistency)
    write_csv(course(labelled), snakemake.output.course)
