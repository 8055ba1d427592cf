"""Labelled frames → the clean data set with its splits, and hand-made features of it."""


rule split_dataset:
    """Divide the frames on which the annotators agree into train and test, once for each split."""
    input:
        paths.LABELLED,
    output:
        paths.DATASET,
    params:
        splits={
            name: split.plain() for name, split in sorted(plan.release.splits.items())
        },
        version=stages.DATASET,
    log:
        "results/logs/split_dataset/{release}.log",
    benchmark:
        "results/benchmarks/split_dataset/{release}.tsv"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=20,
    conda:
        "../../envs/norrsken.yaml"
    script:
        "../scripts/split_dataset.py"


rule extract_features:
    """Compute features of the clean frames once, for all models and seeds that use them."""
    input:
        paths.DATASET,
    output:
        paths.FEATURES,
    params:
        settings=lambda wildcards: plan.config.features[wildcards.features].plain(),
        version=stages.FEATURES,
    log:
        "results/logs/extract_features/{release}/{features}.log",
    benchmark:
        "results/benchmarks/extract_features/{release}/{features}.tsv"
    threads: 4
    resources:
        mem_mb=4000,
        runtime=30,
    conda:
        "../../envs/norrsken.yaml"
    script:
        "../scripts/extract_features.py"
