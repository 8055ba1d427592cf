"""The commands of `norrsken` that need more than a few lines: their options, and what they print."""
