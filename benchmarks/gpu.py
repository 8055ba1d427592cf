"""Everything that needs a GPU, in one go and in less than eight minutes. Prints two tables for benchmarks/README.md.

Usage: python benchmarks/gpu.py [--models NAME …] [--parts PART …] [--tiny]

The models are entries of config.yaml and are measured with the settings that stand there, on made-up frames in the
numbers of the paper. --tiny tries the script itself on any machine: it does all of this with a handful of frames, and
its numbers mean nothing. Each part that fails or finds no time left is named, and the others are still measured.
"""

import argparse
import hashlib
import importlib.util
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

#: What the measured parts of norrsken import, and the packages that bring it. A machine with a torch of its own may
#: lack some of them.
PACKAGES = {
    "PIL": "pillow", "PyIRI": "PyIRI", "cv2": "opencv-python-headless", "joblib": "joblib", "numpy": "numpy",
    "pandas": "pandas", "pyarrow": "pyarrow", "pydantic": "pydantic", "safetensors": "safetensors", "scipy": "scipy",
    "simplejpeg": "simplejpeg", "skimage": "scikit-image", "sklearn": "scikit-learn", "skops": "skops", "timm": "timm",
    "torch": "torch", "torchvision": "torchvision", "tqdm": "tqdm", "trollsift": "trollsift", "yaml": "pyyaml",
}  # fmt: skip

try:
    START = time.monotonic()
    import cv2
    import numpy as np
    import timm
    import torch
    import torchvision
    from catalogue import classify, write_classifier
    from numpy.typing import NDArray
    from PyIRI import sh_library  # noqa: F401  # norrsken imports it late: better to miss it here than after minutes
    from training import CONFIG, DEVICE, ON_GPU, epochs, forward_passes, measure, seconds, start, write_night

    from norrsken.config.models import Linear, Model, Network, Pretrained, SequenceNetwork, Training
    from norrsken.models import (
        classifiers,
        device,
        scikit,  # noqa: F401  # imported late, too
    )
    from norrsken.models.pretrained import BATCH
    from norrsken.paper import CLASSES
    from norrsken.training.features import Extractor
except ModuleNotFoundError as error:
    absent = [package for module, package in PACKAGES.items() if importlib.util.find_spec(module) is None]
    if not absent:
        sys.exit(f"{error}. Say `PYTHONPATH=. python benchmarks/gpu.py` in the folder of the project.")
    sys.exit(f"These packages are missing here: {' '.join(absent)}. Install them with pip, then start again.")

NO_GPU = "There is no GPU here: torch finds none. `python benchmarks/gpu.py --tiny` tries the script on the CPU."
PARTS = ("models", "processes", "plain", "catalogue", "start", "determinism", "graph")

#: Seconds that all may take, those after which no part begins, and those after which a process of its own is stopped.
LIMIT, LATEST, PATIENCE = 480, 390, 90

#: What is wanted: training beside bare steps, the catalogue beside bare forward passes, training beside plain.py.
TRAINING, CATALOGUE, PLAIN = 0.85, 0.9, 3.0


@dataclass(frozen=True)
class Sizes:
    """How much is measured: frames to train and to test, rounds, frames of a month, epochs of the plain script."""

    train: int
    test: int
    rounds: int
    month: int
    plain_epochs: int


PAPER = Sizes(train=3000, test=846, rounds=5, month=4096, plain_epochs=4)
TINY = Sizes(train=10, test=4, rounds=1, month=8, plain_epochs=2)


@dataclass(frozen=True)
class Fit:
    """A model trained for two epochs. Digest of its predictions; seconds of the last epoch, and beside the epochs."""

    digest: str
    device: str
    epoch: float
    rest: float


