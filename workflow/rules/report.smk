"""Scores and labels → the paper's tables, figures, and one page that shows them."""


rule tabulate_labels:
    """Make Table 1 of the paper, and tables of how far the annotators agree and how their labels change with time."""
    input:
        labelled=paths.LABELLED,
        dataset=paths.DATASET,
    output:
        table1=report(
            paths.TABLE1,
            caption="../captions/table1.rst",
            category="Labels",
            labels={"table": "Table 1: frames by year and label"},
        ),
        markdown=paths.TABLE1_MARKDOWN,
        latex=paths.TABLE1_LATEX,
        agreement=report(
            paths.AGREEMENT,
            caption="../captions/agreement.rst",
            category="Labels",
            labels={"table": "Agreement of the annotators"},
        ),
        consistency=report(
            paths.CONSISTENCY,
            caption="../captions/consistency.rst",
            category="Labels",
            labels={"table": "Agreement of each annotator with themselves"},
        ),
        course=report(
            paths.COURSE,
            caption="../captions/course.rst",
            category="Labels",
            labels={"table": "Label shares and pace over order and session"},
        ),
    log:
        "results/logs/tabulate_labels/{release}.log",
    benchmark:
        "results/benchmarks/tabulate_labels/{release}.tsv"
    conda:
        "../../envs/norrsken.yaml"
    threads: 1
    resources:
        mem_mb=more_each_time(1000),
        runtime=more_each_time(10),
    params:
        years=sorted(plan.release.years),
        label_set=plan.label_set.plain(),
        version=stages.REPORT,
    script:
        "../scripts/tabulate_labels.py"


# A frozen release keeps the counts with which it was frozen.
if not plan.sources and not plan.frozen:

    rule count_frames:
        """Count what the filters kept of the archive, and what people chose of it."""
        input:
            months=plan.release_months,
            selections=plan.selections,
        output:
            frames=report(
                paths.FRAMES,
                caption="../captions/frames.rst",
                category="Labels",
                labels={"table": "Frames of the archive by year and filter"},
            ),
            selection=paths.SELECTION,
            census=paths.CENSUS,
        log:
            "results/logs/count_frames/{release}.log",
        benchmark:
            "results/benchmarks/count_frames/{release}.tsv"
        conda:
            "../../envs/norrsken.yaml"
        threads: 1
        resources:
            mem_mb=more_each_time(1000),
            runtime=more_each_time(20),
        params:
            years=sorted(plan.release.years),
            longitude=plan.config.site.longitude,
            lost=plan.survey.lost,
            left_out=plan.survey.left_out,
            version=stages.REPORT,
        script:
            "../scripts/count_frames.py"


rule tabulate_scores:
    """Make Table 2 of the paper: mean and deviation over the runs of every model, intervals over the test frames."""
    input:
        dataset=paths.DATASET,
        metrics=plan.metrics(plan.config.models),
        predictions=plan.predictions(plan.config.models),
        validations=plan.validations(plan.config.models),
    output:
        csv=report(
            paths.TABLE2,
            caption="../captions/table2.rst",
            category="Scores",
            labels={"table": "Table 2: precision, recall, F1"},
        ),
        markdown=paths.TABLE2_MARKDOWN,
        latex=paths.TABLE2_LATEX,
    log:
        "results/logs/tabulate_scores/{release}.log",
    benchmark:
        "results/benchmarks/tabulate_scores/{release}.tsv"
    # Seconds of work on small files: done where Snakemake runs.
    localrule: True
    conda:
        "../../envs/norrsken.yaml"
    threads: 1
    resources:
        mem_mb=more_each_time(1000),
        runtime=more_each_time(10),
    params:
        version=stages.REPORT,
    script:
        "../scripts/tabulate_scores.py"


if plan.votes:

    rule tabulate_votes:
        """Tabulate how near the models come to what annotators say of frames on which they differ."""
        input:
            list(plan.judged_votes.values()),
        output:
            report(
                paths.VOTES,
                caption="../captions/votes.rst",
                category="Scores",
                labels={"table": "Frames on which annotators differ"},
            ),
        log:
            "results/logs/tabulate_votes/{release}.log",
        benchmark:
            "results/benchmarks/tabulate_votes/{release}.tsv"
        # This is a second of work on small files, so it is done where Snakemake runs.
        localrule: True
        conda:
            "../../envs/norrsken.yaml"
        threads: 1
        resources:
            mem_mb=more_each_time(1000),
            runtime=more_each_time(10),
        params:
            of=[list(pair) for pair in plan.judged_votes],
            version=stages.REPORT,
        script:
            "../scripts/tabulate_votes.py"


