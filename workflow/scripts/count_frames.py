"""Rule count_frames: see `norrsken.report.census`."""

import pandas as pd

from norrsken.files import write_csv
from norrsken.joblog import log_to
from norrsken.nights.census import Count, count_archive
from norrsken.report.census import count_frames, count_selections

with log_to(snakemake.log[0]):
    table = count_frames(snakemake.input.months, snakemake.params.years, snakemake.params.lost)
    write_csv(table, snakemake.output.frames)
    counts = count_archive(snakemake.input.months, snakemake.config["archive"]["root"], snakemake.params.left_out)
    write_csv(pd.DataFrame(counts, columns=[*Count._fields]), snakemake.output.census)
    selections = next(iter(snakemake.input.selections), None)
    years = snakemake.params.years
    write_csv(count_selections(selections, snakemake.params.longitude, years), snakemake.output.selection)