@dataclass
class Bench:
    """What is to be measured, and what was: a row a model, and lines of what, wanted and measured."""

    names: list[str]
    tiny: bool
    frames: NDArray[np.uint8] = field(init=False)
    labels: NDArray[np.int64] = field(init=False)
    features: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    fits: dict[str, Fit] = field(default_factory=dict)
    rows: dict[str, list[str]] = field(default_factory=dict)
    lines: list[tuple[str, str, str]] = field(default_factory=list)
    once: dict[str, float] = field(default_factory=dict)  # seconds that are spent once for all runs
    starting: float = 0.0
    complete: bool = True

    def __post_init__(self) -> None:
        self.frames, self.labels = made_up(self.sizes.train + self.sizes.test)

    @property
    def sizes(self) -> Sizes:
        """How much is measured."""
        return TINY if self.tiny else PAPER

    def attempt(self, part: str, work: Callable[[], None]) -> None:
        """Do a part. Of one that fails or comes too late the table says so; a GPU is too rare to lose the others."""
        elapsed = time.monotonic() - START
        print(f"{elapsed:4.0f} s  {part}", file=sys.stderr, flush=True)
        problem, before = "left out: no time left" if elapsed > LATEST else "", len(self.lines)
        if not problem:
            try:
                work()
            except Exception as error:
                detail = getattr(error, "stderr", None) or str(error)
                problem = f"failed: {type(error).__name__}: {(detail.strip().splitlines() or [''])[-1]}"
        if problem:
            self.complete = False
            self.lines.append((part, "", f"**{problem}**"))
        # As they come, so that they are not lost with a machine that is taken away.
        row = [(part, *self.rows[part])] if part in self.rows else []
        for found in (*row, *self.lines[before:]):
            print("       ", " | ".join(found), file=sys.stderr, flush=True)
        if ON_GPU:
            with suppress(RuntimeError):  # after some errors nothing works on the GPU any more
                torch.cuda.empty_cache()

    def one(self, wanted: str) -> str:
        """The network on which a part is measured: the wanted one, or else the first network among the models."""
        networks = [name for name in self.names if isinstance(CONFIG.models[name], Network)]
        return wanted if wanted in networks or not networks else networks[0]


