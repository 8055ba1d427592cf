"""The configuration, checked, and the plan that the rules follow."""

import gc
import sys
import time
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

# Snakemake looks for packages in the folder of the Snakefile too, also where that is a module of another workflow.
from norrsken import paths, provenance, remarks, stages, survey
from norrsken.config.base import ConfigError
from norrsken.config.config import check
from norrsken.config.yaml_files import reject_repeated_keys
from norrsken.errors import NorrskenError
from norrsken.contents import FIGURES, OCCURRENCE, YARDSTICKS
from norrsken.nights.census import CENSUS
from norrsken.plan import Plan
from norrsken.targets import everything, up_to

STARTED = time.time()

# What Snakemake has imported stays until its end. The collector of garbage need not look through it again and again.
gc.freeze()

# In another workflow these files are read once for each `use rule`. All of its rules follow the first plan.
plans = (one.module_globals.get("plan") for one in workflow.rules)
before = next((one for one in plans if isinstance(one, Plan)), None)

# Jobs follow the plan of the process that sent them: what it found on the disk is handed to them.
try:
    if workflow.is_main_process:
        for path in workflow.configfiles:
            reject_repeated_keys(path)
    if before:
        found = before.survey
    else:
        found = None if workflow.is_main_process else survey.handed_on()
    plan = Plan(check(config, ", ".join(map(str, workflow.configfiles))), found)
except ConfigError as error:
    raise WorkflowError(str(error)) from None

if workflow.modifier.path_modifier.replace_prefix(paths.NIGHTS) != paths.NIGHTS:
    raise WorkflowError(
        f"module {__name__}: norrsken takes no prefix and no replace_prefix, since it works in results/ of the folder "
        "in which Snakemake works; leave them out, or run norrsken in another folder with --directory"
    )
if before and before.config != plan.config:
    raise WorkflowError(
        f"module {__name__}: its configuration is not that of the first module of norrsken, but both would work in "
        "results/; use one module, and run norrsken with the other configuration in another folder with --directory"
    )

if workflow.is_main_process and not before:
    try:
        remarks.refuse_frozen_otherwise(plan)
    except NorrskenError as error:
        raise WorkflowError(str(error)) from None
    for warning in remarks.warnings(plan):
        logger.warning(warning)


# Snakemake runs no `onstart` of a module, whose jobs need the survey all the same.
if workflow.is_main_process and len(workflow.modifier_stack) > 1:
    survey.hand_on(plan.survey, Path.cwd())


# A dry run may be made while the directories still wait for their images; a run may not.
onstart:
    if plan.survey.without_images:
        raise WorkflowError(plan.survey.without_images)
    survey.hand_on(plan.survey, Path.cwd())


def made_now(made):
    """Whether one of these files or folders was made in this run."""
    return any(path.exists() and path.stat().st_mtime >= STARTED for path in made)


def tell_what_to_know():
    """Say what was left out of the archive, and whether archive or catalogue look odd, where this run worked on them."""
    nights = {month: Path(paths.NIGHTS.format(month=month)) for month in plan.months}
    classified = {
        month: Path(paths.CATALOGUE.format(release=plan.name, month=month))
        for month in plan.months
    }
    sentences = []
    if made_now(folder / CENSUS for folder in nights.values()):
        sentences += remarks.of_archive(plan, nights)
    if made_now(classified.values()):
        sentences += remarks.of_catalogue(classified)
    for sentence in sentences:
        print(sentence, file=sys.stderr)


onsuccess:
    tell_what_to_know()


onerror:
    tell_what_to_know()


wildcard_constraints:
    month=r"\d{4}-\d{2}",
    release=plan.name,
    features=r"[A-Za-z0-9-]+",
    split=r"[A-Za-z0-9-]+",
    model=r"[A-Za-z0-9-]+",
    seed=r"\d+",
    part=r"[a-z0-9-]+",


def more_each_time(amount):
    """Memory in MB, or run time in minutes: a job that had too little of it gets more at its next attempt."""
    return lambda wildcards, attempt: amount * attempt
