"""Norrsken: from the archive of an all-sky camera to honestly classified aurora.

The package holds the science and knows nothing of Snakemake. Its modules import in one direction:
words and settings (`classes`, `config`, `paths`, `stages`) → tools (`files`, `tables`, `astronomy`, `images`)
→ stages (`nights`, `labels`, `dataset`, `features`, `training`, `report`) → `cli`.
"""

__version__ = "0.1.0"
