"""What the general classifier takes for unlike all that it was trained on, and the sky that is told of real frames."""

import csv
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import REAL_FRAMES, ROOT
from numpy.typing import NDArray
from sklearn.datasets import load_sample_images

from norrsken.classes import NOT_CLASSIFIED
from norrsken.classify import condition
from norrsken.classify.classifier_file import ClassifyError
from norrsken.classify.familiarity import Familiarity
from norrsken.classify.general import CLASSIFIER, general
from norrsken.cli import main
from norrsken.config.general import FOLDER, PRECISION
from norrsken.config.lens import Lens
from norrsken.config.models import Network
from norrsken.config.observatory import load_observatory
from norrsken.config.site import Camera
from norrsken.models import classifiers
from norrsken.models.weights import GENERAL
from norrsken.nights.images import process, read_frame
from norrsken.paper import CLASSES

Images = NDArray[np.uint8]

AURORAMAX, LENGHU = REAL_FRAMES.with_name("auroramax"), REAL_FRAMES.with_name("lenghu")

needs_real_frames = pytest.mark.skipif(not AURORAMAX.is_dir(), reason="there are no real frames beside the project")


def as_jpeg(images: list[NDArray[np.floating]] | list[Images]) -> Images:
    """Pictures of any size as processed frames, through a JPEG each."""
    levels = (np.clip(image, 0, 255).astype(np.uint8) for image in images)
    small = (cv2.resize(image, (128, 128), interpolation=cv2.INTER_AREA) for image in levels)
    coded = (cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1] for image in small)
    return np.stack([np.asarray(cv2.imdecode(one, cv2.IMREAD_COLOR), np.uint8) for one in coded])


def daytime() -> Images:
    """Blue sky with clouds, and the Sun in every second frame."""
    random, images = np.random.default_rng(3), []
    y, x = np.mgrid[-1:1:128j, -1:1:128j]
    for i in range(12):
        clouds = sum(
            cv2.resize(random.standard_normal((n, n)), (128, 128), interpolation=cv2.INTER_CUBIC) / n**0.7
            for n in (3, 6, 12, 24, 48)
        )
        cover = np.clip(4 * (clouds - np.quantile(clouds, random.uniform(0.4, 0.9))), 0, 1)[..., None]
        sky = np.array([70.0, 120.0, 200.0]) * (1 + 0.1 * x[..., None]) * (1 - cover) + 225 * cover
        if i % 2:
            away = np.hypot(x - random.uniform(-0.6, 0.6), y - random.uniform(-0.6, 0.6))[..., None]
            sky = sky + 255 * np.exp(-((away / 0.05) ** 2)) + 120 * np.exp(-away / 0.25)
        images.append(sky)
    return as_jpeg(images)


