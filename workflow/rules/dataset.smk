"""Labelled frames → the clean data set with its splits, and hand-made features of it."""


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
        mem_mb=4000,
        runtime=20,
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
        paths.DATASET,
    output:
        paths.FEATURES,
    log:
        "results/logs/extract_features/{release}/{features}.log",
    benchmark:
        "results/benchmarks/extract_features/{release}/{features}.tsv"
    conda:
        "../../envs/norrsken.yaml"
    threads: 4
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        settings=lambda wildcards: plan.config.features[wildcards.features].plain(),
        version=stages.FEATURES,
    script:
        "../scripts/extract_features.py"
