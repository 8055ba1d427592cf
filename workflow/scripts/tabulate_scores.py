"""Rule tabulate_scores: see `norrsken.report.tables` and `norrsken.evaluation.intervals`."""

from norrsken.evaluation.intervals import intervals
from norrsken.evaluation.scores import read_metrics
from norrsken.evaluation.validation import validation_f1
from norrsken.files import write_csv
from norrsken.joblog import log_to
from norrsken.report.tables import set_table2, table2, write_set
from norrsken.tables import label_names, read_without_images

with log_to(snakemake.log[0]):
    metrics = read_metrics(snakemake.input.metrics)
    nights = read_without_images(snakemake.input.dataset).set_index("frame_id")["night"]
    validation = validation_f1(metrics, snakemake.input.validations, nights)
    sure = intervals(metrics, snakemake.input.predictions, snakemake.input.dataset, validation)
    table = table2(metrics, label_names(snakemake.input.dataset), validation).merge(sure, on=["model", "split"])
    write_csv(table, snakemake.output.csv)
    write_set(set_table2(table), snakemake.output.markdown, snakemake.output.latex)
