"""Rule tabulate_scores: see `norrsken.scores`."""

import pandas as pd

from norrsken.errors import log_to
from norrsken.files import write_csv
from norrsken.scores import table2

log_to(snakemake.log[0])
write_csv(table2([pd.read_csv(path) for path in snakemake.input]), snakemake.output[0])
