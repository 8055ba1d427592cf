"""The catalogue as a folder for a data repository: CSV, NetCDF with CF metadata, what the columns mean, checksums."""

import hashlib
import itertools
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import jinja2
import pandas as pd
import pyarrow as pa
import yaml

from norrsken import __version__, schemas, tables
from norrsken.catalogue.columns import COLUMNS, described
from norrsken.catalogue.judge import scores_of
from norrsken.catalogue.netcdf import FrameSeries, unit
from norrsken.classes import in_words
from norrsken.classify.classifier_file import Classifier, read_classifier
from norrsken.config.general import GENERAL
from norrsken.config.jobs import ExportSettings
from norrsken.config.label_set import LabelSet
from norrsken.errors import NorrskenError
from norrsken.files import directory_written_aside

PAPER_DOI = "10.1029/2020JA027808"

#: How the data dictionary calls the files of the frames.
CATALOGUE_FILES = "catalogue_{year}.csv"

#: What the files of an export are; other tables of the catalogue may lie beside them.
MEANINGS = {
    "availability.csv": "how many dark hours of each night were observed, and why the others were not",
    "CITATION.cff": "how to cite it",
    "README.md": "this text",
    "audit.csv": "how good the whole catalogue is, by a random sample of its frames that people labelled",
    "checksums.sha256": "SHA-256 of all other files",
    "classifier.json": "the classifier: its runs, temperature and limits, how good it is, and which nights it has seen",
    "data_dictionary.csv": "the columns of all tables, with units and meanings",
    "events.csv": "uninterrupted runs of one class",
    "occurrence.csv": "how often each class occurs, by hour, magnetic local time, month, year and Kp",
    "scores.csv": "how good the classifier is, all in all and for each class",
    "untrained.csv": "what it says of labelled frames that fit no class",
}


class ExportError(NorrskenError):
    """There is nothing to export."""


class Year(NamedTuple):
    """What the files of a year hold; times as ISO 8601 in UTC."""

    frames: int
    first: str
    last: str


def write_export(
    catalogue: Sequence[str], classifier: str, more: Sequence[str], settings: ExportSettings, output: str
) -> None:
    """Write the folder `output`: `catalogue_{year}.csv` and `.nc` of each UTC year, and what describes them.

    catalogue: directories of the months. classifier: `classifier.json`. more: other tables, which are copied. The same
    input gives the same bytes. Raises `ExportError` where no frame has been classified.
    """
    in_time = tables.judged_in_time(catalogue)
    schema, judged = schemas.catalogue_table(settings.label_set.class_names, in_time), read_classifier(classifier)
    models = _models(catalogue, schema)
    with directory_written_aside(output) as folder:
        years = [
            _write_year(folder / f"catalogue_{year}", (rows for _, rows in parts), judged, settings, models, in_time)
            for year, parts in itertools.groupby(_by_year(catalogue, schema), key=lambda part: part[0])
        ]
        if not years:
            raise ExportError(f"{', '.join(catalogue) or 'the catalogue'}: no classified frames, nothing to export")
        for path in (classifier, *more):
            shutil.copyfile(path, folder / Path(path).name)
        scores_of(judged).to_csv(folder / "scores.csv", index=False, lineterminator="\n")
        dictionary = data_dictionary(settings.label_set.class_names, sorted(folder.glob("*.csv")), in_time)
        dictionary.to_csv(folder / "data_dictionary.csv", index=False, lineterminator="\n")
        (folder / "CITATION.cff").write_text(_citation(settings), encoding="utf-8")
        names = sorted([*(path.name for path in folder.iterdir()), "README.md", "checksums.sha256"])
        left_out = tables.left_out(*tables.night_tables(catalogue)).total()
        (folder / "README.md").write_text(
            _readme(settings, years, models, names, left_out, judged, dictionary), encoding="utf-8"
        )
        sums = [f"{_digest(path)}  {path.name}\n" for path in sorted(folder.iterdir())]
        (folder / "checksums.sha256").write_text("".join(sums), encoding="utf-8")


def data_dictionary(classes: Sequence[str], others: Iterable[Path] = (), in_time: bool = False) -> pd.DataFrame:
    """The columns of all tables: file, column, unit (as UDUNITS writes it), type, meaning.

    classes: those of the catalogue, whose files come first. others: CSV files, of which those of the catalogue itself
    are passed over. in_time: see `schemas.catalogue_table`.
    """
    rows = [
        (
            CATALOGUE_FILES,
            one.name,
            unit(one.name),
            str(getattr(one.type, "value_type", one.type)),
            schemas.meaning(one),
        )
        for one in schemas.catalogue_table(classes, in_time)
    ]
    for path in others:
        if path.name in COLUMNS:
            rows += described(path.name, pd.read_csv(path))
    return pd.DataFrame(rows, columns=["file", "column", "unit", "type", "meaning"])


def _models(catalogue: Iterable[str], schema: pa.Schema) -> list[str]:
    """The models that have classified the frames, in order of time."""
    names = (tables.read(path, schema, ["model"])["model"].unique() for path in tables.night_tables(catalogue))
    return list(dict.fromkeys(name for of_night in names for name in of_night.to_pylist()))


def _by_year(catalogue: Iterable[str], schema: pa.Schema) -> Iterator[tuple[int, pd.DataFrame]]:
    """The frames of each night with their UTC year, by time; a night at the turn of a year comes in two parts."""
    for path in tables.night_tables(catalogue):
        rows = tables.read(path, schema).to_pandas()
        years = rows["time"].dt.year
        for year in years.unique():
            yield int(year), rows[years == year]


