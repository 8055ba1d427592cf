"""Rule write_catalogue: see `norrsken.catalogue.overview`."""

from norrsken.catalogue.overview import write_overview
from norrsken.config.jobs import ReportSettings
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    inputs = snakemake.input
    write_overview(
        months=inputs.months,
        classifier=inputs.classifier,
        correction=next(iter(inputs.correction), None),
        condition=inputs.condition,
        tables_shown={
            "occurrence": inputs.occurrence,
            "events": inputs.events,
            "onsets": inputs.onsets,
            "availability": inputs.availability,
            **dict(zip(["untrained"], inputs.untrained, strict=False)),
            **dict(zip(["audit"], inputs.audit, strict=False)),
        },
        figures=dict(zip(snakemake.params.titles, inputs.figures, strict=True)),
        availability_figure=inputs.availability_figure,
        truth=snakemake.params.truth,
        settings=ReportSettings.model_validate(snakemake.params.settings),
        output=snakemake.output[0],
    )
