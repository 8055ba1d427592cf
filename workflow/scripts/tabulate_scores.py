"""Rule tabulate_scores: see `norrsken.report.tables` and `norrsken.evaluation.intervals`."""

from norrsken.evaluation.intervals import intervals
from norrsken.evaluation.scores import read_metrics
from norrsken.files import write_csv
from norrsken.joblog import log_to
from norrsken.report.tables import set_table2, table2, write_set
from norrsken.tables import label_names

with log_to(snakemake.log[0]):
    metrics = read_metrics(snakemake.input.metrics)
    sure = intervals(metrics, snakemake.input.predictions, snakemake.input.dataset)
    table = table2(metrics, label_names(snakemake.input.dataset)).merge(sure, on=["model", "split"])
    write_csv(table, snakemake.output.csv)
    write_set(set_table2(table), snakemake.output.markdown, snakemake.output.latex)
