"""The configuration, checked, and the plan that the rules follow."""

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from norrsken import paths, stages
from norrsken.config import ConfigError, check
from norrsken.plan import Plan

try:
    plan = Plan(check(config))
    if workflow.is_main_process:
        if plan.empty_years:
            logger.warning(
                f"The archive has no data of {', '.join(map(str, plan.empty_years))}, "
                f"which the release {plan.name} names."
            )
        plan.require_images()
except ConfigError as error:
    raise WorkflowError(str(error)) from None


wildcard_constraints:
    month=r"\d{4}-\d{2}",
    release=plan.name,
    features=r"[A-Za-z0-9-]+",
    split=r"[A-Za-z0-9-]+",
    model=r"[A-Za-z0-9-]+",
    seed=r"\d+",
