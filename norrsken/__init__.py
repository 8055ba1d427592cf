"""Norrsken: from the archive of an all-sky camera to honestly classified aurora.

The package holds the science and knows nothing of Snakemake. A stage of the work is a folder: `nights`, `curation`,
`dataset`, `models`, `training`, `classify`, `figures`, `report`, `catalogue`, `simulation`. Imports run one way, from
words and tools to stages to `plan` and `cli`; docs/architecture.md shows how.
"""

__version__ = "0.1.0"
