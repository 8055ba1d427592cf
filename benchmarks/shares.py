"""How far estimated shares of classes are from the truth, and how often their intervals hold it, on new nights.

Usage: python benchmarks/shares.py FOLDER PAPER [--features NAME]

PAPER is the folder of `benchmarks/paper_size.py` in which `benchmarks/calibration.py` has made classifiers on ten
splits. Into FOLDER twenty archives of twenty nights are drawn once, in six minutes on two cores: a frame in ten
minutes, of nights of the decade of which none is in PAPER's data set. Each classifier classifies all of them, and the
table of occurrence is made of each archive, and of all nights together. The truth is the share of the frames of all 400
nights that a class dominates; and, beside it, of the frames that are of the class by definition.

Prints, by class, the mean distance from the truth of counted and of estimated shares of all nights: in all, and by
hour; and, of archives, how often the interval of the estimate holds the truth. Hours with fewer than ten nights have no
interval.
"""

import argparse
from dataclasses import asdict
from datetime import date
from pathlib import Path

import cv2
import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from paper_size import CAMERA, CONFIG, NIGHTS, SEED, SOURCE

from norrsken import schemas, tables
from norrsken.catalogue.correction import Correction, read_correction
from norrsken.catalogue.frames import rows_of
from norrsken.catalogue.occurrence import tabulate_occurrence
from norrsken.catalogue.truth import compare_occurrence, read_frames
from norrsken.catalogue.untrained import judge_untrained
from norrsken.classify.condition import conditions, shipped, write_condition
from norrsken.classify.model import Ensemble
from norrsken.files import write_json
from norrsken.nights.images import process
from norrsken.nights.names import frame_id
from norrsken.simulation.archive import REJECTING_CLOUD
from norrsken.simulation.decade import season
from norrsken.simulation.night import Night, scene
from norrsken.simulation.truth import TRUTH_TABLE, labels, weights_of

ARCHIVES, ARCHIVE_NIGHTS, EVERY, LEAST_FRAMES = 20, 20, 10, 6

#: The settings of the estimate were chosen on so many nights, which are passed over.
CHOSEN_ON = 400

SPLITS, PRECISION = 10, 0.9
LABELS = CONFIG.label_set(CONFIG.release)


def minutes_of(night: Night) -> list[int]:
    dark = night.dark(CONFIG.filter)
    return [minute for minute in night.minutes() if dark[minute] and minute % EVERY == 0]


def has_frames(day: date) -> bool:
    return len(minutes_of(Night.of(day, CONFIG.site, SEED))) >= LEAST_FRAMES


def draw_night(day: date, archive: Path) -> None:
    """Write the night table of a night into its archive, and the truth beside the archives."""
    cv2.setNumThreads(1)
    drawn = Night.of(day, CONFIG.site, SEED)
    minutes = minutes_of(drawn)
    times, scenes = [drawn.time(minute) for minute in minutes], [scene(drawn, minute, CAMERA) for minute in minutes]
    table = pd.DataFrame([asdict(shown.shares) for shown in scenes]).assign(
        frame_id=[frame_id(CONFIG.site.station, time) for time in times], time=times, night=day, path="", bytes=0,
        exposure_ms=[shown.exposure_ms for shown in scenes], sun_altitude=drawn.heavens.sun_altitude[minutes],
        moon_altitude=drawn.heavens.moon_altitude[minutes], status="kept", reason=None, outside=0.0, flaw=None,
        offered=False, spoilt=[shown.spoilt for shown in scenes],
    )  # fmt: skip
    rejected = (table["cloud"] > REJECTING_CLOUD) | table["spoilt"]
    table["label"] = labels(weights_of(table), rejected.to_numpy())
    images = np.array([process(shown.photograph(), CAMERA, CONFIG.site.up) for shown in scenes], np.uint8)
    rows = pa.Table.from_pandas(table, preserve_index=False).append_column("image", tables.image_column(images))
    for folder, schema in ((archive.parent / "truth", TRUTH_TABLE), (archive / "nights", schemas.NIGHT_TABLE)):
        tables.write(folder / f"{day}.parquet", rows.select(schema.names).cast(schema), schema, {}, frames=SOURCE)


def draw(folder: Path) -> None:
    """Write the archives."""
    number = ARCHIVES * ARCHIVE_NIGHTS
    days = season(SEED)[NIGHTS:]
    there = joblib.Parallel(n_jobs=-1)(joblib.delayed(has_frames)(day) for day in days)
    chosen = [day for day, enough in zip(days, there, strict=True) if enough][CHOSEN_ON : CHOSEN_ON + number]
    to = [folder / f"archive-{place // ARCHIVE_NIGHTS:02d}" for place in range(number)]
    joblib.Parallel(n_jobs=-1, batch_size=1)(map(joblib.delayed(draw_night), chosen, to))


