"""The configuration, checked, and the plan that the rules follow."""

import sys
import time
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from norrsken import paths, stages, survey
from norrsken.config.base import ConfigError
from norrsken.config.config import check
from norrsken.config.yaml_files import reject_repeated_keys
from norrsken.errors import NorrskenError
from norrsken.contents import FIGURES, OCCURRENCE
from norrsken.nights.census import CENSUS
from norrsken.plan import Plan, conclusions

STARTED = time.time()

# Jobs follow the plan of the process that sent them: what it found on the disk is handed to them.
try:
    if workflow.is_main_process:
        for path in workflow.configfiles:
            reject_repeated_keys(path)
    plan = Plan(
        check(config, ", ".join(map(str, workflow.configfiles))),
        None if workflow.is_main_process else survey.handed_on(),
    )
except ConfigError as error:
    raise WorkflowError(str(error)) from None

if workflow.is_main_process:
    try:
        plan.refuse_other_labels()
    except NorrskenError as error:
        raise WorkflowError(str(error)) from None
    for warning in plan.warnings():
        logger.warning(warning)


# A dry run may be made while the directories still wait for their images; a run may not.
onstart:
    if plan.survey.without_images:
        raise WorkflowError(plan.survey.without_images)
    survey.hand_on(plan.survey, Path.cwd())


def tell_what_was_left_out():
    """Say what the archive holds and what was left out of it, where months were worked on in this run."""
    folders = {month: Path(paths.NIGHTS.format(month=month)) for month in plan.months}
    made = [folder / CENSUS for folder in folders.values()]
    if any(path.exists() and path.stat().st_mtime >= STARTED for path in made):
        for sentence in conclusions(plan, folders):
            print(sentence, file=sys.stderr)


onsuccess:
    tell_what_was_left_out()


onerror:
    tell_what_was_left_out()


wildcard_constraints:
    month=r"\d{4}-\d{2}",
    release=plan.name,
    features=r"[A-Za-z0-9-]+",
    split=r"[A-Za-z0-9-]+",
    model=r"[A-Za-z0-9-]+",
    seed=r"\d+",


def more_each_time(amount):
    """Memory in MB, or run time in minutes: a job that had too little of it gets more at its next attempt."""
    return lambda wildcards, attempt: amount * attempt
