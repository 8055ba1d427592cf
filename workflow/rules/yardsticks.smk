"""Runs and data set → yardsticks by which models are judged besides their scores, and a page that shows them."""


rule train_otherwise:
    """Train a model with one seed on another division of the frames, or on fewer of them, and test it."""
    input:
        dataset=paths.DATASET,
        features=lambda wildcards: plan.features([wildcards.model]),
        weights=lambda wildcards: plan.weights_of(wildcards.model),
    output:
        paths.OTHERWISE,
    log:
        "results/logs/train_otherwise/{release}/{model}/{part}/{seed}.log",
    benchmark:
        "results/benchmarks/train_otherwise/{release}/{model}/{part}/{seed}.tsv"
    conda:
        "../../envs/norrsken.yaml"
    threads: lambda wildcards: plan.config.model(wildcards.model).threads
    resources:
        mem_mb=more_each_time(8000),
        runtime=more_each_time(240),
        gpu=lambda wildcards: plan.config.model(wildcards.model).gpu,
    params:
        split=plan.catalogue_split,
        settings=lambda wildcards: plan.config.run_settings(wildcards.model).plain(),
        training=stages.TRAINING,
        version=stages.YARDSTICKS,
    script:
        "../scripts/train_otherwise.py"


rule compare_divisions:
    """Compare what a model scores on other divisions of the frames with its scores on other nights."""
    input:
        dataset=paths.DATASET,
        metrics=lambda wildcards: plan.judged_runs(paths.METRICS, wildcards.model),
        predictions=lambda wildcards: plan.judged_runs(
            paths.PREDICTIONS, wildcards.model
        ),
        others=lambda wildcards: sum(plan.otherwise(wildcards.model).values(), []),
    output:
        paths.DIVISIONS,
    log:
        "results/logs/compare_divisions/{release}/{model}.log",
    benchmark:
        "results/benchmarks/compare_divisions/{release}/{model}.tsv"
    # Seconds of work on small files: done where Snakemake runs.
    localrule: True
    conda:
        "../../envs/norrsken.yaml"
    threads: 1
    resources:
        mem_mb=more_each_time(1000),
        runtime=more_each_time(10),
    params:
        parts=plan.other_divisions,
        version=stages.YARDSTICKS,
    script:
        "../scripts/compare_divisions.py"


rule judge_robustness:
    """Tell how a model's scores fall when its test frames are changed as weather and camera may change them."""
    input:
        dataset=paths.DATASET,
        metrics=lambda wildcards: plan.judged_runs(paths.METRICS, wildcards.model),
    output:
        paths.ROBUSTNESS,
    log:
        "results/logs/judge_robustness/{release}/{model}.log",
    benchmark:
        "results/benchmarks/judge_robustness/{release}/{model}.tsv"
    conda:
        "../../envs/norrsken.yaml"
    threads: lambda wildcards: plan.most_of("threads", [wildcards.model])
    resources:
        mem_mb=more_each_time(4000),
        runtime=more_each_time(240),
        gpu=lambda wildcards: plan.most_of("gpu", [wildcards.model]),
    params:
        version=stages.YARDSTICKS,
    script:
        "../scripts/judge_robustness.py"


rule judge_trust:
    """Tell how far what a model is sure of can be trusted: risk and coverage, sets of classes, calibration."""
    input:
        dataset=paths.DATASET,
        labelled=paths.LABELLED,
        metrics=lambda wildcards: plan.judged_runs(paths.METRICS, wildcards.model),
        predictions=lambda wildcards: plan.judged_runs(
            paths.PREDICTIONS, wildcards.model
        ),
        validations=lambda wildcards: plan.judged_runs(
            paths.VALIDATION, wildcards.model
        ),
    output:
        trust=paths.TRUST,
        risk=paths.RISK,
        reliability=paths.RELIABILITY,
    log:
        "results/logs/judge_trust/{release}/{model}.log",
    benchmark:
        "results/benchmarks/judge_trust/{release}/{model}.tsv"
    conda:
        "../../envs/norrsken.yaml"
    threads: lambda wildcards: plan.most_of("threads", [wildcards.model])
    resources:
        mem_mb=more_each_time(4000),
        runtime=more_each_time(60),
        gpu=lambda wildcards: plan.most_of("gpu", [wildcards.model]),
    params:
        version=stages.YARDSTICKS,
    script:
        "../scripts/judge_trust.py"


