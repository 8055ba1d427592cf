"""Rule tabulate_labels: see `norrsken.agreement`."""

from norrsken.agreement import agreement, consistency, course, table1
from norrsken.files import write_csv
from norrsken.joblog import log_to
from norrsken.tables import read_without_images

with log_to(snakemake.log[0]):
    labelled = read_without_images(snakemake.input.labelled)
    write_csv(
        table1(labelled, read_without_images(snakemake.input.dataset), snakemake.params.years), snakemake.output.table1
    )
    write_csv(agreement(labelled), snakemake.output.agreement)
    write_csv(consistency(labelled), snakemake.output.consistency)
    write_csv(course(labelled), snakemake.output.course)
