"""Rule write_export: see `norrsken.catalogue.export`."""

from norrsken.catalogue.export import write_export
from norrsken.config.jobs import ExportSettings
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    write_export(
        catalogue=snakemake.input.catalogue,
        classifier=snakemake.input.classifier,
        more=snakemake.input.tables,
        settings=ExportSettings.model_validate(snakemake.params.settings),
        output=snakemake.output[0],
    )
