"""Archive → night tables and keograms; a job works on a month."""


rule ingest_month:
    """Filter and process the frames of a month's nights; draw their keograms."""
    input:
        lambda wildcards: plan.directories(wildcards.month),
    output:
        nights=directory(paths.NIGHTS),
        keograms=directory(paths.KEOGRAMS),
    log:
        "results/logs/ingest_month/{month}.log",
    benchmark:
        "results/benchmarks/ingest_month/{month}.tsv"
    conda:
        "../../envs/norrsken.yaml"
    threads: 1
    resources:
        mem_mb=more_each_time(2000),
        runtime=more_each_time(60),
    params:
        root=lambda wildcards: plan.config.archive.root,
        settings=lambda wildcards: plan.night_settings(wildcards.month),
        version=stages.NIGHTS,
    script:
        "../scripts/ingest_month.py"
