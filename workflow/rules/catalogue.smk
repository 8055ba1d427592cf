"""Night tables and trained models → every kept frame classified, and what the sky did."""

if plan.is_general:

    rule copy_general:
        """Copy the general classifier, so that the catalogue stays whole when the program is updated."""
        output:
            plan.general,
        log:
            "results/logs/copy_general/{release}.log",
        benchmark:
            "results/benchmarks/copy_general/{release}.tsv"
        # This is a second of work, so it is done where Snakemake runs.
        localrule: True
        conda:
            "../../envs/norrsken.yaml"
        threads: 1
        resources:
            mem_mb=more_each_time(1000),
            runtime=more_each_time(10),
        params:
            # The files are no input: those of a fresh clone are the same with other times.
            digests=list(plan.survey.general.values()),
            version=stages.CATALOGUE,
        script:
            "../scripts/copy_general.py"

else:

    rule calibrate_classifier:
        """Choose the model that classifies the archive, how sure it may be, and which classes it leaves open."""
        input:
            dataset=paths.DATASET,
            labelled=paths.LABELLED,
            metrics=plan.metrics(plan.candidates, [plan.catalogue_split]),
            validations=plan.validations(plan.candidates, [plan.catalogue_split]),
            predictions=plan.predictions(plan.candidates, [plan.catalogue_split]),
        output:
            paths.CLASSIFIER,
        log:
            "results/logs/calibrate_classifier/{release}.log",
        benchmark:
            "results/benchmarks/calibrate_classifier/{release}.tsv"
        conda:
            "../../envs/norrsken.yaml"
        threads: plan.most_of("threads")
        resources:
            mem_mb=more_each_time(16000),
            runtime=more_each_time(60),
            gpu=plan.most_of("gpu"),
        params:
            # Only where it is asked for, so that what was made before there was such a key stays.
            **({"smoothing": True} if plan.catalogue.smoothing else {}),
            clear_sky=plan.label_set.clear_sky,
            precision=plan.catalogue.precision,
            version=stages.CATALOGUE,
        script:
            "../scripts/calibrate_classifier.py"


rule choose_condition:
    """Choose how the sky's condition is told: as in simulated weather, or as people labelled it here."""
    input:
        # Beside the general classifier labels have no say in it: they then repeat no month, and all of them judge both.
        labelled=[] if plan.is_general else paths.LABELLED,
        dataset=[] if plan.is_general else paths.DATASET,
        # The site's table of conditions, and the night tables of its frames: other months do not choose anew.
        table=[plan.config.conditions.table] if plan.config.conditions.table else [],
        months=[
            paths.NIGHTS.format(month=month)
            for months in plan.survey.labelled_conditions.values()
            for month in months
        ],
    output:
        paths.CONDITION,
    log:
        "results/logs/choose_condition/{release}.log",
    benchmark:
        "results/benchmarks/choose_condition/{release}.tsv"
    # This is seconds of work on small files, so it is done where Snakemake runs.
    localrule: True
    conda:
        "../../envs/norrsken.yaml"
    threads: 1
    resources:
        mem_mb=more_each_time(2000),
        runtime=more_each_time(20),
    params:
        split=None if plan.is_general else plan.catalogue_split,
        settings=plan.config.condition_labels().plain(),
        version=stages.CATALOGUE,
    script:
        "../scripts/choose_condition.py"


rule classify_month:
    """Classify the kept frames of a month's nights."""
    input:
        nights=paths.NIGHTS,
        beside=lambda wildcards: plan.months_beside(wildcards.month),
        classifier=paths.CLASSIFIER,
        condition=paths.CONDITION,
        # What the general classifier.json names: another one repeats the month, though the JSON may be as it was.
        others=plan.general[1:],
    output:
        directory(paths.CATALOGUE),
    log:
        "results/logs/classify_month/{release}/{month}.log",
    benchmark:
        "results/benchmarks/classify_month/{release}/{month}.tsv"
    conda:
        "../../envs/norrsken.yaml"
    threads: plan.most_of("threads")
    resources:
        mem_mb=more_each_time(16000),
        runtime=more_each_time(120),
        gpu=plan.most_of("gpu"),
    params:
        site=plan.config.site.place.plain(),
        version=stages.CATALOGUE,
    script:
        "../scripts/classify_month.py"