def _write_year(
    path: Path,
    parts: Iterable[pd.DataFrame],
    judged: Classifier,
    settings: ExportSettings,
    models: Sequence[str],
    in_time: bool,
) -> Year:
    """Write CSV and NetCDF of a year, with only one part in memory at a time. models: of the whole catalogue."""
    ends: list[pd.Timestamp] = []
    with (
        path.with_suffix(".csv").open("w", encoding="utf-8", newline="") as text,
        FrameSeries(path.with_suffix(".nc"), settings.site, settings.label_set.class_names, models, in_time) as series,
    ):
        for rows in parts:
            text_of = rows["possible"].str.join(" ")  # as flag_meanings of the NetCDF file
            rows.astype({"exposure_ms": "Int32"}).assign(possible=text_of).to_csv(
                text,
                index=False,
                header=not series.frames,
                float_format="%.4f",
                date_format="%Y-%m-%dT%H:%M:%SZ",
                lineterminator="\n",
            )
            series.append(rows)
            ends = [*ends[:1], rows["time"].iloc[0], rows["time"].iloc[-1]]
        first, last = (f"{time:%Y-%m-%dT%H:%M:%SZ}" for time in (ends[0], ends[-1]))
        year = Year(series.frames, first, last)
        series.judge(judged.judgements, "simulated " if judged.name == GENERAL else "")
        series.describe(_attributes(settings, year, models))
    return year


def _attributes(settings: ExportSettings, year: Year, models: Sequence[str]) -> dict[str, str | float]:
    """Global attributes of a NetCDF file: CF 1.11, section 2.6.2, and the attribute convention for data discovery."""
    site = settings.site
    bounds = {
        f"geospatial_{axis}_{end}": value
        for axis, value in (("lat", site.latitude), ("lon", site.longitude), ("vertical", site.elevation))
        for end in ("min", "max")
    }
    return {
        "Conventions": "CF-1.11, ACDD-1.3",
        "title": settings.title,
        "summary": f"Auroral class of each frame of the all-sky camera at {site.name}, with probabilities.",
        "keywords": "aurora, all-sky camera, auroral classification, ionosphere, magnetosphere",
        "id": f"{settings.release}_{year.first[:4]}",
        "institution": site.name,
        "source": f"all-sky camera; classified by norrsken {__version__} with {', '.join(models)}",
        "history": f"exported by norrsken {__version__} from the catalogue of the release {settings.release}",
        "references": "; ".join(_references(settings.label_set)),
        "license": settings.licence or "not stated",
        "standard_name_vocabulary": "CF Standard Name Table v93",
        "featureType": "timeSeries",
        "cdm_data_type": "Station",
        "time_coverage_start": year.first,
        "time_coverage_end": year.last,
        "geospatial_vertical_units": "m",
        "geospatial_vertical_positive": "up",
        **bounds,
    }


def _references(label_set: LabelSet) -> list[str]:
    """What must be read to understand the labels and the method."""
    paper = f"Kvammen et al. (2020), https://doi.org/{PAPER_DOI}"
    return [paper] if label_set.is_papers else [*label_set.references, paper]


def _citation(settings: ExportSettings) -> str:
    """The citation of the data set in the Citation File Format 1.2.0."""
    names = (("A.", "Kvammen"), ("K.", "Wickstrøm"), ("D.", "McKay"), ("N.", "Partamies"))
    paper = {
        "type": "article",
        "title": "Auroral Image Classification With Deep Neural Networks",
        "authors": [{"given-names": given, "family-names": family} for given, family in names],
        "journal": "Journal of Geophysical Research: Space Physics",
        "year": 2020,
        "doi": PAPER_DOI,
    }
    citation = {
        "cff-version": "1.2.0",
        "message": "If you use this data set, please cite it and the paper that it follows.",
        "type": "dataset",
        "title": settings.title,
        "version": settings.release,
        "authors": [{"name": f"All-sky camera at {settings.site.name}"}],
        **({"license": settings.licence} if settings.licence else {}),
        "references": [paper],
    }
    return yaml.safe_dump(citation, sort_keys=False, allow_unicode=True)


def _readme(
    settings: ExportSettings,
    years: Sequence[Year],
    models: Sequence[str],
    names: Sequence[str],
    left_out: int,
    judged: Classifier,
    dictionary: pd.DataFrame,
) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("norrsken"),
        autoescape=jinja2.select_autoescape(["html"]),  # Markdown
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("export-readme.md").render(
        settings=settings,
        version=__version__,
        frames=sum(year.frames for year in years),
        left_out=left_out,
        first=years[0].first[:10],
        last=years[-1].last[:10],
        models=models,
        number=in_words(len(settings.label_set.classes)),
        aurora=_aurora(settings.label_set),
        judged=judged,
        general=judged.name == GENERAL,
        labelled="untrained.csv" in names,
        audited="audit.csv" in names,
        files={name: _described(name, settings.label_set) for name in names},
        dictionary=dictionary.to_dict("records"),
    )


def _aurora(label_set: LabelSet) -> str:
    """Sentences that say which classes are aurora, and which do not count as observed."""
    others = [f"`{label.name}`" for label in label_set.without_aurora]
    hidden = [f"`{label.name}`" for label in label_set.classes if label.name in label_set.hidden_sky]
    sentences = ["Aurora is any class" + (f" but {' and '.join(others)}" if others else "")]
    if hidden:
        sentences.append(f"Frames called {' or '.join(hidden)} do not count as observed either")
    return "".join(f"{sentence}. " for sentence in sentences).rstrip()


def _described(name: str, label_set: LabelSet) -> str:
    if name.startswith("catalogue_"):
        return f"the frames of the UTC year {Path(name).stem.removeprefix('catalogue_')}"
    if name == "onsets.csv":
        return (
            f"onsets of {label_set.titles[label_set.onset].lower()}s"
            if label_set.onset
            else "onsets: the labels have none"
        )
    return MEANINGS.get(name, "")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
