"""The classifiers. `classifiers` builds and loads them; `interface` says what each of them can do.

A new kind of model is a settings class in `config.models.Model`, a module here, and a line in `classifiers.build`.
"""
