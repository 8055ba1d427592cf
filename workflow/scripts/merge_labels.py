"""Rule merge_labels: see `norrsken.dataset.labels`."""

from norrsken.config.jobs import LabelSettings
from norrsken.config.site import Camera
from norrsken.dataset.labels import merge_labels
from norrsken.joblog import log_to

# All cameras of today, but no param: one that comes years after the labelled frames repeats nothing.
cameras = [Camera.model_validate(camera) for camera in snakemake.config["cameras"]]

with log_to(snakemake.log[0]):
    merge_labels(
        label_paths=list(snakemake.input.labels),
        divided=list(snakemake.input.divided),
        adjudicated=next(iter(snakemake.input.adjudicated), None),
        selections=next(iter(snakemake.input.selections), None),
        months=list(snakemake.input.months),
        cameras=[camera.valid_from for camera in cameras],
        settings=LabelSettings.model_validate(snakemake.params.settings),
        output=snakemake.output[0],
    )
