"""The report of a release: `tables` makes those of the paper, `page` writes the page that shows everything.

`runs` finds the best model, which `figures` shows; `cards` writes model cards; `census` counts frames, `resources` what
the jobs took; `summary` says where the results come from.
"""