if plan.has_labels:

    rule judge_untrained:
        """Tabulate what the classifier says of frames that it was never trained on, and what corrects shares of classes."""
        input:
            labelled=paths.LABELLED,
            dataset=[] if plan.is_general else [paths.DATASET],
            classifier=paths.CLASSIFIER,
            condition=paths.CONDITION,
        output:
            correction=paths.CORRECTION,
            table=report(
                paths.UNTRAINED,
                caption="../captions/untrained.rst",
                category="Catalogue",
                labels={
                    "table": "What the classifier says of frames that fit no class"
                },
            ),
        log:
            "results/logs/judge_untrained/{release}.log",
        benchmark:
            "results/benchmarks/judge_untrained/{release}.tsv"
        conda:
            "../../envs/norrsken.yaml"
        threads: plan.most_of("threads")
        resources:
            mem_mb=more_each_time(16000),
            runtime=more_each_time(60),
            gpu=plan.most_of("gpu"),
        params:
            version=stages.CATALOGUE,
        script:
            "../scripts/judge_untrained.py"


rule find_events:
    """Find the times in which a class lasted, and the onsets of one of them."""
    input:
        plan.all_months(paths.CATALOGUE),
    output:
        events=paths.EVENTS,
        onsets=paths.ONSETS,
    log:
        "results/logs/find_events/{release}.log",
    benchmark:
        "results/benchmarks/find_events/{release}.tsv"
    # This is seconds of work on small files, so it is done where Snakemake runs.
    localrule: True
    conda:
        "../../envs/norrsken.yaml"
    threads: 1
    resources:
        mem_mb=more_each_time(2000),
        runtime=more_each_time(20),
    params:
        settings=plan.catalogue.events.plain(),
        classes=list(plan.label_set.class_names),
        onset=plan.label_set.onset,
        version=stages.CATALOGUE,
    script:
        "../scripts/find_events.py"


if not plan.survey.audit_drawn:

    rule draw_audit:
        """Draw a sample of the catalogue's frames, to label them blindly; once drawn it stays."""
        input:
            catalogue=plan.all_months(paths.CATALOGUE),
        output:
            paths.AUDIT_SAMPLE,
        log:
            "results/logs/draw_audit/{release}.log",
        benchmark:
            "results/benchmarks/draw_audit/{release}.tsv"
        conda:
            "../../envs/norrsken.yaml"
        threads: 1
        resources:
            mem_mb=more_each_time(2000),
            runtime=more_each_time(60),
        params:
            audit=plan.catalogue.audit.plain(),
            version=stages.CATALOGUE,
        script:
            "../scripts/draw_audit.py"


rule write_audit_pages:
    """Write a page for each of those who label the audit's sample."""
    input:
        sample=paths.AUDIT_SAMPLE,
        nights=plan.all_months(paths.NIGHTS),
    output:
        directory(paths.AUDIT_PAGES),
    log:
        "results/logs/write_audit_pages/{release}.log",
    benchmark:
        "results/benchmarks/write_audit_pages/{release}.tsv"
    # This is a second of work on few frames, so it is done where Snakemake runs.
    localrule: True
    conda:
        "../../envs/norrsken.yaml"
    threads: 1
    resources:
        mem_mb=more_each_time(2000),
        runtime=more_each_time(20),
    params:
        settings=plan.audit_settings(plan.catalogue.audit),
        version=stages.CURATION,
    script:
        "../scripts/write_audit_pages.py"


