"""Rule tabulate_occurrence: see `norrsken.catalogue.occurrence` and `norrsken.figures.occurrence`."""

from norrsken.catalogue.correction import no_correction, read_correction
from norrsken.catalogue.occurrence import tabulate_occurrence
from norrsken.config.label_set import LabelSet
from norrsken.figures.occurrence import draw_occurrence
from norrsken.files import write_csv
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    label_set = LabelSet.model_validate(snakemake.params.label_set)
    fitted = next(iter(snakemake.input.correction), None)
    correction = no_correction(label_set.judged) if fitted is None else read_correction(fitted)
    table = tabulate_occurrence(snakemake.input.months, next(iter(snakemake.input.kp), None), correction, label_set)
    write_csv(table, snakemake.output.table)
    for by, path in zip(snakemake.params.by, snakemake.output.figures, strict=True):
        draw_occurrence(table, by, label_set, path, reference=snakemake.params.kiruna)
