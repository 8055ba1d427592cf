"""Rule count_frames: see `norrsken.report.census`."""

from norrsken.files import write_csv
from norrsken.joblog import log_to
from norrsken.report.census import count_frames, count_selections

with log_to(snakemake.log[0]):
    write_csv(count_frames(snakemake.input.months, snakemake.params.years), snakemake.output.frames)
    selections = next(iter(snakemake.input.selections), None)
    write_csv(count_selections(selections, snakemake.params.longitude), snakemake.output.selection)
