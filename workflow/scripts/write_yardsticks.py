"""Rule write_yardsticks: see `norrsken.yardsticks.page`."""

from norrsken.config.jobs import ReportSettings
from norrsken.joblog import log_to
from norrsken.yardsticks.page import write_yardsticks

with log_to(snakemake.log[0]):
    inputs, titles = snakemake.input, snakemake.params.titles
    write_yardsticks(
        metrics=inputs.metrics,
        tables={
            "divisions": inputs.divisions,
            "robustness": inputs.robustness,
            "trust": inputs.trust,
            "drift": inputs.drift,
            "alarms": inputs.alarms,
        },
        figures=dict(zip(titles, inputs.figures, strict=True)),
        titles=titles,
        settings=ReportSettings.model_validate(snakemake.params.settings),
        summary=snakemake.output.summary,
        output=snakemake.output.page,
    )
