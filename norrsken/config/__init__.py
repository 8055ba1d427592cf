"""What `config.yaml` may say, checked before any job starts; only pydantic and the standard library are imported.

`base` is what all settings share; `site`, `releases` and `models` are the parts of the file; `config` is the whole of
it; `jobs` holds the parts of it that single jobs are given; `directories` reads the patterns of the archive's folders.
"""
