"""What people are told before a run and after it: what should be known of the plan, of the archive, of the catalogue.

Nothing heavy is imported on top: the Snakefile, which asks for the warnings, is parsed again for every job.
"""

from collections.abc import Mapping
from pathlib import Path

from norrsken.config.releases import sample_warnings
from norrsken.plan import Plan


def warnings(plan: Plan) -> list[str]:
    """Sentences about what does not stop a dry run but should be known."""
    years = ", ".join(map(str, plan.survey.empty_years))
    empty = [f"The archive has no data of {years}, which the release {plan.name} names."] if years else []
    unmapped = unlabelled = ""
    if plan.classifies and plan.survey.truth and plan.truth is None:
        unmapped = (
            f"The label set “{plan.label_set.title}” does not say which of its labels stand for the simulated sky: "
            "the catalogue is not compared with the truth."
        )
    if plan.release.labels and not plan.has_labels:
        unlabelled = (
            f"There is no {plan.survey.unlabelled[0]!r} yet: the catalogue is made without labels. "
            "`snakemake labelling` makes the pages to label frames on."
        )
    idle = plan.idle if plan.trains else []
    without_context = (
        f"The release {plan.name} has no context, so that {', '.join(idle)} is not run: a sequence sees frames between "
        "their neighbours."
    ) * bool(idle)
    others = (without_context, plan.config.site.looks_exchanged, plan.survey.without_images, unmapped, unlabelled)
    return [
        *empty,
        *plan.survey.warnings,
        *filter(None, others),
        *sample_warnings(plan.release),
        *_colour_warnings(plan),
    ]


def refuse_frozen_otherwise(plan: Plan) -> None:
    """Raise `TableError` or `ContextError` where the release was frozen with other labels, or with fewer neighbours."""
    if not plan.frozen:
        return
    from norrsken.dataset.context import require_context
    from norrsken.tables import require_labels

    require_labels(plan.labelled, plan.label_set.names)
    context = getattr(plan.release, "context", None)
    if context is not None:
        require_context(plan.labelled, context)


def _colour_warnings(plan: Plan) -> list[str]:
    """What is wrong with the colours of a label set of one's own. Only then is the library for it imported."""
    if not plan.release.label_set.endswith((".yaml", ".yml")):
        return []
    from norrsken.figures.colour_vision import colour_warnings

    return colour_warnings(plan.label_set.label_colours)


def of_archive(plan: Plan, folders: Mapping[str, Path]) -> list[str]:
    """What must be known of an archive after its months were worked on: what was left out, and whether it looks odd.

    folders: month → the folder of its night tables.
    """
    from norrsken.nights import brightness, census, kept

    root, there = plan.config.archive.root, [folder for folder in folders.values() if folder.is_dir()]
    counts = {month: census.read_counts(folder) for month, folder in folders.items()}
    clock = brightness.clock_warning(brightness.read_samples(there), plan.config.site.place)
    return [
        *kept.sentences(kept.lost_nights(map(str, there))),
        *census.sentences(census.count_archive(there, root, plan.survey.left_out)),
        *census.too_many_unrecognised(counts),
        *filter(None, [clock]),
    ]


def of_catalogue(folders: Mapping[str, Path]) -> list[str]:
    """What must be known of a catalogue after months of it were made. folders: month → the folder of its tables."""
    from norrsken.catalogue.reasons import count_reasons, unlike

    warning = unlike(count_reasons(map(str, folders.values())))
    return [warning] if warning else []
