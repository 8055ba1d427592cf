"""The page of a catalogue, in a real browser: its widest table can be read on a small screen."""
