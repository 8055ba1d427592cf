"""Yardsticks that others publish, for the models of a release, judged on its test nights."""
