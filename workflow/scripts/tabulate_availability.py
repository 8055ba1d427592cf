"""Rule tabulate_availability: see `norrsken.catalogue.availability` and `norrsken.figures.availability`."""

from norrsken.catalogue.availability import tabulate_availability
from norrsken.config.site import Place
from norrsken.figures.availability import draw_availability
from norrsken.files import write_csv
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    site = Place.model_validate(snakemake.params.site)
    table = tabulate_availability(
        snakemake.input.nights,
        snakemake.input.catalogue,
        site,
        snakemake.params.sun_altitude_max,
        snakemake.params.hidden_sky,
    )
    write_csv(table, snakemake.output.table)
    draw_availability(table, site.latitude, snakemake.output.figure)
