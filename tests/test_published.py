"""The published data set: its folders and names, and what proves its labels. No real file of it could be had."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import CONFIG, Project, picture
from PIL import Image

from norrsken import schemas, tables
from norrsken.config.config import Config
from norrsken.config.jobs import PublishedSettings
from norrsken.dataset.published import PublishedError, read_published
from norrsken.paper import CLASSES, PAPER_LABELS

#: In alphabetical order, as one public program takes the integers.
ALPHABETICAL = sorted(CLASSES)

SETTINGS = Config.model_validate(
    {**CONFIG, "releases": {"small": {"source": "published", "title": "Published", "path": "published"}}}
).published_settings("small")


def write(folder: Path, counts: dict[str, tuple[int, int]], order: list[str] = ALPHABETICAL) -> dict[str, str]:
    """The data set's two folders with so many train and test frames of each class, each class of a colour."""
    folders = {part: str(folder / name) for part, name in (("train", "TrainingImages"), ("test", "TestImages"))}
    for k, (part, path) in enumerate(folders.items()):
        Path(path).mkdir(parents=True)
        number = 0
        for name in CLASSES:
            colour = (20 * CLASSES.index(name), 100 if part == "train" else 50, 7)
            first = Path(path) / f"first_{name}.png"
            Image.new("RGB", (128, 128), colour).save(first)
            for _ in range(counts[name][k]):
                shutil.copy(first, Path(path) / f"{number:04d}_class_{order.index(name)}.png")
                number += 1
            first.unlink()
    return folders


def paper_counts() -> dict[str, tuple[int, int]]:
    return {name: (train or 0, test or 0) for name, (train, test, _) in PAPER_LABELS.items() if name in CLASSES}


@pytest.mark.parametrize("order", [ALPHABETICAL, list(reversed(CLASSES))], ids=["alphabetical", "another"])
def test_table_1_proves_what_the_integers_mean(tmp_path: Path, order: list[str]) -> None:
    folders = write(tmp_path, paper_counts(), order)
    read_published(folders, SETTINGS, str(tmp_path / "labelled.parquet"))
    table = tables.read(tmp_path / "labelled.parquet", schemas.PUBLISHED_TABLE)
    found = table.drop_columns(["image"]).to_pandas()
    assert len(found) == 3846
    assert found["frame_id"].is_unique
    assert found["time"].isna().all()
    for name in CLASSES:
        parts = found[found["label"] == name]["part"].value_counts()
        assert (parts["train"], parts["test"]) == PAPER_LABELS[name][:2]
    first = table.filter(np.array(found["label"] == "patchy"))
    assert tables.images(first["image"])[0, 0, 0].tolist() == [20 * CLASSES.index("patchy"), 100, 7]


def test_other_counts_are_refused_with_both_lists_unless_the_classes_are_named(tmp_path: Path) -> None:
    folders = write(tmp_path, dict.fromkeys(CLASSES, (3, 2)))
    with pytest.raises(PublishedError) as error:
        read_published(folders, SETTINGS, str(tmp_path / "labelled.parquet"))
    for part in ("0: (3, 2)", "arcs: (636, 195)", "`classes` of the release"):
        assert part in str(error.value)
    assert not (tmp_path / "labelled.parquet").exists()
    settings = PublishedSettings.model_validate({**SETTINGS.plain(), "classes": ALPHABETICAL})
    read_published(folders, settings, str(tmp_path / "labelled.parquet"))
    found = tables.read_without_images(tmp_path / "labelled.parquet")
    assert found["label"].value_counts().to_dict() == dict.fromkeys(CLASSES, 5)


def test_every_format_that_pillow_reads_is_taken(tmp_path: Path) -> None:
    folders = write(tmp_path, dict.fromkeys(CLASSES, (1, 1)))
    (tmp_path / "TrainingImages/.DS_Store").touch()
    for i, (suffix, mode) in enumerate(
        [("tif", "RGB"), ("bmp", "RGB"), ("jpg", "RGB"), ("gif", "P"), ("webp", "RGBA")]
    ):
        Image.new("RGB", (128, 128), (0, 102, 204)).convert(mode).save(
            tmp_path / f"TrainingImages/more{i}_class_0.{suffix}"
        )
    settings = PublishedSettings.model_validate({**SETTINGS.plain(), "classes": ALPHABETICAL})
    read_published(folders, settings, str(tmp_path / "labelled.parquet"))
    table = tables.read(tmp_path / "labelled.parquet", schemas.PUBLISHED_TABLE)
    more = np.array([name.startswith("train-more") for name in table["frame_id"].to_pylist()])
    images = tables.images(table.filter(more)["image"]).astype(int)
    assert len(images) == 5
    assert np.abs(images - [0, 102, 204]).max() < 20