def made_up(n: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Frames (n, 128, 128, 3) of bands in the direction and colour of their class, with noise, and their classes (n,).

    They compress as frames of the sky do, so that a loader of images has no more and no less to do.
    """
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:128, 0:128] / 20
    noise = random.normal(0, 3, (64, 128, 128, 3)).astype(np.float32)
    labels, found = np.arange(n) % len(CLASSES), np.empty((n, 128, 128, 3), np.uint8)
    for i, k in enumerate(labels):
        wave = np.sin((k + 1) / 2 * (x * np.cos(k) + y * np.sin(k)) + random.uniform(0, 2 * np.pi))
        colour = np.array([40 + 10 * (k % 3), 70, 40 + 10 * (k % 2)])
        found[i] = np.clip(colour * (1 + 0.7 * wave[..., None]) + noise[random.integers(64)], 0, 255)
    return found, labels


def settings_of(name: str, tiny: bool) -> Model:
    """An entry of config.yaml, from random weights; tiny: with small steps and small frames."""
    settings = CONFIG.models[name]
    if isinstance(settings, Network):  # true weights may have to be downloaded, and cost the same
        settings = settings.model_copy(update={"weights": "random"})
    changes = {"batch_size": 4, "input_size": 64} if isinstance(settings, Network) else {"batch_size": 4}
    return settings.model_copy(update=changes) if tiny and isinstance(settings, Training) else settings


def batches_of(settings: Training, sizes: Sizes) -> int:
    """Steps in an epoch of a run."""
    return max(round(sizes.train * (1 - settings.kept_out("random"))) // settings.batch_size, 1)


def inputs_of(name: str, bench: Bench) -> NDArray[Any]:
    """What a model sees of the frames: them, or their features, which are computed and timed the first time."""
    features = getattr(CONFIG.models[name], "features", None)
    if features is None:
        return bench.frames
    if features not in bench.features:
        extract(features, bench)
    return bench.features[features]


def extract(name: str, bench: Bench) -> None:
    """The features of all frames, as a release needs them once; of a network also beside bare forward passes."""
    settings, n = CONFIG.features[name], len(bench.frames)
    if isinstance(settings, Pretrained):  # its true weights would have to be downloaded, and cost the same
        settings = settings.model_copy(update={"weights": "random", **({"input_size": 96} if bench.tiny else {})})
    elif bench.tiny:
        settings = settings.model_copy(update={"threads": 1})
    begun = time.perf_counter()
    extractor = Extractor(settings)
    bench.features[name] = extractor(bench.frames)
    bench.once[name] = time.perf_counter() - begun
    what = f"features {name} of {n:,} frames, once a release"
    bench.lines.append((what, "", f"{bench.once[name]:.1f} s"))
    if isinstance(settings, Pretrained):
        batch = min(BATCH, n)
        frames = bench.frames[: n // batch * batch]
        bare = timm.create_model(settings.network).eval().to(DEVICE).to(memory_format=torch.channels_last)
        side = settings.input_size or timm.data.resolve_model_data_config(bare)["input_size"][-1]
        ready = torch.randn(batch, 3, side, side, device=DEVICE).to(memory_format=torch.channels_last)

        @torch.inference_mode()
        def forward() -> None:
            for _ in range(len(frames) // batch):
                with device.precision(DEVICE):
                    bare(ready)

        own, least, ratio = measure(lambda: extractor(frames), forward, min(bench.sizes.rounds, 3))
        speeds = f"{ratio:.2f} ({len(frames) / own:,.0f}, {len(frames) / least:,.0f})"
        bench.lines.append((f"features {name} / bare forward passes (frames/s)", "", speeds))


def fit(name: str, bench: Bench) -> Fit:
    """Train a model for two epochs from the first of the seeds, on the training frames; predict the test frames."""
    inputs, settings, n = inputs_of(name, bench), settings_of(name, bench.tiny), bench.sizes.train
    if isinstance(settings, Training):
        settings = settings.model_copy(update={"epochs": 2})
    if isinstance(settings, SequenceNetwork):
        raise ValueError(f"{name} is a sequence; benchmarks/sequence.py measures those")
    begun = time.perf_counter()
    classifier = classifiers.build(settings, CONFIG.seeds[0], len(CLASSES), width=inputs.shape[-1])
    rows = classifier.fit(inputs[:n], bench.labels[:n])
    said = classifier.predict(inputs[n:])
    taken = time.perf_counter() - begun
    digest = hashlib.sha256(said.probabilities.tobytes())
    if said.embeddings is not None:
        digest.update(said.embeddings.tobytes())
    epoch = rows[-1]["seconds"] if rows else 0.0
    return Fit(digest.hexdigest(), classifier.device, epoch, taken - sum(row["seconds"] for row in rows))


def model(name: str, bench: Bench) -> None:
    """A row of the table: training beside bare steps, two trainings compared to the bit, a run's time."""
    settings, rounds = settings_of(name, bench.tiny), bench.sizes.rounds
    speeds = ["–", "–", "–", "–"]
    if isinstance(settings, Network | Linear):
        batches = batches_of(settings, bench.sizes)
        own, least, ratio = measure(*epochs(settings, batches), rounds)
        n = batches * settings.batch_size
        wanted = TRAINING if isinstance(settings, Network) else 0  # a linear step is too small to be held to it
        speeds = [f"{n / own:,.0f}", f"{n / least:,.0f}", f"{own / batches * 1e3:.2f}", judged(ratio, wanted)]
    inputs_of(name, bench)  # so that their time is not the run's
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        first, second = fit(name, bench), fit(name, bench)
    for text in sorted({str(warning.message) for warning in said}):
        if "determinis" in text:
            bench.lines.append((f"{name}: torch warns", "nothing", f"**{text.split('.', maxsplit=1)[0][:100]}**"))
        else:
            print(f"{name}: {text}", file=sys.stderr)
    bench.fits[name] = second
    bench.rows[name] = [second.device, *speeds, yes(first.digest == second.digest)]


def processes(bench: Bench) -> None:
    """The same training in this process and in another one."""
    name = bench.one("resnet18")
    here = bench.fits.get(name) or fit(name, bench)
    done = subprocess.run(
        [sys.executable, __file__, "--digest", name, *["--tiny"] * bench.tiny],
        check=True, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    equal = done.stdout.split()[-1] == here.digest
    bench.lines.append((f"predictions of two processes that train {name} are equal to the bit", "yes", yes(equal)))


def plain(bench: Bench) -> None:
    """Our training beside benchmarks/plain.py on the same frames as PNG files: in a process of its own, since ours has
    deterministic algorithms switched on.
    """
    name = bench.one("resnet18")
    settings = CONFIG.models[name]
    assert isinstance(settings, Network)
    batches = batches_of(settings, bench.sizes)
    n = min(batches * settings.batch_size, len(bench.frames))
    batch = min(settings.batch_size, n)
    ours, _ = epochs(settings.model_copy(update={"batch_size": batch}), n // batch)
    ours()
    speed = n / float(np.median([seconds(ours) for _ in range(bench.sizes.rounds)]))
    with tempfile.TemporaryDirectory() as folder:
        for i, (frame, label) in enumerate(zip(bench.frames[:n], bench.labels[:n], strict=True)):
            file = Path(folder) / CLASSES[label] / f"{i:05d}.png"
            file.parent.mkdir(exist_ok=True)
            cv2.imwrite(str(file), np.ascontiguousarray(frame[..., ::-1]))
        for option, what in ([], "workers started in each epoch"), (["--keep-workers"], "workers kept"):
            done = subprocess.run(
                [
                    sys.executable, str(Path(__file__).with_name("plain.py")), folder, settings.architecture, *option,
                    f"--epochs={bench.sizes.plain_epochs}", f"--batch-size={batch}",
                ],
                check=True, capture_output=True, text=True, timeout=PATIENCE,
            )  # fmt: skip
            _, *speeds = map(float, re.findall(r"([\d.]+) images/s", done.stdout))  # the first epoch warms up
            other = float(np.median(speeds))
            said = f"{judged(speed / other, 0 if option else PLAIN)} ({speed:,.0f}, {other:,.0f})"
            wanted = "" if option else f"≥ {PLAIN:.0f}"
            bench.lines.append((f"training of {name} / plain torchvision script, {what} (frames/s)", wanted, said))


def month(bench: Bench) -> None:
    """A month of the catalogue beside bare forward passes."""
    name, n = bench.one("resnet50"), bench.sizes.month
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_night(folder / "month/1970-01-01.parquet", n)
        write_classifier(name, folder)
        forward = forward_passes(name, n)
        own, least, ratio = measure(lambda: classify(folder, "month"), forward, min(bench.sizes.rounds, 3))
    said = f"{judged(ratio, CATALOGUE)} ({n / own:,.0f}, {n / least:,.0f})"
    bench.lines.append((f"a month of the catalogue, {name} / bare forward passes (frames/s)", f"≥ {CATALOGUE}", said))


def first_step(bench: Bench) -> None:
    """Seconds from the start of a process to its first step."""
    name = bench.one("resnet18")
    bench.starting, imports = start(name, rounds=1)
    what = f"start of a process to the first step of {name}, of it import of torch and torchvision"
    bench.lines.append((what, "", f"{bench.starting:.1f} s, {imports:.1f} s"))


def determinism(bench: Bench) -> None:
    """What deterministic algorithms cost: bare steps without and with them."""
    name = bench.one("resnet18")
    settings = settings_of(name, bench.tiny)
    assert isinstance(settings, Network)
    _, bare = epochs(settings, batches_of(settings, bench.sizes))

    def freely() -> None:
        torch.use_deterministic_algorithms(False)
        try:
            bare()
        finally:
            torch.use_deterministic_algorithms(True, warn_only=True)

    *_, ratio = measure(bare, freely, bench.sizes.rounds)
    bench.lines.append((f"bare steps of {name}, deterministic / any algorithms", "", f"{ratio:.2f}"))


def graph(bench: Bench) -> None:
    """How fast bare steps would be as one CUDA graph: what a step costs where Python and the launches cost nothing."""
    name = bench.one("resnet18")
    settings = settings_of(name, bench.tiny)
    assert isinstance(settings, Network)
    n, side = settings.batch_size, settings.input_size
    network = torchvision.models.get_model(settings.architecture, weights=None, num_classes=len(CLASSES))
    network.to(DEVICE).to(memory_format=torch.channels_last).train()
    adam = torch.optim.Adam(network.parameters(), 1e-5, fused=True, capturable=True)
    ready = torch.randn(n, 3, side, side, device=DEVICE).to(memory_format=torch.channels_last)
    targets = torch.randint(0, len(CLASSES), (n,), device=DEVICE)

    def step() -> None:
        with device.precision(DEVICE):
            loss = torch.nn.functional.cross_entropy(network(ready), targets)
        adam.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        adam.step()

    # The step is warmed up on a stream of its own, as torch's notes on CUDA graphs ask.
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    captured = torch.cuda.CUDAGraph()
    with torch.cuda.graph(captured):
        step()

    def replay(run: Callable[[], None]) -> None:
        for _ in range(100):
            run()

    own, least, _ = measure(lambda: replay(captured.replay), lambda: replay(step), bench.sizes.rounds)
    said = f"{least / own:.2f} ({100 * n / own:,.0f}, {100 * n / least:,.0f})"
    bench.lines.append((f"bare steps of {name}, as a CUDA graph / one by one (frames/s)", "", said))


def projection(bench: Bench) -> None:
    """What all runs would take one after the other: ten seeds of each model on one split."""
    seeds, total = len(CONFIG.seeds), sum(bench.once.values())
    for name, fitted in bench.fits.items():
        settings = CONFIG.models[name]
        run = fitted.rest
        if isinstance(settings, Training):
            run += bench.starting + settings.epochs * fitted.epoch
        total += seeds * run
        bench.rows[name] += [f"{run:,.1f}", f"{seeds * run / 60:,.1f}"]
    what = f"projected, not measured: {seeds * len(bench.fits)} runs of {len(bench.fits)} models, one after the other"
    bench.lines.append((what, "", f"{total / 3600:.2f} h" if total > 360 else f"{total:.0f} s"))


def judged(ratio: float, wanted: float) -> str:
    """Bold where it falls short of what is wanted."""
    return f"{ratio:.2f}" if ratio >= wanted else f"**{ratio:.2f}**"


def yes(true: bool) -> str:
    return "yes" if true else "**no**"


def described() -> str:
    """Machine, versions and date, as benchmarks/README.md gives them."""
    if ON_GPU:
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "--id=0"]
        try:
            driver = subprocess.run(query, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout.strip()
        except (OSError, subprocess.SubprocessError):
            driver = "not known"
        cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
        where = f"{device.name(DEVICE)}, driver {driver}, CUDA {torch.version.cuda}, cuDNN {cudnn}"
    else:
        where = "no GPU"
    versions = f"Python {platform.python_version()}, torch {torch.__version__}, torchvision {torchvision.__version__}"
    return f"{where}, {len(os.sched_getaffinity(0))} CPU cores, {versions}, {datetime.now(UTC):%Y-%m-%d}"


def table(bench: Bench) -> str:
    """What was measured, in Markdown."""
    head = ["model", "runs on", "training, frames/s", "bare steps, frames/s", "ms a step", f"ratio (≥ {TRAINING})"]
    head += ["two trainings equal to the bit", "a run, s", f"{len(CONFIG.seeds)} runs, min"]
    rows = [head, ["---"] * len(head), *([name, *bench.rows[name]] for name in bench.names if name in bench.rows)]
    elapsed = time.monotonic() - START
    took = f"{elapsed:.0f} s" if elapsed < LIMIT else f"**{elapsed:.0f} s**"
    lines = [("what", "wanted", "measured"), ("---",) * 3, *bench.lines, ("all of this", f"< {LIMIT} s", took)]
    return "\n".join(
        ["| " + " | ".join(row) + " |" for row in rows] + [""] + [f"| {' | '.join(line)} |" for line in lines]
    )


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--models", nargs="+", default=list(CONFIG.models), choices=list(CONFIG.models))
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--tiny", action="store_true", help="a handful of frames, to try the script itself")
    parser.add_argument("--digest", metavar="MODEL", help="only train MODEL and print the digest of its predictions")
    said = parser.parse_args(words)
    if not ON_GPU and not said.tiny:
        print(NO_GPU)
        return 0
    bench = Bench(said.models, said.tiny)
    if said.digest:
        print(fit(said.digest, bench).digest)
        return 0
    parts: dict[str, Callable[[Bench], None]] = {
        "processes": processes,
        "plain": plain,
        "catalogue": month,
        "start": first_step,
        "determinism": determinism,
        **({"graph": graph} if ON_GPU else {}),  # the last one: a capture that fails can leave the GPU unusable
    }
    if "models" in said.parts:
        for name in said.models:
            bench.attempt(name, partial(model, name, bench))
    for part, work in parts.items():
        if part in said.parts:
            bench.attempt(part, partial(work, bench))
    projection(bench)
    print(f"{described()}{'; TINY SIZES: the numbers mean nothing' * said.tiny}\n\n{table(bench)}")
    return 0 if bench.complete else 1


if __name__ == "__main__":
    sys.exit(main())
