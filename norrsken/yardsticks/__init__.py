"""Judges models by yardsticks that others publish, on the test nights of a release: one module a yardstick."""
