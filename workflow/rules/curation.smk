"""The pages on which people choose times, label frames and the sky's condition, and settle disagreements."""


rule write_keogram_page:
    """Write the page of all keograms, on which times are chosen."""
    input:
        nights=plan.all_months(paths.NIGHTS),
        keograms=plan.all_months(paths.KEOGRAMS),
    output:
        paths.KEOGRAM_PAGE,
    log:
        "results/logs/write_keogram_page/all.log",
    benchmark:
        "results/benchmarks/write_keogram_page/all.tsv"
    # Seconds of work on small files: done where Snakemake runs.
    localrule: True
    conda:
        "../../envs/norrsken.yaml"
    threads: 1
    resources:
        mem_mb=more_each_time(2000),
        runtime=more_each_time(20),
    params:
        settings=plan.config.keogram_page_settings().plain(),
        version=stages.CURATION,
    script:
        "../scripts/write_keogram_page.py"


rule write_condition_page:
    """Write the page on which the condition of the sky is labelled, in a sample of the archive's kept frames."""
    input:
        months=plan.all_months(paths.NIGHTS),
        # Its frames stay on the page; there is no table before the page is used.
        table=list(plan.survey.labelled_conditions),
    output:
        directory(paths.CONDITION_PAGE),
    log:
        "results/logs/write_condition_page/all.log",
    benchmark:
        "results/benchmarks/write_condition_page/all.tsv"
    conda:
        "../../envs/norrsken.yaml"
    threads: 1
    resources:
        mem_mb=more_each_time(2000),
        runtime=more_each_time(60),
    params:
        settings=plan.config.condition_page_settings().plain(),
        version=stages.CURATION,
    script:
        "../scripts/write_condition_page.py"


if plan.sample:

    rule draw_sample:
        """Draw a sample to label: even over the classes that the general classifier sees, test nights by time."""
        input:
            months=plan.release_months,
            selections=plan.selections,
        output:
            paths.SAMPLE,
        log:
            "results/logs/draw_sample/{release}.log",
        benchmark:
            "results/benchmarks/draw_sample/{release}.tsv"
        conda:
            "../../envs/norrsken.yaml"
        threads: 4
        resources:
            mem_mb=more_each_time(4000),
            runtime=more_each_time(240),
        params:
            settings=plan.config.sample_settings(plan.name).plain(),
            version=stages.CURATION,
        script:
            "../scripts/draw_sample.py"


if not plan.sources:

    rule write_labelling_pages:
        """Write a page for each annotator of the release, with the frames that were kept and chosen."""
        input:
            months=[] if plan.divides else plan.release_months,
            selections=plan.selections,
            # Another release's labelled frames are a source here: this one must not make them anew.
            earlier=lambda wildcards: plan.earlier,
            sample=plan.sample,
        output:
            directory(paths.LABELLING),
        log:
            "results/logs/write_labelling_pages/{release}.log",
        benchmark:
            "results/benchmarks/write_labelling_pages/{release}.tsv"
        conda:
            "../../envs/norrsken.yaml"
        threads: 1
        resources:
            mem_mb=more_each_time(2000),
            runtime=more_each_time(60),
        params:
            settings=plan.config.labelling_settings(plan.name).plain(),
            version=stages.CURATION,
        script:
            "../scripts/write_labelling_pages.py"


if plan.has_labels:

    rule write_disagreement_page:
        """Show the frames that the annotators labelled differently, to discuss and to settle them."""
        input:
            paths.LABELLED,
        output:
            directory(paths.DISAGREEMENTS),
        log:
            "results/logs/write_disagreement_page/{release}.log",
        benchmark:
            "results/benchmarks/write_disagreement_page/{release}.tsv"
        conda:
            "../../envs/norrsken.yaml"
        threads: 1
        resources:
            mem_mb=more_each_time(2000),
            runtime=more_each_time(20),
        params:
            # It is no input on purpose: the labelled frames follow it, and those of a frozen release do not.
            adjudicated=plan.release.adjudicated,
            label_set=plan.label_set.plain(),
            version=stages.CURATION,
        script:
            "../scripts/write_disagreement_page.py"

    rule judge_labels:
        """Tell which labels are most likely wrong, and how often each annotator gives a class wrongly."""
        input:
            paths.LABELLED,
        output:
            quality=paths.LABEL_QUALITY,
            noise=report(
                paths.LABEL_NOISE,
                caption="../captions/noise.rst",
                category="Labels",
                labels={"table": "Estimated noise of the labels"},
            ),
        log:
            "results/logs/judge_labels/{release}.log",
        benchmark:
            "results/benchmarks/judge_labels/{release}.tsv"
        conda:
            "../../envs/norrsken.yaml"
        # The network of the general classifier runs on one.
        threads: 1
        resources:
            mem_mb=more_each_time(4000),
            runtime=more_each_time(60),
        params:
            version=stages.CURATION,
        script:
            "../scripts/judge_labels.py"

    rule write_second_look_page:
        """Show the frames whose labels are most likely wrong, to settle them."""
        input:
            labelled=paths.LABELLED,
            quality=paths.LABEL_QUALITY,
        output:
            directory(paths.SECOND_LOOK),
        log:
            "results/logs/write_second_look_page/{release}.log",
        benchmark:
            "results/benchmarks/write_second_look_page/{release}.tsv"
        # This is a second of work on few frames, so it is done where Snakemake runs.
        localrule: True
        conda:
            "../../envs/norrsken.yaml"
        threads: 1
        resources:
            mem_mb=more_each_time(2000),
            runtime=more_each_time(20),
        params:
            adjudicated=plan.release.adjudicated,
            label_set=plan.label_set.plain(),
            version=stages.CURATION,
        script:
            "../scripts/write_second_look_page.py"
