"""Data set → features that are not learnt from it, trained models and their scores; a job trains one run."""


rule extract_features:
    """Compute features of the clean frames once, for all models and seeds that use them."""
    input:
        dataset=paths.DATASET,
        weights=lambda wildcards: plan.weights(wildcards.features),
    output:
        paths.FEATURES,
    log:
        "results/logs/extract_features/{release}/{features}.log",
    benchmark:
        "results/benchmarks/extract_features/{release}/{features}.tsv"
    conda:
        "../../envs/norrsken.yaml"
    threads: lambda wildcards: plan.config.features[wildcards.features].threads
    resources:
        mem_mb=more_each_time(4000),
        runtime=more_each_time(60),
        gpu=lambda wildcards: plan.config.features[wildcards.features].gpu,
    params:
        settings=lambda wildcards: plan.config.features[wildcards.features].plain(),
        version=stages.FEATURES,
    script:
        "../scripts/extract_features.py"


rule train_run:
    """Train one model with one seed on one split, and test it."""
    input:
        dataset=paths.DATASET,
        # Frames on which annotators differ, and neighbours, stand only there.
        labelled=lambda wildcards: plan.labelled_of(wildcards.model),
        frames=lambda wildcards: plan.frames_run(
            wildcards.model, wildcards.split, wildcards.seed
        ),
        features=lambda wildcards: plan.features([wildcards.model]),
        weights=lambda wildcards: plan.weights_of(wildcards.model),
    output:
        # The model's file, whose suffix is the model's own, is written before the metrics, which name it.
        metrics=paths.METRICS,
        predictions=paths.PREDICTIONS,
        validation=paths.VALIDATION,
        history=paths.HISTORY,
    log:
        "results/logs/train_run/{release}/{split}/{model}/{seed}.log",
    benchmark:
        "results/benchmarks/train_run/{release}/{split}/{model}/{seed}.tsv"
    conda:
        "../../envs/norrsken.yaml"
    threads: lambda wildcards: plan.config.model(wildcards.model).threads
    resources:
        mem_mb=more_each_time(8000),
        runtime=more_each_time(240),
        gpu=lambda wildcards: plan.config.model(wildcards.model).gpu,
    params:
        settings=lambda wildcards: plan.config.run_settings(wildcards.model).plain(),
        version=stages.TRAINING,
    script:
        "../scripts/train_run.py"


rule collect_scores:
    """Gather the scores of a model's runs on a split."""
    input:
        lambda wildcards: plan.metrics([wildcards.model], [wildcards.split]),
    output:
        paths.SCORES,
    log:
        "results/logs/collect_scores/{release}/{split}/{model}.log",
    benchmark:
        "results/benchmarks/collect_scores/{release}/{split}/{model}.tsv"
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
        "../scripts/collect_scores.py"


if plan.judged_votes:

    rule judge_votes:
        """Tell how near a model comes to what annotators say of frames on which they differ."""
        input:
            dataset=paths.DATASET,
            labelled=paths.LABELLED,
            metrics=lambda wildcards: plan.metrics([wildcards.model], [wildcards.split]),
            predictions=lambda wildcards: plan.predictions(
                [wildcards.model], [wildcards.split]
            ),
            validations=lambda wildcards: plan.validations(
                [wildcards.model], [wildcards.split]
            ),
        output:
            paths.JUDGED_VOTES,
        log:
            "results/logs/judge_votes/{release}/{split}/{model}.log",
        benchmark:
            "results/benchmarks/judge_votes/{release}/{split}/{model}.tsv"
        conda:
            "../../envs/norrsken.yaml"
        threads: lambda wildcards: plan.most_of("threads", [wildcards.model])
        resources:
            mem_mb=more_each_time(8000),
            runtime=more_each_time(60),
            gpu=lambda wildcards: plan.most_of("gpu", [wildcards.model]),
        params:
            version=stages.REPORT,
        script:
            "../scripts/judge_votes.py"
