"""Rule write_report: see `norrsken.report`."""

from norrsken.config import ReportSettings
from norrsken.joblog import log_to
from norrsken.report import write_report

with log_to(snakemake.log[0]):
    write_report(
        labelled=snakemake.input.labelled,
        dataset=snakemake.input.dataset,
        table1=snakemake.input.table1,
        table2=snakemake.input.table2,
        agreement=snakemake.input.agreement,
        consistency=snakemake.input.consistency,
        annotators=snakemake.input.annotators,
        course=snakemake.input.course,
        course_figure=snakemake.input.course_figure,
        resources=snakemake.input.resources,
        figures=list(snakemake.input.figures),
        sources=snakemake.params.sources,
        settings=ReportSettings.model_validate(snakemake.params.settings),
        output=snakemake.output[0],
    )
