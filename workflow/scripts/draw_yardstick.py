"""Rule draw_yardstick: see `norrsken.figures`."""

from norrsken.config.label_set import LabelSet
from norrsken.figures.divisions import draw_divisions, draw_labels
from norrsken.figures.drift import draw_alarm, draw_drift
from norrsken.figures.robustness import draw_robustness
from norrsken.figures.trust import draw_risk, draw_trust
from norrsken.joblog import log_to
from norrsken.yardsticks.page import read_together
from norrsken.yardsticks.robustness import example_frames

with log_to(snakemake.log[0]):
    name, png = snakemake.wildcards.name, snakemake.output.png
    table = read_together(snakemake.input.tables)
    if name == "robustness":
        draw_robustness(table, example_frames(snakemake.input.dataset, snakemake.params.split), png)
    elif name == "trust":
        draw_trust(table, LabelSet.model_validate(snakemake.params.label_set), png)
    else:
        draw = {
            "divisions": draw_divisions,
            "labels": draw_labels,
            "risk": draw_risk,
            "drift": draw_drift,
            "alarm": draw_alarm,
        }
        draw[name](table, png)
