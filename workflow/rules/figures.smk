"""Tables, frames and runs → the paper's figures, each as PNG and PDF."""

for name in plan.figures:

    rule:
        """One figure of the report."""
        name:
            f"draw_{name.replace('-', '_')}"
        input:
            **FIGURES[name].inputs,
        output:
            png=report(
                paths.FIGURE.format(name=name, release="{release}"),
                caption=f"../captions/{name}.rst",
                category="Figures",
                labels={"figure": FIGURES[name].title},
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
