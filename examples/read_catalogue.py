"""Reads what the workflow has made of an archive: a night table with pandas, the catalogue with DuckDB and xarray.

In the environment of Norrsken two packages are missing:

    pip install duckdb xarray
    python examples/read_catalogue.py results/RELEASE

Anywhere else, `pip install duckdb netCDF4 pandas pyarrow xarray` is all that is needed: nothing of Norrsken is imported
here. docs/tables.md explains the columns of the tables, docs/catalogue.md how far to trust them.
"""

import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

#: Hours by label. A frame counts for the usual time between two frames of its night, as in occurrence.csv, so that a
#: night with a frame every few seconds does not weigh more than others.
HOURS = """
    WITH steps AS (
        SELECT *, epoch(lead(time) OVER (PARTITION BY night ORDER BY time) - time) AS step FROM read_parquet($nights)
    ), frames AS (
        SELECT *, median(step) FILTER (step <= 600) OVER (PARTITION BY night) AS seconds FROM steps
    )
    SELECT label, count(*) AS frames, sum(coalesce(seconds, 60)) / 3600 AS hours
    FROM frames WHERE condition = 'clear' GROUP BY label ORDER BY hours DESC, label
"""

SUREST = """
    SELECT DISTINCT ON (label) label, frame_id, night::VARCHAR AS night, confidence, mlt FROM read_parquet($nights)
    WHERE condition = 'clear' AND label <> 'not_classified' ORDER BY label, confidence DESC, time
"""

LAST_NIGHT = "SELECT max(night)::VARCHAR AS night FROM read_parquet($nights)"


class Release:
    """The results of a release: the files of its catalogue, and the night tables, which serve all releases."""

    def __init__(self, folder: Path) -> None:
        """folder: results/RELEASE. The program ends with a sentence where something is missing."""
        self.nights = folder.parent / "nights"
        self.catalogue = sorted(str(path) for path in folder.glob("catalogue/????-??/????-??-??.parquet"))
        self.years = sorted(folder.glob("catalogue/export/catalogue_????.nc"))
        if not self.catalogue:
            sys.exit(f"{folder} has no catalogue: name a folder results/RELEASE in which there is one")
        if not self.years:
            sys.exit(f"{folder}/catalogue/export has no NetCDF file: run `snakemake catalogue` to its end")
        if not self.nights.is_dir():
            sys.exit(f"{self.nights} is not there: the night tables must lie beside the folder of the release")

    def query(self, sql: str) -> pd.DataFrame:
        """What DuckDB answers. In a question `read_parquet($nights)` is the catalogue: all nights as one table."""
        with duckdb.connect() as database:
            database.execute("SET TimeZone = 'UTC'")  # else times come as the clocks of this place show them
            return database.execute(sql, {"nights": self.catalogue}).df()

    def night(self, name: str) -> pd.DataFrame:
        """The night table of a night such as 2015-01-12: every frame of it that the archive holds."""
        return pd.read_parquet(self.nights / name[:7] / f"{name}.parquet")


def image_of(frame: pd.Series) -> NDArray[np.uint8]:
    """The processed frame, (128, 128, 3): north is up, east is right. frame: a kept one of a night table."""
    return np.frombuffer(frame["image"], np.uint8).reshape(128, 128, 3)


def probability_by_mlt(path: Path) -> xr.DataArray:
    """Mean probability of each class on clear frames by hour of magnetic local time. path: an exported year."""
    with xr.open_dataset(path) as year:
        # `condition` is a number; an attribute of it lists the names that the numbers stand for.
        clear = year["condition"].attrs["flag_meanings"].split().index("clear")
        probability = year["probability"].swap_dims({"class": "class_name"}).where(year["condition"] == clear)
        return probability.groupby(year["mlt"].astype(int)).mean().dropna("mlt")


def main(release: Release) -> None:
    """Print what there is to see."""
    # With pandas: one night.
    night = release.query(LAST_NIGHT)["night"].item()
    frames = release.night(night)
    print(f"Frames of the night {night} in the archive, by what became of them:")
    print(frames["status"].value_counts().to_string(header=False), end="\n\n")
    kept = frames[frames["status"] == "kept"]
    brightness = kept.apply(lambda frame: image_of(frame).mean(), axis=1)
    brightest = kept.loc[brightness.idxmax()]
    print(f"The brightest of those kept is {brightest['frame_id']}, archived as {brightest['path']}.", end="\n\n")

    # With DuckDB: the whole catalogue.
    hours = release.query(HOURS)
    if hours.empty:
        sys.exit("No frame of the catalogue is taken for clear, so there is no more to see.")
    print("Hours of clear sky in the catalogue, by label:")
    print(hours.to_string(index=False, float_format="%.3f"), end="\n\n")
    print("The surest clear frame of each class, and its file in the archive:")
    for surest in release.query(SUREST).itertuples():
        frames = release.night(str(surest.night))
        path = frames[(frames["frame_id"] == surest.frame_id) & (frames["status"] == "kept")]["path"].item()
        print(f"{surest.label}: {surest.frame_id}, {path}, {surest.confidence:.3f}, {surest.mlt:.1f} h MLT")
    print()

    # With xarray: the last year of the export.
    print(f"Mean probability on clear frames by hour of magnetic local time, {release.years[-1].name}:")
    print(probability_by_mlt(release.years[-1]).round(3).to_pandas())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/read_catalogue.py results/RELEASE")
    main(Release(Path(sys.argv[1])))
