"""Norrsken: from the archive of an all-sky camera to honestly classified aurora.

`snakemake` makes everything that `config.yaml` asks for; `nights`, `labels`, `dataset`, `train`, `train_{model}`,
`report` and `catalogue` make a part of it, `labelling` the pages to label frames on, `conditions` the page to label the
condition of the sky on, `audit` the pages to judge the catalogue by, `yardsticks` a page on how models do elsewhere.
A configuration given with `--configfile` stands alone: it replaces `config.yaml`.
"""

if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/nights.smk"
include: "workflow/rules/curation.smk"


if plan.has_labels:

    include: "workflow/rules/dataset.smk"


# Where no model is trained, the catalogue takes the place of the report.
if plan.trains:

    include: "workflow/rules/training.smk"
    include: "workflow/rules/figures.smk"
    include: "workflow/rules/report.smk"
    include: "workflow/rules/yardsticks.smk"


if plan.classifies:

    include: "workflow/rules/catalogue.smk"


rule all:
    """Everything that the configuration asks for."""
    input:
        lambda wildcards: everything(plan),


rule nights:
    """Night tables and keograms of the whole archive, and the page of all keograms."""
    input:
        lambda wildcards: up_to(plan, "nights"),


rule conditions:
    """The page on which the condition of the sky is labelled, of frames of the whole archive."""
    input:
        lambda wildcards: up_to(plan, "conditions"),


if not plan.sources:

    rule labelling:
        """The pages on which the annotators label the release's frames; no label table is needed yet."""
        input:
            lambda wildcards: up_to(plan, "labelling"),


if plan.has_labels:

    rule labels:
        """The release's labelled frames, and the months that they stand on."""
        input:
            lambda wildcards: up_to(plan, "labels"),


if plan.trains:

    rule dataset:
        """The release's clean data set."""
        input:
            lambda wildcards: up_to(plan, "dataset"),

    rule train:
        """All runs of all models, and their scores."""
        input:
            lambda wildcards: up_to(plan, "train"),

    rule report:
        """The report, and all that it stands on."""
        input:
            lambda wildcards: up_to(plan, "report"),

    rule yardsticks:
        """How models do on other divisions of the frames, on changed ones and over the years, and when they are sure."""
        input:
            lambda wildcards: up_to(plan, "yardsticks"),

    for model in plan.config.models:

        rule:
            """The runs of one model, and their scores."""
            name:
                f"train_{model}"
            input:
                lambda wildcards, model=model: up_to(plan, "train", model),


if plan.classifies:

    rule catalogue:
        """Every kept frame of the archive classified, and all that is made of it."""
        input:
            lambda wildcards: [
                *up_to(plan, "nights"),
                *up_to(plan, "catalogue"),
            ],

    rule audit:
        """A sample of the catalogue to judge it by, with the pages to label it on, and what its labels say."""
        input:
            lambda wildcards: up_to(plan, "audit"),