rule judge_drift:
    """Tell a model's scores by year and month, and how soon an alarm notices a camera that changes."""
    input:
        dataset=paths.DATASET,
        metrics=lambda wildcards: plan.judged_runs(paths.METRICS, wildcards.model),
        predictions=lambda wildcards: plan.judged_runs(
            paths.PREDICTIONS, wildcards.model
        ),
        validations=lambda wildcards: plan.judged_runs(
            paths.VALIDATION, wildcards.model
        ),
    output:
        drift=paths.DRIFT,
        alarms=paths.ALARMS,
        capitals=paths.CAPITALS,
    log:
        "results/logs/judge_drift/{release}/{model}.log",
    benchmark:
        "results/benchmarks/judge_drift/{release}/{model}.tsv"
    conda:
        "../../envs/norrsken.yaml"
    threads: lambda wildcards: plan.most_of("threads", [wildcards.model])
    resources:
        mem_mb=more_each_time(4000),
        runtime=more_each_time(60),
        gpu=lambda wildcards: plan.most_of("gpu", [wildcards.model]),
    params:
        version=stages.YARDSTICKS,
    script:
        "../scripts/judge_drift.py"


rule draw_yardstick:
    """Draw a yardstick, of all models beside each other."""
    input:
        tables=lambda wildcards: [
            YARDSTICKS[wildcards.name].inputs["tables"].replace("{model}", model)
            for model in plan.judged
        ],
        # The figure of changed frames shows some.
        dataset=paths.DATASET,
    output:
        png=paths.YARDSTICK_FIGURE,
        pdf=paths.YARDSTICK_FIGURE.replace(".png", ".pdf"),
    log:
        "results/logs/draw_yardstick/{release}/{name}.log",
    benchmark:
        "results/benchmarks/draw_yardstick/{release}/{name}.tsv"
    wildcard_constraints:
        name="|".join(YARDSTICKS),
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
        split=plan.catalogue_split,
        version=stages.YARDSTICKS,
    script:
        "../scripts/draw_yardstick.py"


rule write_yardsticks:
    """Write a page of all yardsticks, and a table of what is most important in them, which the report shows."""
    input:
        metrics=[
            path
            for model in plan.judged
            for path in plan.judged_runs(paths.METRICS, model)
        ],
        divisions=expand(paths.DIVISIONS, model=plan.judged, allow_missing=True),
        robustness=expand(paths.ROBUSTNESS, model=plan.judged, allow_missing=True),
        trust=expand(paths.TRUST, model=plan.judged, allow_missing=True),
        drift=expand(paths.DRIFT, model=plan.judged, allow_missing=True),
        alarms=expand(paths.ALARMS, model=plan.judged, allow_missing=True),
        figures=expand(paths.YARDSTICK_FIGURE, name=YARDSTICKS, allow_missing=True),
    output:
        summary=report(
            paths.YARDSTICK_SUMMARY,
            caption="../captions/yardsticks.rst",
            category="Yardsticks",
            labels={"table": "Yardsticks of all models"},
        ),
        page=report(
            paths.YARDSTICK_PAGE,
            caption="../captions/yardsticks.rst",
            category="Yardsticks",
            labels={"table": "The page of yardsticks"},
        ),
    log:
        "results/logs/write_yardsticks/{release}.log",
    benchmark:
        "results/benchmarks/write_yardsticks/{release}.tsv"
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
        titles={name: figure.title for name, figure in YARDSTICKS.items()},
        version=stages.YARDSTICKS,
    script:
        "../scripts/write_yardsticks.py"
