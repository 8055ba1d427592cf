"""Rule compare_divisions: see `norrsken.yardsticks.divisions`."""

from norrsken.joblog import log_to
from norrsken.yardsticks.divisions import compare_divisions

with log_to(snakemake.log[0]):
    inputs, parts = snakemake.input, snakemake.params.parts
    seeds = len(inputs.metrics)
    others = {part: inputs.others[i * seeds : (i + 1) * seeds] for i, part in enumerate(parts)}
    compare_divisions(
        metrics=inputs.metrics,
        predictions=inputs.predictions,
        others=others,
        dataset=inputs.dataset,
        output=snakemake.output[0],
    )
