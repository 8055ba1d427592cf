"""`norrsken tune`: settings are compared on a validation part of the training frames."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import Project

from norrsken.cli import main
from norrsken.dataset.splits import Part, read_split
from norrsken.training import run as training


def tune(project: Project, *arguments: str) -> int:
    return main(["tune", *arguments, "--config", str(project.path("config.yaml"))])


@pytest.fixture
def _in_the_project(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.folder)


@pytest.mark.usefixtures("_in_the_project")
def test_every_combination_gets_a_line(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.config["models"]["shufflenet"]["input_size"] = 32
    project.save()
    assert tune(project, "shufflenet", "learning_rate=0.001,0.01", "batch_size=8,16", "--seeds", "1") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("of the training frames of 'random'")
    found = [line.split("  ")[0] for line in lines[2:]]
    assert found == [f"learning_rate {rate}, batch_size {size}" for rate in (0.001, 0.01) for size in (8, 16)]
    assert tune(project, "svm-linear", "c=0.1,1", "--seeds", "1") == 0
    assert "c 0.1" in capsys.readouterr().out


@pytest.mark.usefixtures("_in_the_project")
def test_test_frames_are_never_touched(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = project.path("results/small/dataset.parquet")
    test = read_split(dataset, "random").test
    read: list[str] = []

    def noting(parts: list[Part], features: str | None) -> list[np.ndarray]:
        read.extend(frame for part in parts for frame in part.frame_ids.tolist())
        return training.read_inputs(parts, features)

    monkeypatch.setattr("norrsken.training.tuning.read_inputs", noting)
    assert tune(project, "3nn", "neighbours=1,2", "--seeds", "1") == 0
    assert len(read) == pq.read_table(dataset, columns=["label"]).num_rows - len(test.labels)
    assert not set(read) & set(test.frame_ids.tolist())


@pytest.mark.usefixtures("_in_the_project")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("resnet99", "epochs=1"), "models has no entry 'resnet99'"),
        (("shufflenet", "epoch=1"), "models.shufflenet.epoch: there is no such key; did you mean 'epochs'?"),
        (("shufflenet", "epochs=none"), "models.shufflenet.epochs: input should be a valid integer"),
        (("shufflenet", "epochs=1", "--split", "night"), "has no 'night'; it has random"),
    ],
)
def test_what_cannot_be_tried_is_named(
    project: Project, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert tune(project, *arguments) == 1
    assert said in capsys.readouterr().err
