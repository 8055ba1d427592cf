"""A trained model on frames that it has never seen.

`model` is a model, or several as one; `condition` tells cloud from clear sky, by the model that `choose` has chosen for
it; `files` finds the files that are given and names their frames; `frames` reads and classifies pictures and night
tables; `table` is the file that classified frames are added to.
"""
