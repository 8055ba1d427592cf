"""Rule write_report: see `norrsken.report`."""

from pathlib import Path

from norrsken.config import ReportSettings
from norrsken.joblog import log_to
from norrsken.report import write_report

CAPTIONS = Path(snakemake.scriptdir, "../captions")

with log_to(snakemake.log[0]):
    write_report(
        labelled=snakemake.input.labelled,
        dataset=snakemake.input.dataset,
        confusions=list(snakemake.input.confusions),
        figures=[
            (title, (CAPTIONS / f"{name}.rst").read_text(encoding="utf-8"), path)
            for (name, title), path in zip(snakemake.params.figures.items(), snakemake.input.figures, strict=True)
        ],
        sources=snakemake.params.sources,
        settings=ReportSettings.model_validate(snakemake.params.settings),
        output=snakemake.output[0],
    )
