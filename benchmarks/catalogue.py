"""From night tables to the catalogue: speed against bare forward passes of the same network, and memory.

Usage: python benchmarks/catalogue.py [NETWORK …], by default resnet18 and resnet50. The classifier is one run. Memory
is that of a process which classifies a month of 4 and of 40 nights.
"""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from training import CONFIG, DEVICE, FRAMES, THREADS, compare, forward_passes, write_model, write_night

from norrsken.catalogue.frames import classify_month
from norrsken.classify.classifier_file import Classifier, Judgement, Limit, Member, Seen, Share
from norrsken.classify.condition import shipped, write_condition
from norrsken.files import digest
from norrsken.models import device
from norrsken.paper import CLASSES

#: Of the nights by which memory is measured, and a network that is quick on them.
NIGHT_FRAMES, SMALL = 128, "shufflenet_v2_x0_5"


def write_classifier(name: str, folder: Path) -> None:
    """A catalogue's classifier of one run, and its condition."""
    model = folder / "model.safetensors"
    write_model(name, model)
    unknown = Share(value=None, low=None, high=None)
    none = Judgement(
        frames=0,
        nights=0,
        precision=unknown,
        classified=unknown,
        f1=0,
        calibration_error=0,
        by_class={},
        with_aurora=None,
        without_aurora=None,
    )
    limit = Limit(confidence=0.5, frames=0, nights=0, of="all")
    said = Classifier(
        name=f"night/{name}",
        members=[Member(path=model.name, sha256=str(digest(model)))],
        temperature=1,
        fitted_on="nothing",
        asked_precision=0.9,
        least_confidence=0.5,
        limits=dict.fromkeys(CLASSES, limit),
        aurora=None,
        validation=None,
        test=none,
        seen=Seen(train=[], validation=[], test=[]),
    )
    (folder / "classifier.json").write_text(said.model_dump_json())
    write_condition(shipped(), folder / "condition.json")


def classify(folder: Path, nights: str) -> None:
    files = (folder / name for name in (nights, "classifier.json", "condition.json"))
    month, classifier, condition = map(str, files)
    classify_month(month, classifier, condition, CONFIG.site, str(folder / "catalogue"))


def memory(folder: Path) -> None:
    """Peak memory of a process that classifies a short month and of one with a long month."""
    write_classifier(SMALL, folder)
    peaks = []
    for nights in (4, 40):
        first = folder / f"month{nights}/night00.parquet"
        write_night(first, NIGHT_FRAMES)
        for i in range(1, nights):
            first.with_name(f"night{i:02d}.parquet").hardlink_to(first)
        done = subprocess.run(
            [sys.executable, __file__, "--memory", str(folder), first.parent.name],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        peaks.append(float(done.stdout))
    print(f"peak memory, 4 nights and 40: {peaks[0]:.0f} and {peaks[1]:.0f} MB (at most 20 % more)")


def main() -> None:
    if sys.argv[1:2] == ["--memory"]:
        classify(Path(sys.argv[2]), sys.argv[3])
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    print(f"{device.name(DEVICE)}, {THREADS} threads, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_night(folder / "month/1970-01-01.parquet", FRAMES)
        for name in sys.argv[1:] or ("resnet18", "resnet50"):
            write_classifier(name, folder)
            compare(name, "catalogue", lambda: classify(folder, "month"), forward_passes(name, FRAMES), FRAMES)
        memory(folder)


if __name__ == "__main__":
    main()
