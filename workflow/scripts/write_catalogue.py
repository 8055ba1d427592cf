"""Rule write_catalogue: see `norrsken.catalogue.overview`."""

from norrsken.catalogue.overview import write_overview
from norrsken.config.jobs import ReportSettings
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    given = snakemake.input
    write_overview(
        months=given.months,
        classifier=given.classifier,
        condition=given.condition,
        tables_shown={
            "untrained": given.untrained,
            "occurrence": given.occurrence,
            "events": given.events,
            "onsets": given.onsets,
        },
        figures=dict(zip(snakemake.params.titles, given.figures, strict=True)),
        truth=snakemake.params.truth,
        settings=ReportSettings.model_validate(snakemake.params.settings),
        output=snakemake.output[0],
    )
