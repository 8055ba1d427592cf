"""Figures, drawn with matplotlib: class colours as in `classes.COLOURS`, readable in print."""
