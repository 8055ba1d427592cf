"""Rule tabulate_votes: see `norrsken.report.votes`."""

from norrsken.files import write_csv
from norrsken.joblog import log_to
from norrsken.report.votes import tabulate_votes

with log_to(snakemake.log[0]):
    judged = zip(map(tuple, snakemake.params.of), snakemake.input, strict=True)
    write_csv(tabulate_votes(dict(judged)), snakemake.output[0])
