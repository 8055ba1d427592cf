"""The version of each stage: raise it when the stage's output changes for the same input and settings.

The workflow passes these numbers as params, so a raised number, and nothing else about the code, repeats the
stage. `tests/test_golden.py` fails when an output changed and its number did not.
"""

NIGHTS = 1
LABELS = 1
DATASET = 1
FEATURES = 1
TRAINING = 1
REPORT = 1
