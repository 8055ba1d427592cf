"""Rule calibrate_classifier: see `norrsken.catalogue.calibrate`."""

from norrsken.catalogue.calibrate import make_classifier
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    make_classifier(
        metrics=snakemake.input.metrics,
        validations=snakemake.input.validations,
        predictions=snakemake.input.predictions,
        dataset=snakemake.input.dataset,
        labelled=snakemake.input.labelled,
        clear_sky=snakemake.params.clear_sky,
        precision=snakemake.params.precision,
        smoothing=snakemake.params.get("smoothing", False),
        output=snakemake.output[0],
    )
