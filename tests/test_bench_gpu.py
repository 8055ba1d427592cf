"""The benchmark that waits for a GPU runs here already, with a handful of frames."""

import importlib
from types import ModuleType

import pytest
from conftest import ROOT


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # of the process that it starts
    return importlib.import_module("gpu")


def test_the_tables_hold_what_was_asked_for(gpu: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    parts = ["models", "processes", "catalogue", "determinism"]
    status = gpu.main(["--tiny", "--models", "3nn", "clausen-nickisch", "resnet18", "--parts", *parts])
    printed = capsys.readouterr()
    assert status == 0, printed.err
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in printed.out.splitlines() if line[:1] == "|"]
    assert {len(row) for row in rows} == {9, 3}
    models = {row[0]: row for row in rows if len(row) == 9}
    assert list(models) == ["model", "---", "3nn", "clausen-nickisch", "resnet18"]
    assert [models[name][6] for name in ("model", "3nn", "clausen-nickisch", "resnet18")] == [
        "two trainings equal to the bit", "yes", "yes", "yes",
    ]  # fmt: skip
    assert float(models["resnet18"][5].strip("*")) > 0
    assert float(models["resnet18"][7].replace(",", "")) > 0
    measured = {row[0]: row[2] for row in rows if len(row) == 3}
    assert measured["predictions of two processes that train resnet18 are equal to the bit"] == "yes"
    assert any(what.startswith("a month of the catalogue") for what in measured)
    assert any("30 runs of 3 models" in what for what in measured)


def test_a_training_that_does_not_repeat_is_told(gpu: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The seed is another one each time, as if an algorithm did not repeat."""
    build, seeds = gpu.classifiers.build, iter(range(9))
    monkeypatch.setattr(gpu.classifiers, "build", lambda settings, seed, width: build(settings, next(seeds), width))
    bench = gpu.Bench(["resnet18"], tiny=True)
    gpu.model("resnet18", bench)
    assert bench.rows["resnet18"][-1] == "**no**"


def test_a_part_that_fails_is_named_and_the_others_are_measured(
    gpu: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(n: int) -> None:
        raise RuntimeError(f"out of memory with {n} frames")

    monkeypatch.setattr(gpu, "write_night", lambda path, n: broken(n))
    assert gpu.main(["--tiny", "--models", "resnet18", "--parts", "catalogue", "determinism"]) == 1
    printed = capsys.readouterr().out
    assert "| catalogue |  | **failed: RuntimeError: out of memory with 8 frames** |" in printed
    assert "| bare steps of resnet18, deterministic / any algorithms |" in printed


def test_without_a_gpu_it_says_so_and_ends_well(gpu: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    if gpu.ON_GPU:
        pytest.skip("there is a GPU here")
    assert gpu.main([]) == 0
    assert capsys.readouterr().out == (
        "There is no GPU here: torch finds none. `python benchmarks/gpu.py --tiny` tries the script on the CPU.\n"
    )
