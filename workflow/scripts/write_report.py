"""Rule write_report: see `norrsken.report.page`."""

from pathlib import Path

from norrsken.config.jobs import ReportSettings
from norrsken.joblog import log_to
from norrsken.report.page import write_report

CAPTIONS = Path(snakemake.scriptdir, "../captions")

with log_to(snakemake.log[0]):
    given = snakemake.input
    counted = {name: given.get(name) for name in ("frames", "selection") if given.get(name)}
    write_report(
        labelled=given.labelled,
        dataset=given.dataset,
        tables_shown={
            "table1": given.table1,
            "table2": given.table2,
            "agreement": given.agreement,
            "consistency": given.consistency,
            "course": given.course,
            "resources": given.resources,
            **counted,
        },
        people={"annotators": given.annotators, "course": given.course_figure},
        confusions=given.confusions,
        figures=[
            (title, (CAPTIONS / f"{name}.rst").read_text(encoding="utf-8"), path)
            for (name, title), path in zip(snakemake.params.figures.items(), given.figures, strict=True)
        ],
        summary=given.summary,
        sources=snakemake.params.sources,
        settings=ReportSettings.model_validate(snakemake.params.settings),
        output=snakemake.output[0],
    )
