"""How fast a sequence classifies nights, beside its bare network on each frame once.

Usage: python benchmarks/sequence.py [FRAMES]

A sequence of ten frames upon the network of the general classifier classifies a night of frames as the catalogue does:
from the table to the labels of all frames. Beside it the same network alone makes forward passes of the frames, which
are ready in memory. Both run by turns; the ratio is that of their best times. No frame goes through the network twice,
so it cannot be far from 1; it would be a tenth if each stack did.
"""

import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import torch

from norrsken import schemas, stages, tables
from norrsken.classify.frames import BATCH
from norrsken.classify.model import FrameClassifier
from norrsken.classify.verdict import joined
from norrsken.config.context import Context
from norrsken.config.jobs import RunSettings
from norrsken.config.models import SequenceNetwork
from norrsken.config.site import FrameSource
from norrsken.dataset.context import film_of
from norrsken.models import classifiers
from norrsken.models.interface import Card
from norrsken.models.network import TorchClassifier
from norrsken.models.sequence import sequence
from norrsken.models.weights import GENERAL
from norrsken.paper import CLASSES

CONTEXT, ROUNDS = Context(before=5, after=4), 5
SOURCE = FrameSource(processing=stages.PROCESSING, cameras=[])


def write_model(path: Path) -> None:
    """A sequence with random weights upon the general classifier's network."""
    seeing, card = classifiers.load(GENERAL)
    if not isinstance(seeing, TorchClassifier):
        raise TypeError(f"{GENERAL} is no network")
    entry = SequenceNetwork(kind="sequence", frames="general", epochs=1, threads=torch.get_num_threads())
    run = RunSettings(name="sequence", model=entry, context=CONTEXT, frames=card.run.model)
    classifier = sequence(run, 0, len(CLASSES))
    classifier.see_as(seeing)
    said = {"classes": list(CLASSES), "run": run, "split": "night", "seed": 0, "frames": SOURCE}
    classifier.save(path, Card(**said, extractor=None, program_version="benchmark"))


def write_night(path: Path, frames: int) -> None:
    """A night table of frames of noise, a minute apart."""
    images = np.random.default_rng(0).integers(0, 256, (frames, *schemas.IMAGE_SHAPE), np.uint8)
    times = np.datetime64("2015-01-12T12:00:00", "ms") + np.arange(frames) * np.timedelta64(60_000, "ms")
    known = {
        "frame_id": [f"KRN{i:06d}" for i in range(frames)],
        "time": pa.array(times, pa.timestamp("ms")).cast(pa.timestamp("ms", "UTC")),
        "night": pa.array([date(2015, 1, 12)] * frames, pa.date32()),
        "status": ["kept"] * frames,
        "image": tables.image_column(images),
    }
    schema = pa.schema([one.with_nullable(True) for one in schemas.NIGHT_TABLE])
    empty = {one.name: pa.nulls(frames, one.type) for one in schema if one.name not in known}
    table = pa.table(known | empty).select(schema.names).cast(schema)
    tables.write(path, table, schema, {}, frames=SOURCE.plain())


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
    with TemporaryDirectory() as folder:
        path, night = Path(folder) / "model.safetensors", Path(folder) / "night.parquet"
        write_model(path)
        write_night(night, frames)
        model = FrameClassifier(path)
        bare, _ = classifiers.load(GENERAL)
        ready = [np.ascontiguousarray(images) for images in tables.image_parts(night, BATCH)]

        def classify() -> None:
            rows = tables.read(night, schemas.NIGHT_TABLE, ["time", "night"])
            kept = tables.kept_frames(night, ["image"], BATCH)
            look = joined([model.look(tables.images(part["image"])) for part in kept])
            model.conclude(look, film_of(rows, SOURCE))

        def forward() -> None:
            for images in ready:
                bare.predict(images)

        both = [(timed(classify), timed(forward)) for _ in range(ROUNDS)]
        own, least = (min(times) for times in zip(*both, strict=True))
        print(f"{frames} frames, stacks of {CONTEXT.before + 1 + CONTEXT.after}")
        print(
            f"sequence {frames / own:.0f} frames/s, bare network {frames / least:.0f} frames/s, ratio {least / own:.2f}"
        )


if __name__ == "__main__":
    main()
