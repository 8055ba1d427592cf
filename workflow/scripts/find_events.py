"""Rule find_events: see `norrsken.catalogue.events`."""

from norrsken.catalogue.events import find_events
from norrsken.config.releases import EventSettings
from norrsken.files import write_csv
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    events, onsets = find_events(
        snakemake.input,
        EventSettings.model_validate(snakemake.params.settings),
        classes=snakemake.params.classes,
        onset=snakemake.params.onset,
    )
    write_csv(events, snakemake.output.events)
    write_csv(onsets, snakemake.output.onsets)
