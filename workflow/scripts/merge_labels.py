"""Rule merge_labels: see `norrsken.dataset.labels`."""

from norrsken.config.jobs import LabelSettings
from norrsken.dataset.labels import merge_labels
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    merge_labels(
        label_paths=list(snakemake.input.labels),
        divided=list(snakemake.input.divided),
        adjudicated=next(iter(snakemake.input.adjudicated), None),
        selections=next(iter(snakemake.input.selections), None),
        months=list(snakemake.input.months),
        settings=LabelSettings.model_validate(snakemake.params.settings),
        output=snakemake.output[0],
    )
