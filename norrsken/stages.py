"""The version of each stage: raise it when the stage's output changes for the same input and settings.

The workflow passes these numbers as params, so a raised number, and nothing else about the code, repeats the
stage. `tests/test_golden.py` fails when an output changed and its number did not.
"""

NIGHTS = 4
LABELS = 4
#: Beside that of the labels, for releases with a table of what was settled.
ADJUDICATION = 1
DATASET = 2
FEATURES = 2
TRAINING = 3
REPORT = 8
CURATION = 3
CATALOGUE = 8
YARDSTICKS = 1

#: This number is raised when a camera's frame gives other pixels than before. Models refuse frames that were processed
#: otherwise.
PROCESSING = 1
