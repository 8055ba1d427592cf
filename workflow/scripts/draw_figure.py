"""Rules draw_response, draw_samples and so on: see `norrsken.report.figures`."""

from norrsken.config.jobs import FigureSettings
from norrsken.joblog import log_to
from norrsken.report.figures import draw_figure

with log_to(snakemake.log[0]):
    draw_figure(
        snakemake.params.figure,
        dataset=snakemake.input.get("dataset"),
        table2=snakemake.input.get("table2"),
        settings=FigureSettings.model_validate(snakemake.params.settings),
        path=snakemake.output.png,
    )
