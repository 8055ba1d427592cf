"""Frames a second of the general classifier, by torch and as an ONNX file, with the sky's condition and without.

`python benchmarks/onnx_file.py [FILE.onnx]`; without a file it is exported first. Each measurement is the median of
five, on one core and on all, and says how far the probabilities of both are apart.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

FRAMES = 512


def measured(what: Callable[[], object], frames: int) -> float:
    """Frames a second, the median of five."""
    what()
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        what()
        seconds.append(time.perf_counter() - start)
    return frames / float(np.median(seconds))


def speeds(file: str) -> None:
    """Print what this process reaches on the cores that it has."""
    import torch

    from norrsken.classify.condition import conditions, shipped
    from norrsken.classify.general import general
    from norrsken.classify.onnx_file import OnnxClassifier

    cores = len(os.sched_getaffinity(0))
    torch.set_num_threads(cores)
    images = np.random.default_rng(0).integers(0, 256, (FRAMES, 128, 128, 3), dtype=np.uint8)
    by_torch, by_onnx, sky = general(), OnnxClassifier(file), shipped()

    def torch_alone() -> object:
        by_torch.judge(images)
        return conditions(images, sky)

    def onnx() -> object:
        look = by_onnx.look(images)
        by_onnx.conclude(look)
        return conditions(images, sky, sky=look.sky)

    of_torch, of_onnx = measured(torch_alone, FRAMES), measured(onnx, FRAMES)
    apart = np.abs(by_torch.predict(images[:64]) - by_onnx.predict(images[:64])).max()
    print(
        f"{cores} core{'s' * (cores > 1)}: torch {of_torch:.0f} frames/s, ONNX {of_onnx:.0f} frames/s: "
        f"{of_onnx / of_torch:.2f} times; probabilities differ by {apart:.1e} at most"
    )


def main() -> None:
    if sys.argv[1:2] == ["--speeds"]:
        speeds(sys.argv[2])
        return
    with tempfile.TemporaryDirectory() as folder:
        file = sys.argv[1] if len(sys.argv) > 1 else f"{folder}/general.onnx"
        if len(sys.argv) < 2:
            from norrsken.classify.general import CLASSIFIER
            from norrsken.exchange.onnx import export_onnx

            export_onnx(CLASSIFIER, Path(file))
        print(f"{file}: {os.path.getsize(file) / 1e6:.0f} MB")
        every = sorted(os.sched_getaffinity(0))
        for cores in ([every[0]], every):
            subprocess.run(
                ["taskset", "-c", ",".join(map(str, cores)), sys.executable, __file__, "--speeds", file], check=True
            )


if __name__ == "__main__":
    main()
