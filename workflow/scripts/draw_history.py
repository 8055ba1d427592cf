"""Rule draw_history: see `norrsken.figures.training`."""

import pandas as pd

from norrsken.evaluation.scores import notes, read_metrics
from norrsken.figures.training import draw_history
from norrsken.joblog import log_to
from norrsken.paper import model_title

with log_to(snakemake.log[0]):
    title = [model_title(snakemake.wildcards.model), f"split “{snakemake.wildcards.split}”"]
    said = notes(read_metrics(snakemake.input.metrics))
    histories = [pd.read_csv(path) for path in snakemake.input.histories]
    draw_history(histories, ", ".join([*title, *([said] if said else [])]), snakemake.output.png)
