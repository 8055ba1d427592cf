"""Speed of training and inference against the bare network on the same device, in one run.

Usage: python benchmarks/training.py [NETWORK …], by default alexnet and resnet18 on a CPU and resnet18 and resnet50 on
a GPU. Prints ratios: training loop / bare forward, backward and step on tensors that lie ready; inference from a night
table / bare forward passes; what a frame through a random camera takes; and seconds from the start of a process to its
first step.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch import nn

from norrsken import __version__, schemas, stages, tables
from norrsken.classify.frames import classify
from norrsken.classify.model import FrameClassifier
from norrsken.config.config import load
from norrsken.config.jobs import RunSettings
from norrsken.config.models import Linear, Network
from norrsken.config.site import FrameSource
from norrsken.models import architectures, classifiers, device
from norrsken.models.augmentation import augment
from norrsken.models.interface import Card
from norrsken.models.network import Augmentation, Epoch, augmentation_of, train_one_epoch
from norrsken.models.normalised import Normalised
from norrsken.models.random_cameras import seen_by_others
from norrsken.paper import CLASSES

CONFIG = load(Path(__file__).parent.parent / "config.yaml")
THREADS = torch.get_num_threads()
DEVICE = device.prepare(THREADS)
ON_GPU = DEVICE.type == "cuda"
BATCH, BATCHES, ROUNDS = 32, 100 if ON_GPU else 4, 5
FRAMES = 16384 if ON_GPU else 768
FEATURES = 1000  # of a linear classifier: Inception-v4's class scores
START = 1_421_085_600_000  # 2015-01-12 18:00 UTC in milliseconds: a time at which the configuration has a camera
SOURCE = FrameSource(processing=stages.PROCESSING, cameras=CONFIG.cameras)


def seconds(work: Callable[[], object]) -> float:
    finish()  # what was begun before is not counted
    start = time.perf_counter()
    work()
    finish()
    return time.perf_counter() - start


def finish() -> None:
    """Wait for the GPU: it works on while Python goes on."""
    if ON_GPU:
        torch.cuda.synchronize()


def measure(ours: Callable[[], object], bare: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """Median seconds of ours and of the bare work, and the median ratio bare / ours.

    They take turns, so that a machine that grows slow favours neither; the first turn of each is not counted.
    """
    ours(), bare()
    times = np.array([(seconds(ours), seconds(bare)) for _ in range(rounds)])
    own, least = np.median(times, axis=0)
    return float(own), float(least), float(np.median(times[:, 1] / times[:, 0]))


def compare(name: str, what: str, ours: Callable[[], object], bare: Callable[[], object], frames: int) -> None:
    """Print how ours compares with the bare work."""
    own, least, ratio = measure(ours, bare, ROUNDS)
    speeds = f"{frames / own:8.1f} frames/s, bare {frames / least:8.1f}"
    print(f"{name:10s} {what:10s} {speeds}, ratio {ratio:.2f}", flush=True)


def unchanged(features: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Features are not augmented."""
    return features


def epochs(settings: Network | Linear, batches: int) -> tuple[Callable[[], None], Callable[[], None]]:
    """So many steps of the training loop, and as many bare ones on a float batch that lies ready on the device.

    A network learns from frames, a linear classifier from features.
    """
    size = settings.batch_size
    targets = torch.randint(0, len(CLASSES), (size * batches,), device=DEVICE)
    augmentation: Augmentation
    if isinstance(settings, Network):
        inputs = torch.randint(0, 256, (size * batches, 128, 128, 3), dtype=torch.uint8, device=DEVICE)
        inputs, side = inputs.permute(0, 3, 1, 2), settings.input_size
        ready = torch.randn(size, 3, side, side, device=DEVICE).to(memory_format=torch.channels_last)
        ours = Normalised(architectures.create(settings.architecture, len(CLASSES)), (3, 1, 1), side, settings.level)
        ours.mean.fill_(127.5), ours.std.fill_(73.9)  # of these frames
        bare, augmentation = architectures.create(settings.architecture, len(CLASSES)), augmentation_of(settings)
    else:
        inputs, ready = (torch.randn(n, FEATURES, device=DEVICE) for n in (size * batches, size))
        ours, bare = Normalised(nn.Linear(FEATURES, len(CLASSES)), (FEATURES,)), nn.Linear(FEATURES, len(CLASSES))
        augmentation = unchanged
    ours.to(DEVICE).to(memory_format=torch.channels_last)
    bare.to(DEVICE).to(memory_format=torch.channels_last).train()
    adam, bare_adam = (torch.optim.Adam(model.parameters(), 1e-5, fused=True) for model in (ours, bare))
    few = targets[:size].clone()

    def our_epoch() -> None:
        train_one_epoch(ours, inputs, targets, adam, Epoch(1, 1, batches, 0, 1e-5), augmentation)

    def bare_epoch() -> None:
        for _ in range(batches):
            with device.precision(DEVICE):
                loss = nn.functional.cross_entropy(bare(ready), few)
            bare_adam.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            bare_adam.step()

    return our_epoch, bare_epoch


