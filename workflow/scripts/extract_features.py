"""Rule extract_features: see `norrsken.features`."""

from norrsken.config import Hog
from norrsken.errors import log_to
from norrsken.features import extract_features

log_to(snakemake.log[0])
extract_features(
    dataset=snakemake.input[0],
    settings=Hog.model_validate(snakemake.params.settings),
    output=snakemake.output[0],
    workers=snakemake.threads,
)
