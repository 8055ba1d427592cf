"""Rule write_catalogue: see `norrsken.catalogue.overview`."""

from norrsken.catalogue.overview import write_overview
from norrsken.config import ReportSettings
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    write_overview(
        months=snakemake.input.months,
        figures=dict(zip(snakemake.params.titles, snakemake.input.figures, strict=True)),
        truth=snakemake.params.truth,
        settings=ReportSettings.model_validate(snakemake.params.settings),
        output=snakemake.output[0],
    )
