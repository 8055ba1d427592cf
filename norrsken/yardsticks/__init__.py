"""Yardsticks that others publish, by which models are judged besides their scores: a module for each."""