if plan.audit:

    rule judge_audit:
        """Estimate precision and recall of the whole catalogue from what people said of a sample of it."""
        input:
            sample=paths.AUDIT_SAMPLE,
            labels=plan.catalogue.audit.tables(plan.name),
            catalogue=plan.all_months(paths.CATALOGUE),
        output:
            report(
                paths.AUDIT,
                caption="../captions/audit.rst",
                category="Catalogue",
                labels={"table": "Audit of the catalogue"},
            ),
        log:
            "results/logs/judge_audit/{release}.log",
        benchmark:
            "results/benchmarks/judge_audit/{release}.tsv"
        # This is a second of work on few frames, so it is done where Snakemake runs.
        localrule: True
        conda:
            "../../envs/norrsken.yaml"
        threads: 1
        resources:
            mem_mb=more_each_time(2000),
            runtime=more_each_time(20),
        params:
            settings=plan.config.label_settings(plan.name).plain(),
            version=stages.CATALOGUE,
        script:
            "../scripts/judge_audit.py"


rule tabulate_occurrence:
    """Tabulate and draw in how much of the observed time each class was seen."""
    input:
        months=plan.all_months(paths.CATALOGUE),
        correction=[paths.CORRECTION] if plan.has_labels else [],
        kp=[plan.catalogue.kp] if plan.catalogue.kp else [],
    output:
        table=paths.OCCURRENCE,
        figures=report(
            expand(
                paths.OCCURRENCE_FIGURE,
                by=plan.occurrence_by,
                allow_missing=True,
            ),
            caption="../captions/occurrence.rst",
            category="Catalogue",
        ),
        vectors=[
            path.replace(".png", ".pdf")
            for path in expand(
                paths.OCCURRENCE_FIGURE,
                by=plan.occurrence_by,
                allow_missing=True,
            )
        ],
    log:
        "results/logs/tabulate_occurrence/{release}.log",
    benchmark:
        "results/benchmarks/tabulate_occurrence/{release}.tsv"
    # This is seconds of work on small files, so it is done where Snakemake runs.
    localrule: True
    conda:
        "../../envs/norrsken.yaml"
    threads: 1
    resources:
        mem_mb=more_each_time(2000),
        runtime=more_each_time(20),
    params:
        by=plan.occurrence_by,
        # Whether the site can be compared with the curve of Kiruna 1985–1994.
        kiruna=plan.config.site.near_kiruna,
        label_set=plan.label_set.plain(),
        version=stages.CATALOGUE,
    script:
        "../scripts/tabulate_occurrence.py"


rule tabulate_availability:
    """Tabulate and draw how many dark hours of each night were observed, and why the others were not."""
    input:
        nights=plan.all_months(paths.NIGHTS),
        catalogue=plan.all_months(paths.CATALOGUE),
    output:
        table=paths.AVAILABILITY,
        figure=report(
            paths.AVAILABILITY_FIGURE,
            caption="../captions/availability.rst",
            category="Catalogue",
            labels={"figure": "Hours observed of each night"},
        ),
        vector=paths.AVAILABILITY_FIGURE.replace(".png", ".pdf"),
    log:
        "results/logs/tabulate_availability/{release}.log",
    benchmark:
        "results/benchmarks/tabulate_availability/{release}.tsv"
    conda:
        "../../envs/norrsken.yaml"
    threads: 1
    resources:
        mem_mb=more_each_time(2000),
        runtime=more_each_time(60),
    params:
        site=plan.config.site.place.plain(),
        sun_altitude_max=plan.config.filter.sun_altitude_max,
        hidden_sky=sorted(plan.label_set.hidden_sky),
        version=stages.CATALOGUE,
    script:
        "../scripts/tabulate_availability.py"


