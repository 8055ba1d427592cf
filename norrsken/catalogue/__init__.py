"""The catalogue: every kept frame of the archive classified, and what the sky did.

`classifier` chooses and calibrates, `condition` tells cloud from sky, `frames` classifies a month, `magnetic` gives
magnetic coordinates; `events`, `occurrence`, `pages` and `export` stand on the tables of the nights; `truth` compares
them with a simulation.
"""