def test_what_is_no_frame_of_the_data_set_is_refused_by_name(tmp_path: Path) -> None:
    settings = PublishedSettings.model_validate({**SETTINGS.plain(), "classes": ALPHABETICAL})
    folders = write(tmp_path, dict.fromkeys(CLASSES, (1, 1)))
    train = tmp_path / "TrainingImages"

    def refused() -> str:
        with pytest.raises(PublishedError) as error:
            read_published(folders, settings, str(tmp_path / "labelled.parquet"))
        assert not (tmp_path / "labelled.parquet").exists()
        return str(error.value)

    for name in ("a_class_7.png", "b.png"):
        (train / name).touch()
    assert f"{train}/a_class_7.png: expected a file named" in refused()
    assert f"{train}/b.png: expected a file named" in refused()
    for name in ("a_class_7.png", "b.png"):
        (train / name).unlink()
    (train / "c_class_1.png").symlink_to("/etc/hostname")
    assert "c_class_1.png: expected" in refused()
    (train / "c_class_1.png").unlink()
    Image.new("RGB", (128, 127)).save(train / "d_class_1.png")
    Image.new("L", (128, 128)).save(train / "e_class_1.png")
    (train / "f_class_1.png").write_text("<html>")
    said = refused()
    assert "d_class_1.png: 128 × 127 pixels, expected 128 × 128" in said
    assert "e_class_1.png: has the channels L, expected RGB" in said
    assert "f_class_1.png: cannot be read as an image" in said


def test_times_in_the_names_are_read(tmp_path: Path) -> None:
    folders = write(tmp_path, dict.fromkeys(CLASSES, (1, 1)))
    frame = next((tmp_path / "TestImages").glob("*_class_2.png"))
    frame.rename(frame.with_name("KRN20150112T023000_class_2.png"))
    settings = PublishedSettings.model_validate({**SETTINGS.plain(), "classes": ALPHABETICAL})
    read_published(folders, settings, str(tmp_path / "labelled.parquet"))
    found = tables.read_without_images(tmp_path / "labelled.parquet").dropna(subset=["time"]).iloc[0]
    assert (found["time"], str(found["night"])) == (pd.Timestamp("2015-01-12T02:30Z"), "2015-01-11")


@pytest.fixture
def published(new_project: Project) -> Project:
    """A project with a published data set that can be learnt, and no archive."""
    folders = write(new_project.path("published"), dict.fromkeys(CLASSES, (0, 0)))
    for part, folder in folders.items():
        for i in range(42 if part == "train" else 14):
            name, image = CLASSES[i % 7], picture(CLASSES[i % 7], i)[:256, :256].reshape(128, 2, 128, 2, 3)
            frame = Image.fromarray(image.mean(axis=(1, 3)).astype(np.uint8))
            frame.save(Path(folder) / f"{i:04d}_class_{ALPHABETICAL.index(name)}.png")
    new_project.config["releases"]["kvammen2020"] = {
        "source": "published",
        "title": "Kvammen et al. (2020)",
        "path": "published",
        "classes": ALPHABETICAL,
    }
    new_project.config["seeds"] = [0]
    new_project.save()
    shutil.rmtree(new_project.path("archive"))
    return new_project


def test_the_whole_workflow_runs_on_it_without_an_archive(published: Project) -> None:
    published.run("report", "--config", "release=kvammen2020")
    results = published.path("results/kvammen2020")
    scores = pd.read_csv(results / "report/table2.csv")
    assert set(scores["split"]) == {"published"}
    assert scores.set_index("model").loc["svm-linear", "f1_mean"] > 0.8
    table1 = pd.read_csv(results / "report/table1.csv").set_index("name")
    assert table1.loc["arcs", ["train_published", "test_published"]].tolist() == [6, 2]
    assert "year" not in set(table1["part"])
    page = (results / "report/index.html").read_text()
    assert "the published data set" in page
    assert published.planned("--config", "release=kvammen2020") == {}


def test_it_can_be_divided_anew_but_by_night_only_where_times_are_known(published: Project) -> None:
    release = published.config["releases"]["kvammen2020"]
    release["splits"] = {"published": {"method": "published"}, "stratified": {"method": "stratified"}}
    published.save()
    published.run("dataset", "--config", "release=kvammen2020")
    release["splits"] = {"night": {"method": "night"}}
    published.save()
    assert (
        "frames whose time is not known"
        in published.snakemake("dataset", "--config", "release=kvammen2020", check=False)
        + published.path("results/logs/split_dataset/kvammen2020.log").read_text()
    )


def test_a_wrong_path_is_named(published: Project) -> None:
    published.config["releases"]["kvammen2020"]["path"] = "elsewhere"
    published.save()
    said = published.snakemake("report", "--config", "release=kvammen2020", check=False)
    assert "releases.kvammen2020.path: there is no 'elsewhere/TrainingImages'" in said