rule write_night_pages:
    """Show each night at a glance: a calendar, and a page for each month."""
    input:
        catalogue=plan.all_months(paths.CATALOGUE),
        nights=plan.all_months(paths.NIGHTS),
        keograms=plan.all_months(paths.KEOGRAMS),
        events=paths.EVENTS,
    output:
        directory(paths.NIGHT_PAGES),
    log:
        "results/logs/write_night_pages/{release}.log",
    benchmark:
        "results/benchmarks/write_night_pages/{release}.tsv"
    conda:
        "../../envs/norrsken.yaml"
    threads: 1
    resources:
        mem_mb=more_each_time(2000),
        runtime=more_each_time(60),
    params:
        settings=plan.config.night_page_settings(plan.name).plain(),
        lost=plan.survey.lost,
        version=stages.CATALOGUE,
    script:
        "../scripts/write_night_pages.py"


rule write_export:
    """Write the catalogue as CSV and NetCDF, ready to be published."""
    input:
        catalogue=plan.all_months(paths.CATALOGUE),
        classifier=paths.CLASSIFIER,
        tables=[
            paths.EVENTS,
            paths.ONSETS,
            paths.OCCURRENCE,
            paths.AVAILABILITY,
            *([paths.UNTRAINED] if plan.has_labels else []),
            *plan.audit,
        ],
    output:
        directory(paths.EXPORT),
    log:
        "results/logs/write_export/{release}.log",
    benchmark:
        "results/benchmarks/write_export/{release}.tsv"
    conda:
        "../../envs/norrsken.yaml"
    threads: 1
    resources:
        mem_mb=more_each_time(2000),
        runtime=more_each_time(60),
    params:
        settings=plan.config.export_settings(plan.name).plain(),
        version=stages.CATALOGUE,
    script:
        "../scripts/write_export.py"


rule write_catalogue:
    """Write one page that says what was classified, how far to trust it, and what the sky did."""
    input:
        months=plan.all_months(paths.CATALOGUE),
        classifier=paths.CLASSIFIER,
        correction=[paths.CORRECTION] if plan.has_labels else [],
        condition=paths.CONDITION,
        untrained=[paths.UNTRAINED] if plan.has_labels else [],
        audit=plan.audit,
        occurrence=paths.OCCURRENCE,
        events=paths.EVENTS,
        onsets=paths.ONSETS,
        availability=paths.AVAILABILITY,
        availability_figure=paths.AVAILABILITY_FIGURE,
        figures=expand(
            paths.OCCURRENCE_FIGURE, by=plan.occurrence_by, allow_missing=True
        ),
    output:
        report(
            paths.CATALOGUE_INDEX,
            caption="../captions/catalogue.rst",
            category="Catalogue",
            labels={"page": "The catalogue in one page"},
        ),
    log:
        "results/logs/write_catalogue/{release}.log",
    benchmark:
        "results/benchmarks/write_catalogue/{release}.tsv"
    # This is seconds of work on small files, so it is done where Snakemake runs.
    localrule: True
    conda:
        "../../envs/norrsken.yaml"
    threads: 1
    resources:
        mem_mb=more_each_time(1000),
        runtime=more_each_time(10),
    params:
        settings=plan.config.report_settings(plan.name).plain(),
        titles=[OCCURRENCE[by] for by in plan.occurrence_by],
        truth=plan.truth is not None,
        version=stages.CATALOGUE,
    script:
        "../scripts/write_catalogue.py"


if plan.truth:

    rule compare_with_truth:
        """Compare the catalogue with the truth, which only a simulated archive has."""
        input:
            months=plan.all_months(paths.CATALOGUE),
            occurrence=paths.OCCURRENCE,
        output:
            directory(paths.TRUTH_PAGE),
        log:
            "results/logs/compare_with_truth/{release}.log",
        benchmark:
            "results/benchmarks/compare_with_truth/{release}.tsv"
        conda:
            "../../envs/norrsken.yaml"
        threads: 1
        resources:
            mem_mb=more_each_time(2000),
            runtime=more_each_time(20),
        params:
            # It is no input on purpose: the truth lies beside the archive, and the catalogue has the same nights.
            truth=plan.truth,
            settings=plan.config.report_settings(plan.name).plain(),
            version=stages.CATALOGUE,
        script:
            "../scripts/compare_with_truth.py"
