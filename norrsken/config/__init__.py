"""What `config.yaml` may say, checked before any job starts; only pydantic and the standard library are imported.

`base` is what all settings share; `site`, `releases` with `frames_release` and `splits`, and `models` are the parts of
the file; `config` is the whole of it; `label_set` reads the sets of labels that a release can name; `jobs` holds the
parts that single jobs are given; `directories` reads the patterns of the archive's folders.
"""
