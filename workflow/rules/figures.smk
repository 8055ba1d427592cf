"""Labels, tables, frames and runs → the figures of the report, each as PNG and PDF."""


rule draw_annotators:
    """Draw the labels of one annotator by those of another, and how those of each change with time."""
    input:
        labelled=paths.LABELLED,
        course=paths.COURSE,
    output:
        annotators=report(
            paths.ANNOTATORS_FIGURE,
            caption="../captions/annotators.rst",
            category="Labels",
            labels={"table": "Labels of one annotator by those of another"},
        ),
        annotators_pdf=paths.ANNOTATORS_FIGURE.replace(".png", ".pdf"),
        course=report(
            paths.COURSE_FIGURE,
            caption="../captions/course.rst",
            category="Labels",
            labels={"table": "Label shares and pace over order and session, drawn"},
        ),
        course_pdf=paths.COURSE_FIGURE.replace(".png", ".pdf"),
    log:
        "results/logs/draw_annotators/{release}.log",
    benchmark:
        "results/benchmarks/draw_annotators/{release}.tsv"
    # Seconds of work on small files: done where Snakemake runs.
    localrule: True
    conda:
        "../../envs/norrsken.yaml"
    threads: 1
    resources:
        mem_mb=more_each_time(1000),
        runtime=more_each_time(10),
    params:
        label_set=plan.label_set.plain(),
        version=stages.REPORT,
    script:
        "../scripts/draw_annotators.py"


rule draw_confusion:
    """Draw the confusion matrix of a model, mean over its runs: Figure 4 of the paper."""
    input:
        lambda wildcards: plan.metrics([wildcards.model], [wildcards.split]),
    output:
        png=report(
            paths.CONFUSION,
            caption="../captions/confusion.rst",
            category="Confusion",
            labels={"model": "{model}", "split": "{split}"},
        ),
        pdf=paths.CONFUSION.replace(".png", ".pdf"),
    log:
        "results/logs/draw_confusion/{release}/{split}_{model}.log",
    benchmark:
        "results/benchmarks/draw_confusion/{release}/{split}_{model}.tsv"
    # Seconds of work on small files: done where Snakemake runs.
    localrule: True
    conda:
        "../../envs/norrsken.yaml"
    threads: 1
    resources:
        mem_mb=more_each_time(1000),
        runtime=more_each_time(10),
    params:
        label_set=plan.label_set.plain(),
        version=stages.REPORT,
    script:
        "../scripts/draw_confusion.py"


rule draw_history:
    """Draw how the trainings of a model went on a split: every run, epoch by epoch."""
    input:
        histories=lambda wildcards: plan.histories([wildcards.model], [wildcards.split]),
        metrics=lambda wildcards: plan.metrics([wildcards.model], [wildcards.split]),
    output:
        png=paths.HISTORY_FIGURE,
        pdf=paths.HISTORY_FIGURE.replace(".png", ".pdf"),
    log:
        "results/logs/draw_history/{release}/{split}_{model}.log",
    benchmark:
        "results/benchmarks/draw_history/{release}/{split}_{model}.tsv"
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
        "../scripts/draw_history.py"


# What these figures show of single runs (metrics, predictions, histories) is no input: only Table 2 tells which runs
# these are, and it stands for all runs. The night table and the archived file that "processing" shows are no input
# either: a frozen release keeps its figure when they change.
for name in plan.figures:

    rule:
        """Draw one figure of the report."""
        name:
            f"draw_{name.replace('-', '_')}"
        input:
            **FIGURES[name].inputs,
        output:
            png=report(
                paths.FIGURE.format(name=name, release="{release}"),
                caption=f"../captions/{name}.rst",
                category="Figures",
                labels={"figure": FIGURES[name].title},
            ),
            pdf=paths.FIGURE.format(name=name, release="{release}").replace(
                ".png", ".pdf"
            ),
        log:
            f"results/logs/draw_{name}/{{release}}.log",
        benchmark:
            f"results/benchmarks/draw_{name}/{{release}}.tsv"
        # This is seconds of work on small files, so it is done where Snakemake runs.
        localrule: True
        conda:
            "../../envs/norrsken.yaml"
        threads: 1
        resources:
            mem_mb=more_each_time(4000),
            runtime=more_each_time(20),
        params:
            figure=name,
            settings=plan.config.figure_settings(plan.name, name),
            version=stages.REPORT,
        script:
            "../scripts/draw_figure.py"
