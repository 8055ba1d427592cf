"""Rules draw_response, draw_samples and so on: see `norrsken.figures.release`."""

from norrsken.config import FigureSettings
from norrsken.figures.release import draw_figure
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    draw_figure(
        snakemake.params.figure,
        dataset=snakemake.input.get("dataset"),
        table2=snakemake.input.get("table2"),
        settings=FigureSettings.model_validate(snakemake.params.settings),
        path=snakemake.output.png,
    )
