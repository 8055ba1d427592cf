"""Rule merge_labels: see `norrsken.labels`."""

from norrsken.config import LabelSettings
from norrsken.joblog import log_to
from norrsken.labels import merge_labels

with log_to(snakemake.log[0]):
    merge_labels(
        label_paths=list(snakemake.input.labels),
        adjudicated=next(iter(snakemake.input.adjudicated), None),
        selections=next(iter(snakemake.input.selections), None),
        months=list(snakemake.input.months),
        settings=LabelSettings.model_validate(snakemake.params.settings),
        output=snakemake.output[0],
    )
