"""From night tables to the catalogue: speed against bare forward passes of its networks, and memory.

Usage: python benchmarks/catalogue.py [NETWORK …], by default resnet18 and resnet50, each as a classifier of one run and
of ten. The bare passes are those of all runs and of the network for the sky's condition: once as the catalogue has them
and once as torch has them, with their batch normalisation. Speed is that of the frames after the first one, on CPUs by
the processor time of all threads; what comes before is told as the start. Memory is that of a process of its own: of
each classifier, and of a quick one with a month of 4 and of 40 nights.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from training import CONFIG, DEVICE, ON_GPU, THREADS, seconds, write_model, write_night

from norrsken.catalogue.frames import classify_month
from norrsken.classify import sky_network
from norrsken.classify.classifier_file import Classifier, ClassJudgement, Judgement, Limit, Member, Seen, Share
from norrsken.classify.condition import shipped, write_condition
from norrsken.files import digest
from norrsken.models import architectures, device
from norrsken.models.folded import fold
from norrsken.paper import CLASSES

#: Of the nights by which memory is measured, and a network that is quick on them.
NIGHT_FRAMES, SMALL = 64, "shufflenet_v2_x0_5"

#: Frames by which a classifier of one run and of ten is measured, and its memory.
FRAMES = {1: 8192, 10: 1024} if ON_GPU else {1: 128, 10: 32}
FEW, ROUNDS = 1024 if ON_GPU else 32, 2


def write_classifier(name: str, folder: Path, runs: int = 1) -> None:
    """A catalogue's classifier of so many runs, all with the same weights, and its condition."""
    model = folder / "model.safetensors"
    write_model(name, model)
    unknown = Share(value=None, low=None, high=None)
    of_class = ClassJudgement(frames=0, nights=0, classified=unknown, precision=unknown, calibration_error=None)
    none = Judgement(
        frames=0,
        nights=0,
        precision=unknown,
        classified=unknown,
        f1=0,
        calibration_error=0,
        by_class=dict.fromkeys(CLASSES, of_class),
        with_aurora=None,
        without_aurora=None,
    )
    limit = Limit(confidence=0.5, frames=0, nights=0, of="all")
    said = Classifier(
        name=f"night/{name}",
        members=[Member(path=model.name, sha256=str(digest(model)))] * runs,
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
    if not classify_month(month, classifier, condition, CONFIG.site, str(folder / "catalogue")):
        raise SystemExit(f"{month}: no frame was classified")


def bare_passes(networks: Sequence[nn.Module], n: int) -> Callable[[], None]:
    """Forward passes of all networks over n frames, on tensors that lie ready. The last one sees 0…255, on the CPU."""
    *runs, sky = networks
    step = device.frames_at_once(DEVICE)
    ready = torch.randn(step, 3, 128, 128, device=DEVICE).to(memory_format=torch.channels_last)
    frames = 255 * torch.rand(sky_network.BATCH, 3, 128, 128).to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def forward() -> None:
        with device.precision(DEVICE):
            for network in runs:
                for _ in range(n // step):
                    network(ready)
        for _ in range(n // sky_network.BATCH):
            sky(frames)

    return forward


def networks_of(name: str, runs: int, folded: bool) -> list[nn.Module]:
    """The networks of a classifier and that for the sky's condition, as a catalogue has them or as they are."""
    made = [architectures.create(name, len(CLASSES)).eval() for _ in range(runs)]
    if folded and not ON_GPU:
        for network in made:
            fold(network, torch.rand(1, 3, 128, 128))
    sky = sky_network.shipped() if folded else sky_network.SkyNetwork().to(memory_format=torch.channels_last).eval()
    return [*(network.to(DEVICE).to(memory_format=torch.channels_last) for network in made), sky]


def cpu_seconds(work: Callable[[], object]) -> float:
    """The time of all threads: what a job on one core would take, whatever else the machine does."""
    start = time.process_time()
    work()
    return time.process_time() - start


def speed(name: str, runs: int, folder: Path) -> None:
    """Print how a classifier compares with the bare passes of its networks, which take turns with it."""
    n = FRAMES[runs]
    write_classifier(name, folder, runs)
    (folder / "month/night.parquet").unlink(missing_ok=True)
    write_night(folder / "month/night.parquet", n + 1)
    works = [
        lambda: classify(folder, "month"),
        lambda: classify(folder, "start"),
        *(bare_passes(networks_of(name, runs, folded), n) for folded in (True, False)),
    ]
    works[1]()  # the first start reads files that later ones find in memory
    clock = seconds if ON_GPU else cpu_seconds
    times = np.array([[clock(work) for work in works] for _ in range(ROUNDS)])
    start, own = times[:, 1], times[:, 0] - times[:, 1]
    ratios = np.median(times[:, 2:] / own[:, None], axis=0)
    print(
        f"{name:10s} {runs:2d} runs {n / np.median(own):7.1f} frames/s, {ratios[0]:.2f} of its bare passes, "
        f"{ratios[1]:.2f} times as fast as those of the plain networks; start {np.median(start):.1f} s, "
        f"{peak(folder, 'few'):.0f} MB",
        flush=True,
    )


def peak(folder: Path, month: str) -> float:
    """Peak memory of a process that classifies a month, MB."""
    run = [sys.executable, __file__, "--memory", str(folder), month]
    return float(subprocess.run(run, check=True, capture_output=True, text=True).stdout)


def memory(folder: Path) -> None:
    """Peak memory of a process that classifies a short month and of one with a long month."""
    write_classifier(SMALL, folder)
    peaks = []
    for nights in (4, 40):
        first = folder / f"month{nights}/night00.parquet"
        write_night(first, NIGHT_FRAMES)
        for i in range(1, nights):
            first.with_name(f"night{i:02d}.parquet").hardlink_to(first)
        peaks.append(peak(folder, first.parent.name))
    print(f"peak memory, 4 nights and 40: {peaks[0]:.0f} and {peaks[1]:.0f} MB (at most 20 % more)")


def main() -> None:
    if sys.argv[1:2] == ["--memory"]:
        classify(Path(sys.argv[2]), sys.argv[3])
        # The system's own count, `ru_maxrss`, begins with the memory of the process that started this one.
        status = Path("/proc/self/status").read_text()
        print(int(status.partition("VmHWM:")[2].split()[0]) / 1024)
        return
    print(f"{device.name(DEVICE)}, {THREADS} threads, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_night(folder / "start/night.parquet", 1)
        write_night(folder / "few/night.parquet", FEW)
        for name in sys.argv[1:] or ("resnet18", "resnet50"):
            for runs in FRAMES:
                speed(name, runs, folder)
        memory(folder)


if __name__ == "__main__":
    main()
