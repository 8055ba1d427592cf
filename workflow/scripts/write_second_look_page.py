"""Rule write_second_look_page: see `norrsken.curation.second_look`."""

import pandas as pd

from norrsken.config.label_set import LabelSet
from norrsken.curation.second_look import write_second_look_page
from norrsken.files import AS_WRITTEN
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    write_second_look_page(
        labelled=snakemake.input.labelled,
        quality=pd.read_csv(snakemake.input.quality, dtype={"label": str, "likely": str}, **AS_WRITTEN),
        adjudicated=snakemake.params.adjudicated,
        release=snakemake.wildcards.release,
        label_set=LabelSet.model_validate(snakemake.params.label_set),
        output=snakemake.output[0],
    )
