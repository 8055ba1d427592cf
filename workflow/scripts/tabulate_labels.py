"""Rule tabulate_labels: see `norrsken.report.tables` and `norrsken.dataset.agreement`."""

from norrsken.config.label_set import LabelSet
from norrsken.dataset.agreement import agreement, consistency, course
from norrsken.files import write_csv
from norrsken.joblog import log_to
from norrsken.report.tables import set_table1, table1, write_set
from norrsken.tables import read_labelled, read_without_images

with log_to(snakemake.log[0]):
    label_set = LabelSet.model_validate(snakemake.params.label_set)
    names = label_set.names
    labelled = read_labelled(snakemake.input.labelled)
    table = table1(labelled, read_without_images(snakemake.input.dataset), snakemake.params.years, label_set)
    write_csv(table, snakemake.output.table1)
    write_set(set_table1(table, label_set), snakemake.output.markdown, snakemake.output.latex)
    write_csv(agreement(labelled, names), snakemake.output.agreement)
    write_csv(consistency(labelled, names), snakemake.output.consistency)
    write_csv(course(labelled, names), snakemake.output.course)
