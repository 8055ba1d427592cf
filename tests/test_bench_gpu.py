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


def rows(printed: str, cells: int) -> list[list[str]]:
    """The rows of the table with so many columns."""
    found = [[cell.strip() for cell in line.split("|")[1:-1]] for line in printed.splitlines() if line[:1] == "|"]
    return [row for row in found if len(row) == cells]


def test_the_tables_hold_what_was_asked_for(gpu: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["3nn", "clausen-nickisch", "resnet18"]
    status = gpu.main(["--tiny", "--models", *names, "--parts", "models"])
    printed = capsys.readouterr()
    assert status == 0, printed.err
    models = {name: cells for name, *cells in rows(printed.out, 9)}
    assert list(models) == ["model", "---", *names]
    assert [models[name][5] for name in ("model", *names)] == ["two trainings equal to the bit", "yes", "yes", "yes"]
    assert float(models["resnet18"][4].strip("*")) > 0
    assert float(models["resnet18"][6].replace(",", "")) > 0
    measured = {what: found for what, _, found in rows(printed.out, 3)}
    assert any("30 runs of 3 models" in what for what in measured)


def test_a_training_that_does_not_repeat_is_told(gpu: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The seed is another one each time, as if an algorithm did not repeat."""
    build, seeds = gpu.classifiers.build, iter(range(9))
    monkeypatch.setattr(
        gpu.classifiers, "build", lambda settings, seed, classes, width: build(settings, next(seeds), classes, width)
    )
    bench = gpu.Bench(["resnet18"], tiny=True)
    gpu.model("resnet18", bench)
    assert bench.rows["resnet18"][-1] == "**no**"


def test_a_part_that_fails_is_named_and_the_others_are_measured(
    gpu: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(settings: object, batches: int) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(gpu, "epochs", broken)
    assert gpu.main(["--tiny", "--models", "resnet18", "--parts", "determinism", "catalogue"]) == 1
    measured = {what: found for what, _, found in rows(capsys.readouterr().out, 3)}
    assert measured["determinism"] == "**failed: RuntimeError: out of memory**"
    assert measured["a month of the catalogue, resnet18 / bare forward passes (frames/s)"].endswith(")")


def test_without_a_gpu_it_says_so_and_ends_well(gpu: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    if gpu.ON_GPU:
        pytest.skip("there is a GPU here")
    assert gpu.main([]) == 0
    assert capsys.readouterr().out == (
        "There is no GPU here: torch finds none. `python benchmarks/gpu.py --tiny` tries the script on the CPU.\n"
    )