def training(name: str) -> None:
    """The training loop against bare steps of the same network."""
    settings = Network(kind="network", architecture=name, epochs=1, batch_size=BATCH)
    compare(name, "training", *epochs(settings, BATCHES), BATCH * BATCHES)


def write_night(path: Path, n: int) -> None:
    """A night table of n kept frames."""
    frames = np.random.default_rng(0).integers(0, 256, (n, 128, 128, 3), np.uint8)
    rows = {
        "frame_id": [f"KRN{i:08d}" for i in range(n)],
        "time": pa.array(range(START, START + n), pa.timestamp("ms", "UTC")),
        "night": pa.array([START // 86_400_000] * n, pa.date32()),
        "path": [""] * n,
        "bytes": [0] * n,
        "exposure_ms": pa.array([6000] * n, pa.int32()),
        "sun_altitude": pa.array([-20.0] * n, pa.float32()),
        "moon_altitude": pa.array([-20.0] * n, pa.float32()),
        "status": ["kept"] * n,
        "reason": pa.array([None] * n, pa.string()),
        "outside": pa.array([0.0] * n, pa.float32()),
        "image": tables.image_column(frames),
    }
    tables.write(path, pa.table(rows), schemas.NIGHT_TABLE, {}, frames=SOURCE.plain())


def write_model(name: str, path: Path) -> None:
    """A network with random weights as a run leaves it."""
    settings = Network(kind="network", architecture=name, epochs=1, threads=THREADS)
    card = Card(
        classes=list(CLASSES),
        run=RunSettings(name=name.replace("_", "-"), model=settings),
        split="night",
        seed=0,
        frames=SOURCE,
        extractor=None,
        program_version=__version__,
    )
    classifiers.build(settings, 0, len(CLASSES)).save(path, card)


def forward_passes(name: str, n: int) -> Callable[[], None]:
    """Bare forward passes of n frames in all, on tensors that lie ready."""
    bare = architectures.create(name, len(CLASSES)).to(DEVICE).to(memory_format=torch.channels_last).eval()
    batch = min(n, device.frames_at_once(DEVICE))
    ready = torch.randn(batch, 3, 128, 128, device=DEVICE).to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def forward() -> None:
        for _ in range(n // batch):
            with device.precision(DEVICE):
                bare(ready)

    return forward


def inference(name: str, folder: Path) -> None:
    """A night table classified against bare forward passes of the same network."""
    table, model = folder / "1970-01-01.parquet", folder / "model.safetensors"
    write_night(table, FRAMES)
    write_model(name, model)
    classifier = FrameClassifier(model)
    compare(
        name, "inference", lambda: list(classify(classifier, [str(table)], {})), forward_passes(name, FRAMES), FRAMES
    )


def start(name: str, rounds: int) -> tuple[float, float]:
    """Median seconds from the start of a process to the first step of a training, and to torch's import alone."""
    code = (
        "import numpy as np, torch\n"
        "from norrsken.config.models import Network\n"
        "from norrsken.models import classifiers\n"
        f"settings = Network(kind='network', architecture={name!r}, epochs=1, validation_share=0)\n"
        "model = classifiers.build(settings, 0, 7)\n"
        "torch.optim.Adam.step = lambda *_: exit()\n"
        "model.fit(np.zeros((32, 128, 128, 3), np.uint8), np.arange(32) % 7)\n"
    )

    def median(code: str) -> float:
        run = [sys.executable, "-c", code]
        return float(np.median([seconds(lambda: subprocess.run(run, check=True)) for _ in range(rounds)]))

    return median(code), median("import torch, torchvision")


def through_cameras() -> None:
    """Frames seen through random cameras, against only turned and flipped."""
    frames = torch.randint(0, 256, (BATCH, 128, 128, 3), dtype=torch.uint8, device=DEVICE).permute(0, 3, 1, 2)
    random = torch.Generator(DEVICE).manual_seed(0)
    own, least, _ = measure(
        lambda: seen_by_others(frames, random, "mild"), lambda: augment(frames, random), ROUNDS * BATCHES
    )
    print(f"a frame seen through a random camera {1e3 * own / BATCH:.2f} ms, turned {1e3 * least / BATCH:.2f} ms")


def main() -> None:
    print(f"{device.name(DEVICE)}, {THREADS} threads, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[1:] or (["resnet18", "resnet50"] if ON_GPU else ["alexnet", "resnet18"]):
            training(name)
            inference(name, Path(folder))
    through_cameras()
    first_step, imports = start("resnet18", 3)
    print(f"start to first step {first_step:.1f} s, of it import of torch and torchvision {imports:.1f} s")


if __name__ == "__main__":
    main()
