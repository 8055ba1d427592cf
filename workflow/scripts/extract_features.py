"""Rule extract_features: see `norrsken.features`."""

from pydantic import TypeAdapter

from norrsken.features import extract_features
from norrsken.joblog import log_to
from norrsken.model_settings import Features

with log_to(snakemake.log[0]):
    extract_features(
        dataset=snakemake.input.dataset,
        settings=TypeAdapter(Features).validate_python(snakemake.params.settings),
        output=snakemake.output[0],
    )
