"""What the figures show: the best model, its mistakes, frames of each class; and that each is there in both forms."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import CONFIG, Project
from PIL import Image

from norrsken import schemas, tables
from norrsken.config.config import Config
from norrsken.config.jobs import FigureSettings
from norrsken.contents import FIGURES
from norrsken.dataset.splits import sample_frames
from norrsken.figures.camera import draw_response
from norrsken.figures.embedding import GRID, embed, spread_out
from norrsken.paper import CLASSES
from norrsken.report.figures import draw_figure, raw_frame
from norrsken.report.runs import Best, best_row, mistakes

CAMERA = {**CONFIG["cameras"][0], "response": {427.8: 0.65, 557.7: 0.9, 630.0: 0.45}}


def test_every_figure_is_there_as_png_and_pdf(finished: Path) -> None:
    folder = finished / "results/small/report/figures"
    expected = {*FIGURES, "annotators", "course", *(f"confusion_random_{model}" for model in CONFIG["models"])}
    expected.remove("response")  # the configuration does not give it
    for suffix in ("png", "pdf"):
        assert {path.stem for path in folder.glob(f"*.{suffix}")} == expected
    for path in folder.glob("*.pdf"):
        assert path.read_bytes().startswith(b"%PDF")
        with Image.open(path.with_suffix(".png")) as image:
            assert image.info["dpi"][0] > 100
            assert len(image.convert("RGB").getcolors(2**24) or ()) > 20


def test_the_response_is_drawn_where_the_configuration_gives_it(project: Project) -> None:
    before = project.planned()
    project.config["cameras"] = [CAMERA]
    project.save()
    assert before == {}
    assert set(project.planned()) == {"draw_response", "write_report"}  # and no month, no model


def test_the_response_has_a_point_for_each_line(tmp_path: Path) -> None:
    colours = []
    for lines in ({}, {557.7: 0.9}, CAMERA["response"]):
        draw_response({"Nikon": lines}, tmp_path / "response.png")
        with Image.open(tmp_path / "response.png") as image:
            pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
        colours.append({tuple(pixel) for pixel in np.unique(pixels, axis=0)})
    green, red = (0x3A, 0x9D, 0x23), (0xC8, 0x1D, 0x11)
    assert [green in found for found in colours] == [False, True, True]
    assert [red in found for found in colours] == [False, False, True]


SCORES = pd.DataFrame(
    {
        "model": ["3nn", "resnet18", "3nn", "resnet18", "svm"],
        "split": ["random", "random", "night", "night", "night"],
        "f1_mean": [0.5, 0.99, 0.4, 0.6, 0.7],
        "validation_f1": [None, None, 0.4, 0.5, 0.6],
    }
)


def test_the_best_model_is_the_best_on_nights_that_it_has_not_seen(tmp_path: Path) -> None:
    methods = {"random": "random", "night": "night"}
    assert best_row(SCORES, methods)["model"] == "svm"
    assert best_row(SCORES, methods, ["resnet18"])["split"] == "night"
    # Validation decides, whatever the test says; the test does where no frames were kept out.
    otherwise = SCORES.assign(validation_f1=[None, None, 0.4, 0.9, 0.6])
    assert best_row(otherwise, methods)["model"] == "resnet18"
    assert best_row(SCORES[SCORES["split"] == "random"], {"random": "random"})["model"] == "resnet18"
    SCORES.to_csv(tmp_path / "table2.csv")
    kinds = {"3nn": "nearest-neighbours", "resnet18": "network", "svm": "linear-svm"}
    seeds = {model: [0] for model in kinds}
    settings = FigureSettings(folder="small", seeds=seeds, methods=methods, kinds=kinds)
    best = Best(tmp_path / "table2.csv", settings)
    assert (best.any.model, best.any.split) == ("svm", "night")
    assert best.network is not None
    assert best.network.model == "resnet18"
    assert best.rival is not None
    assert best.rival.model == "3nn"


def predictions(rows: list[tuple[str, str, str, float]]) -> pd.DataFrame:
    """frame id, label, prediction, its probability."""
    table = pd.DataFrame(rows, columns=["frame_id", "label", "predicted", "sure"])
    for name in CLASSES:
        table[f"p_{name}"] = np.where(table["predicted"] == name, table["sure"], (1 - table["sure"]) / 6)
    return table


def test_mistakes_are_those_of_the_runs_together_the_surest_first() -> None:
    one = predictions([("a", "arcs", "arcs", 0.9), ("b", "arcs", "edge", 0.6), ("c", "edge", "faint", 0.9)])
    other = predictions([("c", "edge", "faint", 0.7), ("b", "arcs", "arcs", 0.9), ("a", "arcs", "edge", 0.95)])
    found = mistakes([one, other], 5)
    assert [(frame, label, predicted) for frame, label, predicted, _ in found] == [
        ("c", "edge", "faint"),
        ("a", "arcs", "edge"),
    ]
    assert found[0][3] == pytest.approx(0.8)
    assert len(mistakes([one, other], 1)) == 1


def test_samples_reach_from_the_darkest_to_the_brightest(tmp_path: Path) -> None:
    brightness = np.random.default_rng(0).permutation(40)
    images = np.broadcast_to(brightness[:, None, None, None], (40, 128, 128, 3)).astype(np.uint8)
    schema = schemas.dataset_table([])
    columns = {"frame_id": [f"f{value:02d}" for value in brightness], "time": [None] * 40, "night": [None] * 40}
    table = tables.pa.table(
        {**columns, "label": ["arcs"] * 38 + ["edge"] * 2, "image": tables.image_column(images)}, schema
    )
    tables.write(tmp_path / "dataset.parquet", table, schema, {})
    found = sample_frames(tmp_path / "dataset.parquet", 4)
    assert list(found) == ["arcs", "edge"]
    values = [int(name[1:]) for name in found["arcs"]]
    assert values == sorted(values)
    assert values[0] < 10
    assert values[-1] > 30
    assert len(found["edge"]) == 2


def test_an_embedding_keeps_apart_what_is_apart_and_is_the_same_each_time() -> None:
    random = np.random.default_rng(0)
    features = np.concatenate([random.normal(k * 20, 1, (30, 8)) for k in range(3)]).astype(np.float32)
    places = embed(features)
    assert places.min() == 0
    assert places.max() == 1
    middles = places.reshape(3, 30, 2).mean(axis=1)
    spread = places.reshape(3, 30, 2).std(axis=1).max()
    assert min(np.linalg.norm(middles[i] - middles[j]) for i, j in ((0, 1), (0, 2), (1, 2))) > 3 * spread
    assert (embed(features) == places).all()
    shown = spread_out(places)
    assert 0 < len(shown) <= (GRID * GRID + 1) // 2
    assert len(set(shown)) == len(shown)


def test_the_raw_frame_is_found_and_without_it_the_figure_says_so(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder)
    night = Path("results/nights/2014-12/2014-12-20.parquet")
    path = raw_frame("KRN20141220T180500", night, "archive")
    assert path == Path("archive/2014/12/20/KRN20141220T180500E06000Q.JPG")
    assert raw_frame("KRN20141220T230500", night, "archive") is None
    assert raw_frame("KRN20141220T180500", night.with_stem("2014-12-21"), "archive") is None
    settings = FigureSettings(cameras=Config.model_validate(CONFIG).cameras, root="elsewhere", nights="results/nights")
    draw_figure("processing", "results/small/dataset.parquet", None, settings, "without.png")
    with Image.open("without.png") as image, Image.open("results/small/report/figures/processing.png") as drawn:
        assert image.height < drawn.height / 2
