"""A trained model on frames that it has never seen.

`model` is a model, or several as one; `condition` tells cloud from clear sky; `frames` reads and classifies JPEGs and
night tables; `table` is the file that classified frames are added to.
"""
