"""Rule judge_labels: see `norrsken.classify.label_quality`."""

from norrsken.classify.label_quality import judge_labels
from norrsken.files import write_csv
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    quality, noise = judge_labels(snakemake.input[0])
    write_csv(quality, snakemake.output.quality)
    write_csv(noise, snakemake.output.noise)