def classify(archive: Path, ensembles: dict[str, Ensemble], output: Path) -> None:
    """Write the catalogue of an archive for each classifier. Their features are the same, so they are computed once."""
    sky, schema = shipped(), schemas.catalogue_table(LABELS.class_names)
    first = next(iter(ensembles.values())).members[0]
    for path in sorted((archive / "nights").glob("*.parquet")):
        kept = pq.read_table(path)
        images = tables.images(kept["image"])
        condition, inputs = conditions(images, sky), first.inputs(images)
        for name, ensemble in ensembles.items():
            rows = rows_of(
                kept,
                ensemble.conclude(ensemble.look_at(inputs), bad=condition == "bad"),
                condition,
                ensemble,
                CONFIG.site.place,
            )
            to = output / name / archive.name / "catalogue" / path.name
            tables.write(to, rows.select(schema.names).cast(schema), schema, {})


def correct(paper: Path, classifier: Path) -> Correction:
    """The correction, by the labelled frames of the nights that the classifier kept out."""
    condition = paper / "condition.json"
    write_condition(shipped(), condition)
    files = (paper / "labelled.parquet", paper / "splits.parquet", classifier, condition)
    return judge_untrained(*map(str, files))[1]


def compared(months: list[str], truths: Path, correction: Path) -> pd.DataFrame:
    """What the catalogue of some nights says of each class beside the truth, in all and by hour."""
    frames = read_frames(months, str(truths), LABELS)
    occurrence = tabulate_occurrence(months, None, read_correction(str(correction)), LABELS)
    return compare_occurrence(frames[frames["condition"] == "clear"], occurrence, LABELS)


def judged(name: str, folder: Path, classified: Path, correction: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The shares of all nights by a classifier; and its intervals of each archive beside the truth of all."""
    archives = sorted(classified.glob("archive-*"))
    whole = compared([str(path / "catalogue") for path in archives], folder / "truth", correction)
    truth = whole[["hour", "label", "true", "dominant"]]
    parts = []
    for archive in archives:
        one = compared([str(archive / "catalogue")], folder / "truth", correction).drop(columns=["true", "dominant"])
        parts.append(one.merge(truth, on=["hour", "label"]).assign(archive=archive.name))
    return whole.assign(classifier=name), pd.concat(parts).assign(classifier=name)


def show(whole: pd.DataFrame, parts: pd.DataFrame) -> None:
    rows: dict[str, pd.Series] = {}
    for of in ("dominant", "true"):
        rows[f"share, {of}"] = whole[whole["hour"].isna()].groupby("label")[of].mean()
        for where, some in (("all", whole[whole["hour"].isna()]), ("hour", whole[whole["hour"].notna()])):
            for share in ("counted", "estimate"):
                error = (some[share] - some[of]).abs().groupby([some["label"], some["classifier"]]).mean()
                by_label = error.groupby("label")
                rows[f"{of}, {where}: {share} error"] = by_label.mean()
                rows[f"{of}, {where}: {share} ± "] = by_label.std()
        known = parts[parts["estimate_low"].notna()]
        held = (known["estimate_low"] <= known[of]) & (known[of] <= known["estimate_high"])
        for where, which in (("all", known["hour"].isna()), ("hour", known["hour"].notna())):
            rows[f"{of}, {where}: covered"] = held[which].groupby(known["label"][which]).mean()
    table = pd.DataFrame(rows).T.reindex(columns=[*LABELS.judged])
    table["all"] = [row.mean() if "covered" in str(name) else np.nan for name, row in table.iterrows()]
    print(table.to_string(float_format="{:.4f}".format, na_rep=""))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("paper", type=Path)
    parser.add_argument("--features", default="hog")
    options = parser.parse_args()
    if not (options.folder / "truth").exists():
        draw(options.folder)
    runs = options.paper / f"linear-{options.features}"
    files = {f"night-{seed}": runs / f"night-{seed}" / f"classifier-{PRECISION}.json" for seed in range(SPLITS)}
    corrections = {name: path.with_name(f"correction-{PRECISION}.json") for name, path in files.items()}
    for name, path in corrections.items():
        if not path.exists():
            write_json(correct(options.paper, files[name]).plain(), path)
    usable = {name for name, path in corrections.items() if read_correction(str(path)).fits}
    print(f"{len(usable)} of {SPLITS} classifiers have a correction; a linear model on {options.features}")
    output = options.folder / f"catalogue-{options.features}"
    if not output.exists():
        ensembles = {name: Ensemble(path) for name, path in files.items()}
        for archive in sorted(options.folder.glob("archive-*")):
            classify(archive, ensembles, output)
    made = [judged(name, options.folder, output / name, corrections[name]) for name in sorted(usable)]
    show(*(pd.concat(tables_made) for tables_made in zip(*made, strict=True)))


if __name__ == "__main__":
    main()
