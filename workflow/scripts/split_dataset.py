"""Rule split_dataset: see `norrsken.dataset.splits`."""

from norrsken.config.splits import Split
from norrsken.dataset.splits import split_dataset
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    split_dataset(
        labelled=snakemake.input[0],
        splits={name: Split.model_validate(split) for name, split in snakemake.params.splits.items()},
        output=snakemake.output[0],
    )