def landscapes() -> Images:
    """Parts of photographs of a palace and a flower."""
    parts = [image[: 427 // n, : 427 // n] for image in load_sample_images().images for n in (1, 2, 3)]
    return as_jpeg(parts)


def charts() -> Images:
    random = np.random.default_rng(4)
    y, x = np.mgrid[-1:1:128j, -1:1:128j]
    bars = 255.0 * np.array([[1, 1, 1], [1, 1, 0], [0, 1, 1], [0, 1, 0], [1, 0, 1], [1, 0, 0], [0, 0, 1], [0, 0, 0]])
    star = 127 + 127 * np.sin(24 * np.arctan2(y, x))
    squares = np.kron(random.choice([0, 255], (8, 8)), np.ones((16, 16)))
    grey = (np.repeat(one[..., None], 3, axis=2) for one in (star, squares))
    return as_jpeg([np.repeat(bars[None], 128, axis=0).repeat(16, axis=1), *grey])


def keograms() -> Images:
    """A keogram from a picture of the documentation, whole and in parts."""
    picture = cv2.cvtColor(cv2.imread(str(ROOT / "docs/images/keograms-page-large.png")), cv2.COLOR_BGR2RGB)
    night = picture[475:690, 340:1530]
    return as_jpeg([night, night[:, 300:900], night[:, 400:700], night[:, 600:800]])


def reasons(images: Images) -> NDArray[np.str_]:
    return general().judge(images, condition.bad(images)).reasons


@pytest.mark.parametrize("strange", [daytime, landscapes, charts, keograms], ids=lambda strange: strange.__name__)
def test_what_is_no_night_sky_is_unfamiliar(strange: Callable[[], Images]) -> None:
    images = strange()
    verdict = general().judge(images, condition.bad(images))
    assert (verdict.reasons == "unfamiliar").mean() > 0.6  # what is black and white alone may be bad
    assert (verdict.labels == NOT_CLASSIFIED).mean() > 0.9


@needs_real_frames
def test_the_drawn_bar_of_auroramax_is_unfamiliar_and_its_sky_is_not() -> None:
    camera = load_observatory(ROOT / "examples/cameras/auroramax.yaml").cameras[0]
    files = sorted(AURORAMAX.glob("*.jpg"))[::3]
    masked, bare = (
        np.stack([process(read_frame(str(file), one), one, 0) for file in files])
        for one in (camera, camera.model_copy(update={"mask": None}))
    )
    assert (reasons(bare) == "unfamiliar").mean() > 0.8
    assert (reasons(masked) == "unfamiliar").mean() < 0.15
    assert (condition.conditions(masked, condition.shipped()) == "clear").mean() > 0.8
    assert not condition.bad(masked).any()  # some are as dark as a black frame, but no even black


@needs_real_frames
def test_the_black_frame_of_longyearbyen_is_bad() -> None:
    observatory = load_observatory(ROOT / "examples/cameras/longyearbyen-nipr.yaml")
    camera = observatory.cameras[0]
    frame = process(read_frame(str(REAL_FRAMES / "20140101062052.jpg"), camera), camera, observatory.site.up)
    assert reasons(frame[None]).tolist() == ["bad"]


@needs_real_frames
def test_clear_and_cloudy_nights_of_a_site_that_no_model_has_seen() -> None:
    """Lenghu: frames that people marked as nothing but clear sky, and as nothing but cloud."""
    camera = Camera.model_validate({
        "valid_from": "2000-01-01", "width": 512, "height": 512, "pattern": "{time:%Y-%m-%d-%H-%M-%S}.jpg",
        "lens": Lens(zenith=(255.5, 255.5), horizon=217, projection="equidistant", north=0, east="left").plain(),
    })  # fmt: skip
    with (LENGHU / "labels.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["regions"] in ("sky", "cloud")]
    paths = {path.stem: path for path in LENGHU.rglob("*.jpg")}
    frames = np.stack([process(read_frame(str(paths[Path(row["frame"]).stem]), camera), camera, 0) for row in rows])
    clear = np.array([row["regions"] == "sky" for row in rows])
    found = condition.conditions(frames, condition.shipped()) == "clear"
    assert (found[clear].mean() + (~found[~clear]).mean()) / 2 > 0.7


def test_familiarity_is_a_share_of_familiar_frames() -> None:
    random = np.random.default_rng(0)
    trained, others = np.abs(random.normal(3, 1, (2, 500, 6))).astype(np.float32)
    measure = Familiarity.fit(trained, others)
    found = measure.of(others)
    assert sorted(found.tolist()) == pytest.approx(np.arange(1, 501) / 500, abs=2e-3)
    assert measure.of(trained.mean(axis=0, keepdims=True))[0] > 0.9
    assert measure.of(np.full((1, 6), 100, np.float32))[0] == 0


def test_it_comes_whole_and_is_small() -> None:
    settings = general().settings
    assert settings.asked_precision == PRECISION
    assert sum(file.stat().st_size for file in FOLDER.glob("*.safetensors")) < 20e6
    assert settings.seen.train == settings.seen.validation == settings.seen.test == []
    assert GENERAL.name in [member.path for member in settings.members]
    assert general().classes == CLASSES


def test_a_changed_file_beside_it_is_noticed(tmp_path: Path) -> None:
    for file in FOLDER.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "familiarity.safetensors").write_bytes(b"other")
    with pytest.raises(ClassifyError, match=r"familiarity\.safetensors is another file now"):
        type(general())(tmp_path / CLASSIFIER.name)


def test_classify_with_it_tells_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    camera = ROOT / "examples/cameras/kiruna-nikon.yaml"
    black = np.zeros((479, 720, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "KRN20150112T183000E06000Q.JPG"), black)
    photograph = load_sample_images().images[0][:479, :640]
    photograph = cv2.copyMakeBorder(photograph, 0, 479 - len(photograph), 40, 40, cv2.BORDER_REFLECT)
    cv2.imwrite(str(tmp_path / "KRN20150112T183100E06000Q.JPG"), photograph)
    table = tmp_path / "found.csv"
    assert main(["classify", "--general", str(tmp_path), "--config", str(camera), "--csv", str(table)]) == 0
    with table.open() as file:
        rows = list(csv.DictReader(file))
    probabilities = [f"p_{name}" for name in CLASSES]
    assert list(rows[0]) == ["frame", "time", "label", *probabilities, "condition", "familiarity", "reason", "model"]
    assert [row["reason"] for row in rows] == ["bad", "unfamiliar"]
    assert {row["label"] for row in rows} == {NOT_CLASSIFIED}
    assert main(["classify", "--general", str(tmp_path)]) == 1
    assert "--general needs --config" in capsys.readouterr().err


def test_a_network_may_start_from_it() -> None:
    settings = Network(kind="network", architecture="tf_efficientnet_lite0", weights="general", threads=1, epochs=1)
    started = classifiers.build(settings, 0, 3)
    frames = np.random.default_rng(0).integers(0, 255, (2, 128, 128, 3)).astype(np.uint8)
    first = general().members[0].classifier.predict(frames)
    settings = settings.model_copy(update={"level": "dark", "input_size": 96})
    started = classifiers.build(settings, 0, 3)
    np.testing.assert_allclose(started.predict(frames).embeddings, first.embeddings, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="of tf_efficientnet_lite0, not of resnet18"):
        Network(kind="network", architecture="resnet18", weights="general", epochs=1)
