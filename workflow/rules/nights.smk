"""Archive → night tables and keograms; a job works on a month."""


rule ingest_month:
    """Filter and process the frames of a month's nights; draw their keograms."""

    # A month has no input files: the time of a directory would be compared with the clock of another machine, and with
    # the end of the job, before which a frame may still have come. The param `listing` is another one when a file has
    # come or gone since the plan was made. Months that the archive has no more are sources.
    output:
        nights=directory(paths.NIGHTS),
        keograms=directory(paths.KEOGRAMS),
    log:
        "results/logs/ingest_month/{month}.log",
    benchmark:
        "results/benchmarks/ingest_month/{month}.tsv"
    wildcard_constraints:
        month="|".join(plan.survey.months) or "none",
    conda:
        "../../envs/norrsken.yaml"
    threads: 1
    resources:
        mem_mb=more_each_time(2000),
        runtime=more_each_time(60),
    params:
        directories=lambda wildcards: plan.survey.months[wildcards.month],
        listing=lambda wildcards: plan.survey.listings[wildcards.month],
        kept=lambda wildcards: paths.KEPT.format(month=wildcards.month),
        settings=lambda wildcards: plan.night_settings(wildcards.month),
        version=stages.NIGHTS,
    script:
        "../scripts/ingest_month.py"
