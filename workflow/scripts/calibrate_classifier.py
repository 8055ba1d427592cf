"""Rule calibrate_classifier: see `norrsken.catalogue.classifier`."""

from norrsken.catalogue.classifier import calibrate, choose_model
from norrsken.joblog import log_to
from norrsken.paths import HISTORY, METRICS

with log_to(snakemake.log[0]):
    params = snakemake.params

    def files(path: str, model: str) -> list[str]:
        release = snakemake.wildcards.release
        return [path.format(release=release, split=params.split, model=model, seed=seed) for seed in params.seeds]

    chosen = params.candidates[0]
    if len(params.candidates) > 1:
        chosen = choose_model({model: files(HISTORY, model) for model in params.candidates})
    calibrate(files(METRICS, chosen), snakemake.input.dataset, params.precision, snakemake.output[0])
