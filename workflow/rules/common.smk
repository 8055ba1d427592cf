"""The configuration, checked, and the plan that the rules follow."""

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from norrsken import paths, stages
from norrsken.config.base import ConfigError
from norrsken.config.config import check
from norrsken.errors import NorrskenError
from norrsken.contents import FIGURES, OCCURRENCE
from norrsken.plan import Plan

try:
    plan = Plan(check(config, ", ".join(map(str, workflow.configfiles))))
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
    if plan.without_images:
        raise WorkflowError(plan.without_images)


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
