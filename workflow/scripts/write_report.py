"""Rule write_report: see `norrsken.report.page`."""

from pathlib import Path

from norrsken.config.jobs import ReportSettings
from norrsken.joblog import log_to
from norrsken.report.page import write_report

CAPTIONS = Path(snakemake.scriptdir, "../captions")

with log_to(snakemake.log[0]):
    inputs = snakemake.input
    counted = {name: inputs.get(name) for name in ("frames", "selection", "census") if inputs.get(name)}
    people_differ = {"noise": inputs.noise, "votes": inputs.votes, "audit": inputs.audit}
    write_report(
        labelled=inputs.labelled,
        dataset=inputs.dataset,
        tables_shown={
            "table1": inputs.table1,
            "table2": inputs.table2,
            "agreement": inputs.agreement,
            "consistency": inputs.consistency,
            "course": inputs.course,
            "resources": inputs.resources,
            **counted,
            **{name: str(path) for name, path in people_differ.items() if path},
        },
        people={"annotators": inputs.annotators, "course": inputs.course_figure},
        confusions=inputs.confusions,
        figures=[
            (title, (CAPTIONS / f"{name}.rst").read_text(encoding="utf-8"), path)
            for (name, title), path in zip(snakemake.params.figures.items(), inputs.figures, strict=True)
        ],
        summary=inputs.summary,
        classifier=next(iter(inputs.classifier), None),
        yardsticks=next(iter(snakemake.params.get("yardsticks", [])), None),
        judged=inputs.judged,
        sources=snakemake.params.sources,
        settings=ReportSettings.model_validate(snakemake.params.settings),
        output=snakemake.output[0],
    )
