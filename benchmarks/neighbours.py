"""What the minutes before and after are worth: frames alone, smoothed, and sequences, on nights of a simulated sky.

Usage: python benchmarks/neighbours.py FOLDER [--model MODEL] [--real FOLDER --seconds SECONDS]

FOLDER: that of paper_size.py, with its data set and the runs of MODEL (efficientnet-lite0) on it. Draws into FOLDER,
once, in twenty minutes on two cores: the neighbours of the labelled frames, and every minute of the test nights with
its truth. Upon each run a sequence is trained, on its frozen embeddings. From the runs of both a classifier is made as
for a catalogue, and all are judged on the same test nights: the frames alone, smoothed, and as sequences. Where labels
are compared the confidence from which on a frame gets a class is for all that of the frames alone.

--real: a folder as real_sky.py takes it, of frames that follow each other so many seconds apart in the order of their
names; those that its table does not label are seen, too.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path

import cv2
import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from paper_size import CAMERA, CONFIG, SEED, SEEDS, SOURCE, train_once
from real_sky import PICTURES, TABLE

from norrsken import schemas, tables
from norrsken.catalogue.calibrate import make_classifier
from norrsken.catalogue.events import onsets_of
from norrsken.classes import NOT_CLASSIFIED
from norrsken.classify.classifier_file import read_classifier
from norrsken.classify.frames import BATCH
from norrsken.classify.model import Ensemble
from norrsken.classify.verdict import joined, sure_enough
from norrsken.config.context import Context
from norrsken.config.jobs import LabelSettings, RunSettings
from norrsken.config.models import SequenceNetwork
from norrsken.config.observatory import load_observatory
from norrsken.dataset.context import Film, film_of
from norrsken.dataset.labels import merge_labels
from norrsken.evaluation.bootstrap import interval, redrawn
from norrsken.evaluation.intervals import macro
from norrsken.evaluation.scores import macro_scores
from norrsken.nights.images import process, read_frame
from norrsken.nights.names import frame_id
from norrsken.paper import CLASSES
from norrsken.simulation.archive import REJECTING_CLOUD
from norrsken.simulation.night import Night, scene
from norrsken.simulation.truth import labels, weights_of

CONTEXT = Context(before=5, after=4)
EPOCHS = 10


def draw_night(night: date, labelled: pd.DataFrame, whole: bool, folder: Path) -> None:
    """Write the night table of the frames that are needed, and what they show; see `draw`."""
    cv2.setNumThreads(1)
    table, truth = folder / f"nights/{night:%Y-%m}/{night}.parquet", folder / f"truth/{night}.parquet"
    if truth.exists():
        return
    sky = Night.of(night, CONFIG.site, SEED)
    dark = sky.dark(CONFIG.filter)
    minutes = [minute for minute in sky.minutes() if dark[minute]]
    if not whole:
        at = {round((time.to_pydatetime() - sky.start).total_seconds() / 60) for time in labelled["time"]}
        near = {minute + step for minute in at for step in range(-CONTEXT.before, CONTEXT.after + 1)}
        minutes = [minute for minute in minutes if minute in near]
    rows, images = [], []
    for minute in minutes:
        view = scene(sky, minute, CAMERA)
        images.append(process(view.photograph(), CAMERA, CONFIG.site.up))
        rows.append({"time": sky.time(minute), "spoilt": view.spoilt, **asdict(view.shares)})
    write_night(pd.DataFrame(rows), np.array(images, np.uint8), night, table, truth)


def write_night(shown: pd.DataFrame, images: NDArray[np.uint8], night: date, table: Path, truth: Path) -> None:
    """Write frames as a night table, and what they show beside it."""
    for path in (table, truth):
        path.parent.mkdir(parents=True, exist_ok=True)
    names = [frame_id(CONFIG.site.station, time) for time in shown["time"]]
    columns = {
        "frame_id": names,
        "time": pa.array(shown["time"], pa.timestamp("ms", "UTC")),
        "night": pa.array([night] * len(names), pa.date32()),
        "status": ["kept"] * len(names),
        "image": tables.image_column(images),
    }
    empty = {one.name: pa.nulls(len(names), one.type) for one in schemas.NIGHT_TABLE if one.name not in columns}
    schema = pa.schema([one.with_nullable(True) for one in schemas.NIGHT_TABLE])
    tables.write(table, pa.table(columns | empty).select(schema.names).cast(schema), schema, {}, frames=SOURCE)
    shown.assign(frame_id=names).to_parquet(truth)


def draw(folder: Path) -> None:
    """Write the night tables: of test nights every dark minute, of others labelled frames and their neighbours."""
    clean = tables.read_without_images(folder / "dataset.parquet")
    nights = [(night, frames, (frames["split_night"] == "test").any()) for night, frames in clean.groupby("night")]
    joblib.Parallel(n_jobs=-1, batch_size=1)(joblib.delayed(draw_night)(*night, folder) for night in nights)


def hold(folder: Path) -> Path:
    """Write the labelled frames with their neighbours, as a release with a context has them; say what that takes."""
    output = folder / "context/labelled.parquet"
    if output.exists():
        return output
    output.parent.mkdir(exist_ok=True)
    clean = tables.read_without_images(folder / "dataset.parquet")
    for annotator in ("one", "two"):
        clean[["frame_id", "label"]].to_csv(output.with_name(f"{annotator}.csv"), index=False)
    labels = [str(output.with_name(f"{annotator}.csv")) for annotator in ("one", "two")]
    months = [str(path) for path in (folder / "nights").iterdir()]
    years = sorted({time.year for time in clean["time"]})
    settings = LabelSettings(station=CONFIG.site.station, longitude=CONFIG.site.longitude, years=years, context=CONTEXT)
    start = time.perf_counter()
    merge_labels(labels, [], None, None, months, [], settings, str(output))
    seconds, rows = time.perf_counter() - start, tables.count(output)
    size = output.stat().st_size / 1e6
    print(f"{len(clean)} labelled frames, with neighbours {rows}: {size:.0f} MB, {seconds:.0f} s", flush=True)
    return output


def train(folder: Path, labelled: Path, model: str) -> str:
    """A sequence upon each run of a model, unless it is there already; returns its name."""
    name = f"sequence-{model}"
    entry = SequenceNetwork(kind="sequence", frames=model, epochs=EPOCHS, threads=joblib.cpu_count())
    settings = RunSettings(name=name, model=entry, context=CONTEXT)
    for seed in SEEDS:
        start, dataset = time.perf_counter(), str(folder / "dataset.parquet")
        seeing = str(folder / model / str(seed) / "metrics.json")
        train_once(folder / name / str(seed), dataset, None, "night", seed, settings, str(labelled), seeing)
        print(f"{name}, seed {seed}: {time.perf_counter() - start:.0f} s", flush=True)
    return name


def classifier(folder: Path, labelled: Path, model: str, smoothing: bool) -> Path:
    """The `classifier.json` of the runs of a model."""
    output = folder / f"context/{model}{'-smoothed' * smoothing}/classifier.json"
    if not output.exists():
        output.parent.mkdir(parents=True, exist_ok=True)
        metrics, validations, predictions = (
            [str(folder / model / str(seed) / name) for seed in SEEDS]
            for name in ("metrics.json", "validation.parquet", "predictions.parquet")
        )
        sources = str(folder / "dataset.parquet"), str(labelled)
        make_classifier(metrics, validations, predictions, *sources, "faint", 0.9, str(output), smoothing)
    return output


def judge_nights(path: Path, nights: Sequence[Path]) -> pd.DataFrame:
    """What a classifier says of all frames of nights: frame_id, p_{class}, alone_{class}, looked, concluded."""
    ensemble, parts = Ensemble(path), []
    for night in nights:
        frames = tables.read(night, schemas.NIGHT_TABLE, ["frame_id", "time", "night"])
        start = time.perf_counter()
        look = joined([ensemble.look(images) for images in tables.image_parts(night, BATCH)])
        seen = time.perf_counter()
        verdict = ensemble.conclude(look, film_of(frames, tables.frame_source(night)))
        ended = time.perf_counter()
        said = pd.DataFrame(verdict.probabilities, columns=[*map(schemas.p, CLASSES)])
        alone = verdict.probabilities if verdict.alone is None else verdict.alone
        said[[*map(schemas.alone, CLASSES)]] = alone
        said["frame_id"], said["looked"] = frames["frame_id"].to_pylist(), (seen - start) / len(frames)
        said["concluded"] = (ended - seen) / len(frames)
        parts.append(said)
    return pd.concat(parts, ignore_index=True)


def truth_of(folder: Path, nights: Sequence[Path]) -> pd.DataFrame:
    """The frames of nights by time, with what truly dominates each: a class, unknown, or rejected."""
    parts = []
    for night in nights:
        shown = pd.read_parquet(folder / f"truth/{night.name}")
        rejected = (shown["cloud"] > REJECTING_CLOUD) | shown["spoilt"]
        true = labels(weights_of(shown), rejected.to_numpy())
        parts.append(shown[["frame_id", "time"]].assign(night=night.stem, true=true, cloud=shown["cloud"]))
    return pd.concat(parts, ignore_index=True)


def limited(probabilities: NDArray[np.float64], limits: NDArray[np.float64]) -> NDArray[np.str_]:
    names = np.array(CLASSES)[probabilities.argmax(axis=1)]
    return np.where(sure_enough(probabilities, limits), names, NOT_CLASSIFIED)


def flips(frames: pd.DataFrame, said: NDArray[np.str_]) -> float:
    """Changes of the label an hour, between frames without cloud that are at most 90 s apart."""
    seconds, night = frames["time"].astype("int64").to_numpy() / 1e9, frames["night"].to_numpy()
    clear = (frames["true"] != "rejected").to_numpy()
    near = clear[1:] & clear[:-1] & (night[1:] == night[:-1]) & (np.diff(seconds) <= 90)
    return float((said[1:] != said[:-1])[near].sum() / (np.diff(seconds)[near].sum() / 3600))


def short_events(frames: pd.DataFrame, said: NDArray[np.str_]) -> tuple[float, int]:
    """Of the times shorter than five minutes in which one class truly lasted, those of which a frame is called so."""
    true, night = frames["true"].to_numpy(str), frames["night"].to_numpy()
    begins = np.append(True, (true[1:] != true[:-1]) | (night[1:] != night[:-1]))
    run = begins.cumsum() - 1
    of_run = pd.DataFrame({"run": run, "label": true, "found": said == true}).groupby("run")
    lasted = of_run.agg(label=("label", "first"), frames=("found", "size"), found=("found", "any"))
    short = lasted[lasted["label"].isin(CLASSES) & (lasted["frames"] < 5) & (lasted["frames"] >= 2)]
    return float(short["found"].mean()), len(short)


def onsets(frames: pd.DataFrame, said: NDArray[np.str_]) -> pd.Series:
    """The times of onsets of breakups, as in the catalogue, in seconds."""
    seconds = frames["time"].astype("int64").to_numpy() / 1e9
    table = frames[["night", "time", "frame_id"]].assign(label=said, mlt=0.0)
    table["condition"] = np.where(frames["true"] == "rejected", "cloudy", "clear")
    last = np.append(table["night"].to_numpy()[1:] != table["night"].to_numpy()[:-1], True)
    table["step"] = np.where(last, np.inf, np.diff(seconds, append=0))
    return onsets_of(table, "breakup")["time"].astype("int64") / 1e9


def compare_onsets(true: pd.Series, found: pd.Series) -> str:
    """Bias and spread of found onsets beside true ones at most ten minutes away, those missed, and false ones."""
    away = np.subtract.outer(found.to_numpy(), true.to_numpy()) / 60
    nearest = np.abs(away).argmin(axis=0) if len(found) else np.zeros(len(true), int)
    delay = away[nearest, np.arange(len(true))] if len(found) else np.full(len(true), np.inf)
    hit = np.abs(delay) <= 10
    false = len(found) - len(set(nearest[hit]))
    spread = f"{delay[hit].mean():+.1f} ± {delay[hit].std(ddof=1):.1f} min" if hit.sum() > 1 else "–"
    return f"{spread}, {(~hit).sum()} of {len(true)} missed, {false} false"


def counts_of(truth: NDArray[np.int64], said: NDArray[np.int64], nights: NDArray[np.int64]) -> NDArray[np.float64]:
    """Confusion matrices of each night: (nights, 1, n, n)."""
    counts = np.zeros((nights.max() + 1, 1, len(CLASSES), len(CLASSES)))
    np.add.at(counts, (nights, np.zeros_like(nights), truth, said), 1)
    return counts


def told(counts: dict[str, NDArray[np.float64]]) -> None:
    """Print macro F1 and that of each class, and their distance from that of the frames alone, paired by night."""
    base = counts["alone"]
    known = base.sum(axis=(0, 1, 3)) > 0
    drawn = {name: redrawn(of) for name, of in counts.items()}
    for name, of in counts.items():
        scores = macro(drawn[name], known)[:, 0, 2]
        apart = scores - macro(drawn["alone"], known)[:, 0, 2]
        whole = macro(of.sum(axis=0))[0, 2]
        more = whole - macro(base.sum(axis=0))[0, 2]
        low, high = interval(scores)
        less, most = interval(apart)
        print(
            f"  {name:9s} macro F1 {whole:.3f} ({low:.3f}-{high:.3f}), more than alone {more:+.3f} "
            f"({less:+.3f} to {most:+.3f})"
        )
        by_class = [f"{c} {f:.2f} ({f - g:+.2f})" for c, f, g in zip(CLASSES, f1_of(of), f1_of(base), strict=True)]
        print(f"            {', '.join(by_class)}")


def f1_of(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    whole = counts.sum(axis=(0, 1))
    found: NDArray[np.float64] = 2 * np.diagonal(whole) / np.maximum(whole.sum(axis=0) + whole.sum(axis=1), 1)
    return found


def judge(folder: Path, paths: dict[str, Path]) -> None:
    """Print all figures on the test nights."""
    clean = tables.read_without_images(folder / "dataset.parquet")
    tested = sorted({str(night) for night in clean.loc[clean["split_night"] == "test", "night"]})
    nights = [folder / f"nights/{night[:7]}/{night}.parquet" for night in tested]
    frames = truth_of(folder, nights)
    said: dict[str, NDArray[np.float64]] = {}
    for name in ("smoothed", "sequence"):  # the first tells of the frames alone, too
        table = judge_nights(paths[name], nights).set_index("frame_id").loc[frames["frame_id"]]
        said[name] = table[[*map(schemas.p, CLASSES)]].to_numpy()
        if name == "smoothed":
            said = {"alone": table[[*map(schemas.alone, CLASSES)]].to_numpy(), **said}
        looked, concluded = table["looked"].mean() * 1e3, table["concluded"].mean() * 1e3
        print(f"{name}: {looked:.2f} ms a frame to see it, {concluded:.3f} ms to judge it with the others", flush=True)
    for what, chosen, true in (
        ("labels of annotators", frames["frame_id"].isin(clean["frame_id"]), clean.set_index("frame_id")["label"]),
        ("truth", frames["true"].isin(CLASSES), frames.set_index("frame_id")["true"]),
    ):
        some = chosen.to_numpy()
        codes = true.loc[frames["frame_id"][some]].map(CLASSES.index).to_numpy(np.int64)
        units, _ = pd.factorize(frames["night"][some])
        print(f"{what}: {len(codes)} frames of {units.max() + 1} nights")
        told({name: counts_of(codes, of[some].argmax(axis=1), units) for name, of in said.items()})
    limits = read_classifier(paths["alone"]).limits
    confidences = np.array([limits[name].confidence for name in CLASSES])
    shown = frames["true"].to_numpy(str)
    true_onsets = onsets(frames, shown)
    print(f"truth: {flips(frames, shown):.2f} flips an hour")
    for name, of in said.items():
        called = limited(of, confidences)
        found, events = short_events(frames, called)
        print(
            f"  {name:9s} {flips(frames, called):.2f} flips an hour; {found:.2f} of {events} short events; onsets "
            f"{compare_onsets(true_onsets, onsets(frames, called))}; {(called != NOT_CLASSIFIED).mean():.2f} classified"
        )


def judge_real(folder: Path, seconds: float, paths: dict[str, Path]) -> None:
    """Print how classifiers do on the frames of a real film."""
    known = pd.read_csv(folder / TABLE).set_index("frame")["label"]
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES)
    observatory = load_observatory(next(folder.glob("*.yaml")))
    camera = observatory.cameras[0]
    images = np.stack([process(read_frame(path, camera), camera, observatory.site.up) for path in files])
    times = (np.arange(len(files)) * seconds * 1000).astype(np.int64)
    film = Film(times, np.zeros(len(files), np.int64), np.zeros(len(files), np.int64))
    rows = [i for i, path in enumerate(files) if path.name in known.index]
    labelled = known.loc[[files[i].name for i in rows]].to_numpy(str)
    for name, path in paths.items():
        ensemble = Ensemble(path)
        verdict = ensemble.conclude(ensemble.look(images), film)
        ways = {name: verdict.probabilities} | ({} if verdict.alone is None else {f"{name}, each alone": verdict.alone})
        for way, probabilities in ways.items():
            called = np.array(CLASSES)[probabilities.argmax(axis=1)]
            changes = float((called[1:] != called[:-1]).sum() / (times[-1] / 3_600_000))
            there = sorted({*labelled})
            truth, given = (pd.Index(there).get_indexer(pd.Index(names)) for names in (labelled, called[rows]))
            f1 = macro_scores(truth, given, len(there))["f1"]
            right = (called[rows] == labelled).mean()
            print(f"  {way:28s} {changes:.1f} flips an hour, {right:.0%} of {len(rows)} right, macro F1 {f1:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--real", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    folder, model = options.folder, options.model
    draw(folder)
    labelled = hold(folder)
    trained = train(folder, labelled, model)
    paths = {
        "alone": classifier(folder, labelled, model, smoothing=False),
        "smoothed": classifier(folder, labelled, model, smoothing=True),
        "sequence": classifier(folder, labelled, trained, smoothing=False),
    }
    smoothing = read_classifier(paths["smoothed"]).smoothing
    print(f"smoothing: {smoothing and (smoothing.speed, smoothing.weight)}", flush=True)
    if options.real is not None:
        judge_real(options.real, options.seconds, paths)
    judge(folder, paths)


if __name__ == "__main__":
    main()
