"""Which files the targets of the workflow stand on: `nights`, `labels`, `train`, `catalogue` and the others."""

from norrsken import paths
from norrsken.config.base import ConfigError
from norrsken.contents import YARDSTICKS
from norrsken.plan import Plan


def everything(plan: Plan) -> list[str]:
    """All files that the configuration asks for, each once."""
    stages = ("nights", "report", "catalogue")
    return list(dict.fromkeys(path for stage in stages for path in up_to(plan, stage)))


def up_to(plan: Plan, stage: str, model: str | None = None) -> list[str]:
    """All files that a target stands on, its own included: for all models, or for one.

    Snakemake deletes the outputs of a failed job, but what was made from them before still counts as done. A target
    that names every file on the way notices what is missing; a target that names only its last file does not.
    """
    if stage == "nights":
        if not plan.months:
            return []
        return [*plan.all_months(paths.NIGHTS), *plan.all_months(paths.KEOGRAMS), paths.KEOGRAM_PAGE]
    if stage == "conditions":
        return [*plan.all_months(paths.NIGHTS), paths.CONDITION_PAGE] if plan.months else []
    if stage == "labelling":
        if not plan.release.labels:
            raise ConfigError(
                f"releases.{plan.name}.labels is missing: name a table for each annotator, such as "
                "[labels/anna.csv]; it need not be there yet"
            )
        months = [] if plan.divides else plan.release_months
        return [*months, *plan.sample, paths.LABELLING.format(release=plan.name)]
    apart = {"catalogue": _catalogue, "yardsticks": _yardsticks}
    if stage in apart:
        return apart[stage](plan)
    if stage == "audit":
        # A sample that was drawn stays: what people have said of it would be of no use for another one.
        drawn = [] if plan.survey.audit_drawn else [paths.AUDIT_SAMPLE]
        return [*_catalogue(plan), *(path.format(release=plan.name) for path in (*drawn, paths.AUDIT_PAGES))]
    models = plan.with_frames(plan.config.models if model is None else [model])
    if not plan.has_labels:
        return []
    files = [] if plan.frozen else plan.release_months
    files = [*files, plan.labelled]
    pages = [paths.DISAGREEMENTS, paths.LABEL_QUALITY, paths.LABEL_NOISE, paths.SECOND_LOOK]
    looked_at = [] if plan.sources else [path.format(release=plan.name) for path in pages]
    if stage == "labels":
        return files
    if not plan.trains:
        return [*files, *looked_at]
    files = [*files, plan.dataset]
    if stage == "dataset":
        return files
    files += [*plan.features(models), *plan.metrics(models), *plan.scores(models)]
    if stage == "train":
        return files
    report = [
        paths.TABLE1,
        paths.AGREEMENT,
        paths.CONSISTENCY,
        paths.COURSE,
        paths.ANNOTATORS_FIGURE,
        paths.COURSE_FIGURE,
        paths.TABLE2,
        *plan.judged_votes.values(),
        *plan.votes,
        *(paths.FIGURE.replace("{name}", name) for name in plan.figures),
        *(paths.CARD.replace("{model}", model) for model in plan.config.models),
        *plan.counts.values(),
        paths.SUMMARY,
        paths.RESOURCES,
        *plan.own_classifier,
        paths.INDEX,
    ]
    return [
        *files,
        *looked_at,
        *plan.audited,
        *(path.format(release=plan.name) for path in report),
        *plan.confusions(),
        *plan.history_figures(),
    ]


def _yardsticks(plan: Plan) -> list[str]:
    """What the yardsticks stand on, and their files. Raises `ConfigError` where no model can be judged."""
    if not plan.judged:
        raise ConfigError(
            "yardsticks: no entry of models can be judged: all see several frames or learn votes; expected one that "
            "sees single frames and learns agreed labels"
        )
    runs = (paths.METRICS, paths.PREDICTIONS, paths.VALIDATION)
    of_models = [path for model in plan.judged for run in runs for path in plan.judged_runs(run, model)]
    others = [path for model in plan.judged for files in plan.otherwise(model).values() for path in files]
    tables = (
        paths.DIVISIONS, paths.ROBUSTNESS, paths.TRUST, paths.RISK, paths.RELIABILITY, paths.DRIFT, paths.ALARMS,
        paths.CAPITALS,
    )  # fmt: skip
    files = [
        *(path.replace("{model}", model) for model in plan.judged for path in tables),
        *(paths.YARDSTICK_FIGURE.replace("{name}", name) for name in YARDSTICKS),
        paths.YARDSTICK_SUMMARY,
        paths.YARDSTICK_PAGE,
    ]
    here = [path.format(release=plan.name) for path in files]
    return [*up_to(plan, "dataset"), *plan.features(plan.judged), *of_models, *others, *here]


def _catalogue(plan: Plan) -> list[str]:
    """What the catalogue stands on, and its files; none where no catalogue is made."""
    if not plan.classifies:
        return []
    if plan.is_general:
        sources = up_to(plan, "labels")
    else:
        trained = plan.with_frames(plan.candidates)
        runs = [*plan.features(trained), *plan.metrics(trained, [plan.catalogue_split])]
        sources = [*up_to(plan, "dataset"), *runs]
    files = [
        *plan.all_months(paths.CATALOGUE),
        *(plan.general or [paths.CLASSIFIER]),
        paths.CONDITION,
        *([paths.UNTRAINED] if plan.has_labels else []),
        paths.EVENTS,
        paths.ONSETS,
        paths.OCCURRENCE,
        *plan.audit,
        *(paths.OCCURRENCE_FIGURE.replace("{by}", by) for by in plan.occurrence_by),
        paths.AVAILABILITY,
        paths.AVAILABILITY_FIGURE,
        paths.NIGHT_PAGES,
        paths.EXPORT,
        *([paths.TRUTH_PAGE] if plan.truth else []),
        paths.CATALOGUE_INDEX,
    ]
    return [*sources, *(path.format(release=plan.name) for path in files)]