rule tabulate_resources:
    """Add up the resources that the jobs took, by rule."""
    input:
        features=plan.features(plan.config.models),
        metrics=plan.metrics(plan.config.models),
    output:
        report(
            paths.RESOURCES,
            caption="../captions/resources.rst",
            category="Report",
            labels={"table": "Resources that the jobs took"},
        ),
    log:
        "results/logs/tabulate_resources/{release}.log",
    benchmark:
        "results/benchmarks/tabulate_resources/{release}.tsv"
    # Seconds of work on small files: done where Snakemake runs.
    localrule: True
    conda:
        "../../envs/norrsken.yaml"
    threads: 1
    resources:
        mem_mb=more_each_time(1000),
        runtime=more_each_time(10),
    params:
        benchmarks=provenance.benchmarks(plan),
        version=stages.REPORT,
    script:
        "../scripts/tabulate_resources.py"


rule write_card:
    """Write the card of a model: what it is, how well it does, and what it must not be used for."""
    input:
        metrics=lambda wildcards: plan.metrics([wildcards.model]),
        predictions=lambda wildcards: plan.predictions([wildcards.model]),
        table2=paths.TABLE2,
        votes=plan.votes,
        classifier=plan.own_classifier,
        noise=[] if plan.sources else paths.LABEL_NOISE,
    output:
        report(
            paths.CARD,
            caption="../captions/card.rst",
            category="Model cards",
            labels={"model": "{model}"},
        ),
    log:
        "results/logs/write_card/{release}/{model}.log",
    benchmark:
        "results/benchmarks/write_card/{release}/{model}.tsv"
    # Seconds of work on small files: done where Snakemake runs.
    localrule: True
    conda:
        "../../envs/norrsken.yaml"
    threads: 1
    resources:
        mem_mb=more_each_time(1000),
        runtime=more_each_time(10),
    params:
        settings=plan.config.report_settings(plan.name).plain(),
        version=stages.REPORT,
    script:
        "../scripts/write_card.py"


rule write_summary:
    """Write for programs where the release's results come from."""
    input:
        dataset=paths.DATASET,
        metrics=plan.metrics(plan.config.models),
        table2=paths.TABLE2,
    output:
        paths.SUMMARY,
    log:
        "results/logs/write_summary/{release}.log",
    benchmark:
        "results/benchmarks/write_summary/{release}.tsv"
    # Seconds of work on small files: done where Snakemake runs.
    localrule: True
    conda:
        "../../envs/norrsken.yaml"
    threads: 1
    resources:
        mem_mb=more_each_time(1000),
        runtime=more_each_time(10),
    params:
        configuration=provenance.configuration(plan),
        sources=[
            *plan.release.labels,
            *plan.release.divided,
            *plan.selections,
            *plan.adjudicated,
        ],
        version=stages.REPORT,
    script:
        "../scripts/write_summary.py"


rule write_report:
    """Write one self-contained page to compare with the paper."""
    input:
        **plan.counts,
        labelled=paths.LABELLED,
        dataset=paths.DATASET,
        table1=paths.TABLE1,
        table2=paths.TABLE2,
        agreement=paths.AGREEMENT,
        consistency=paths.CONSISTENCY,
        annotators=paths.ANNOTATORS_FIGURE,
        course=paths.COURSE,
        course_figure=paths.COURSE_FIGURE,
        resources=paths.RESOURCES,
        noise=[] if plan.sources else paths.LABEL_NOISE,
        votes=plan.votes,
        audit=plan.audit,
        classifier=plan.own_classifier,
        confusions=plan.confusions(),
        figures=[paths.FIGURE.replace("{name}", name) for name in plan.figures],
        summary=paths.SUMMARY,
        judged=plan.judged_now,
    output:
        report(
            paths.INDEX,
            caption="../captions/index.rst",
            category="Report",
            labels={"page": "The release in one page"},
        ),
    log:
        "results/logs/write_report/{release}.log",
    benchmark:
        "results/benchmarks/write_report/{release}.tsv"
    conda:
        "../../envs/norrsken.yaml"
    threads: 1
    resources:
        mem_mb=more_each_time(4000),
        runtime=more_each_time(30),
    params:
        **plan.yardsticks,
        settings=plan.config.report_settings(plan.name).plain(),
        # They are no input on purpose: the report reads them as they are, to say how far a frozen release has drifted
        # from what people said and from the night tables. As inputs they would remake it and what it stands on.
        sources=provenance.label_sources(plan),
        # The yardsticks, too, are shown as they are, since to make them takes days: `snakemake yardsticks` does.
        figures={name: FIGURES[name].title for name in plan.figures},
        version=stages.REPORT,
    script:
        "../scripts/write_report.py"
