"""The archive's JPEGs → a table and a keogram of each night (section 2.1).

`archive` finds the folders, `names` reads file names, `images` holds the four steps, `ingest` does a month's nights,
`keogram` draws a night; `rescan` looks for files that were replaced, and `movie` makes a film.
"""
