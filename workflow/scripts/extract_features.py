"""Rule extract_features: see `norrsken.training.features`."""

from pydantic import TypeAdapter

from norrsken.config.models import Features
from norrsken.joblog import log_to
from norrsken.training.features import extract_features

with log_to(snakemake.log[0]):
    extract_features(
        dataset=snakemake.input.dataset,
        settings=TypeAdapter(Features).validate_python(snakemake.params.settings),
        output=snakemake.output[0],
        workers=snakemake.threads,
    )
