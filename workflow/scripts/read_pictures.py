"""Rule read_pictures: see `norrsken.dataset.pictures`."""

from norrsken.config.frames_release import FramesSettings
from norrsken.dataset.pictures import read_pictures
from norrsken.joblog import log_to

with log_to(snakemake.log[0]):
    read_pictures(
        folder=snakemake.input.folder,
        table=snakemake.input.table,
        settings=FramesSettings.model_validate(snakemake.params.settings),
        output=snakemake.output[0],
    )
