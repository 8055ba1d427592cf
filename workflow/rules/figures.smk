"""Tables, frames and runs → the paper's figures, each as PNG and PDF."""

FIGURE_TITLES = {
    "response": "Figure 1: the camera's response",
    "processing": "Figure 2: raw and processed frame",
    "samples": "Figure 3: frames of each class",
    "embedding": "Figure 5: where a network puts the test frames",
    "mistakes": "Figure 6: misclassified frames",
    "class-accuracy": "Figure 7: accuracy by class",
    "precision-recall": "Precision and recall by class",
    "reliability": "Reliability of the probabilities",
    "curves": "Training curves",
}


for name in plan.figures:

    rule:
        """One figure of the report."""
        name:
            f"draw_{name.replace('-', '_')}"
        input:
            **FIGURES[name],
        output:
            png=report(
                paths.FIGURE.format(name=name, release="{release}"),
                caption=f"../captions/{name}.rst",
                category="Figures",
                labels={"figure": FIGURE_TITLES[name]},
            ),
            pdf=paths.FIGURE.format(name=name, release="{release}").replace(
                ".png", ".pdf"
            ),
        log:
            f"results/logs/draw_{name}/{{release}}.log",
        benchmark:
            f"results/benchmarks/draw_{name}/{{release}}.tsv"
        # Seconds of work on small files: done where Snakemake runs.
        localrule: True
        conda:
            "../../envs/norrsken.yaml"
        threads: 1
        resources:
            mem_mb=more_each_time(4000),
            runtime=more_each_time(20),
        params:
            figure=name,
            settings=plan.figure_settings(name),
            version=stages.REPORT,
        script:
            "../scripts/draw_figure.py"
