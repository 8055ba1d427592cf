"""Figures, drawn with matplotlib: classes have the colours of the label set, readable in print."""
