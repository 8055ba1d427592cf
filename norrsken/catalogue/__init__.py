"""The catalogue: every kept frame of the archive classified, and what the sky did.

`calibrate` chooses the classifier and how sure it must be, `frames` classifies a month, `magnetic` gives magnetic
coordinates. `events`, `occurrence`, `night_pages`, `export` with `netcdf`, and `overview` are made from the tables of
the nights. `untrained` and `truth` judge the classifier: on labelled frames, and against a simulation.
"""
