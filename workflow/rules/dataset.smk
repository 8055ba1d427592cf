"""Night tables and label tables, or frames from elsewhere → the labelled frames of a release → its clean data set."""

# A frozen release is a source: while its labelled frames are there, no rule makes them.
if plan.release.source == "published":

    rule read_published:
        """Take the frames of the published data set as they are."""
        input:
            **plan.sources,
        output:
            paths.LABELLED,
        log:
            "results/logs/read_published/{release}.log",
        benchmark:
            "results/benchmarks/read_published/{release}.tsv"
        conda:
            "../../envs/norrsken.yaml"
        threads: 1
        resources:
            mem_mb=more_each_time(2000),
            runtime=more_each_time(60),
        params:
            settings=plan.config.published_settings(plan.name).plain(),
            version=stages.LABELS,
        script:
            "../scripts/read_published.py"

elif plan.release.source == "frames":

    rule read_pictures:
        """Take the pictures of a folder and the labels of a table."""
        input:
            **plan.sources,
        output:
            paths.LABELLED,
        log:
            "results/logs/read_pictures/{release}.log",
        benchmark:
            "results/benchmarks/read_pictures/{release}.tsv"
        conda:
            "../../envs/norrsken.yaml"
        threads: 1
        resources:
            mem_mb=more_each_time(2000),
            runtime=more_each_time(60),
        params:
            settings=plan.config.frames_settings(plan.name).plain(),
            version=stages.LABELS,
        script:
            "../scripts/read_pictures.py"

elif not plan.frozen:

    rule merge_labels:
        """Merge the labels of the annotators and put them beside the frames."""
        input:
            labels=plan.release.labels,
            divided=plan.release.divided,
            adjudicated=plan.adjudicated,
            selections=plan.selections,
            months=plan.release_months,
        output:
            paths.LABELLED,
        log:
            "results/logs/merge_labels/{release}.log",
        benchmark:
            "results/benchmarks/merge_labels/{release}.tsv"
        conda:
            "../../envs/norrsken.yaml"
        threads: 1
        resources:
            mem_mb=more_each_time(2000),
            runtime=more_each_time(60),
        params:
            settings=plan.config.label_settings(plan.name).plain(),
            version=(
                [stages.LABELS, stages.ADJUDICATION]
                if plan.adjudicated
                else stages.LABELS
            ),
        script:
            "../scripts/merge_labels.py"


if plan.trains:

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
                name: split.plain()
                for name, split in sorted(plan.release.splits.items())
            },
            version=stages.DATASET,
        script:
            "../scripts/split_dataset.py"
