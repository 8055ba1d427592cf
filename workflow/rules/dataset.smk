"""Labelled frames → the clean data set with its splits, and features of it that are not learnt from it."""


rule split_dataset:
    """Divide the frames on which the annotators agree into train and test, once for each split."""
    input:
        paths.LABELLED,
    output:
        paths.DATASET,
    log:
        "results/logs/split_dataset/{release}.log",
    benchmark:
        "results/benchmarks/split_dataset/{release}.tsv"
    conda:
        "../../envs/norrsken.yaml"
    threads: 1
    resources:
        mem_mb=more_each_time(4000),
        runtime=more_each_time(20),
    params:
        splits={
            name: split.plain() for name, split in sorted(plan.release.splits.items())
        },
        version=stages.DATASET,
    script:
        "../scripts/split_dataset.py"


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
