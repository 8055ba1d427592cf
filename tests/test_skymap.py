"""`norrsken export skymap`: where pixels look, in a file that other programs read."""

import json
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr
import yaml
from conftest import CONFIG, ROOT
from test_export import CHECKER

from norrsken.cli import main
from norrsken.config.observatory import load_observatory
from norrsken.exchange import asilib, aurorax
from norrsken.exchange.library import ExchangeError, library
from norrsken.lens import directions, skymap

LENS = {"zenith": [164, 116], "horizon": 97, "projection": "equisolid", "north": 100, "east": "right"}
WITH_LENS = {
    "valid_from": "2010-01-01",
    "width": 320,
    "height": 240,
    "lens": LENS,
    "pattern": "{time:%Y%m%d%H%M%S}.jpg",
}
WITHOUT = CONFIG["cameras"][0]

Configure = Callable[..., object]
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Writes `config.yaml` with the cameras."""
    monkeypatch.chdir(tmp_path)
    site = {**CONFIG["site"], "up": -9.5}
    return lambda *cameras: Path("config.yaml").write_text(yaml.safe_dump({"site": site, "cameras": list(cameras)}))


def test_the_file_says_where_the_pixels_of_the_archived_frames_look(configure: Configure, capsys: Captured) -> None:
    configure(WITH_LENS)
    assert main(["export", "skymap", "sky.nc"]) == 0
    assert capsys.readouterr().out == (
        "sky.nc: where 240 × 320 pixels (rows × columns) look, and where at 90, 110, 150 km\n"
    )
    observatory = load_observatory("config.yaml")
    (camera,) = observatory.cameras
    with xr.open_dataset("sky.nc") as sky:
        assert sky["azimuth"].dims == ("y", "x")
        assert sky["latitude"].dims == sky["longitude"].dims == ("height", "y", "x")
        assert list(sky["height"].values) == [90, 110, 150]
        y, x = np.mgrid[:240, :320].astype(float)
        zenith, azimuth = directions(camera.lens, x, y)
        above = zenith <= np.pi / 2
        assert 0.2 < above.mean() < 0.8
        np.testing.assert_array_equal(np.isfinite(sky["elevation"]), above)
        np.testing.assert_allclose(sky["elevation"].values[above], 90 - np.degrees(zenith[above]), atol=1e-9)
        np.testing.assert_allclose(sky["azimuth"].values[above], np.degrees(azimuth[above]) % 360, atol=1e-9)
        for place, height in enumerate((90, 110, 150)):
            expected = skymap(observatory.site.place, height, camera)
            np.testing.assert_array_equal(sky["latitude"].values[place], expected.latitude)
            np.testing.assert_array_equal(sky["longitude"].values[place], expected.longitude)
        overhead = sky.sel(height=110, y=116, x=164)
        assert (float(overhead["latitude"]), float(overhead["longitude"])) == pytest.approx((67.84, 20.42), abs=1e-5)
        assert float(sky["site_altitude"]) == 425


def test_the_processed_frames_of_all_cameras_with_a_lens_have_one_skymap(configure: Configure) -> None:
    configure(WITH_LENS, {**WITH_LENS, "valid_from": "2012-01-01", "lens": {**LENS, "north": 20}})
    assert main(["export", "skymap", "sky.nc", "--processed"]) == 0
    expected = skymap(load_observatory("config.yaml").site.place, 150)
    with netCDF4.Dataset("sky.nc") as sky:
        np.testing.assert_array_equal(sky["latitude"][2], expected.latitude)
        np.testing.assert_array_equal(sky["azimuth"][:], expected.azimuth)
        assert "-9.5° east of true north at the top" in sky.comment


def test_a_camera_is_chosen_by_its_date(configure: Configure, capsys: Captured) -> None:
    configure(WITH_LENS, {**WITH_LENS, "valid_from": "2012-01-01", "width": 330})
    assert main(["export", "skymap", "sky.nc"]) == 1
    assert "has 2 cameras, valid from 2010-01-01, 2012-01-01; name one" in capsys.readouterr().err
    assert main(["export", "skymap", "sky.nc", "--camera", "2012-01-01"]) == 0
    with netCDF4.Dataset("sky.nc") as sky:
        assert len(sky.dimensions["x"]) == 330
    assert main(["export", "skymap", "sky.nc", "--camera", "2011-01-01"]) == 1
    assert "--camera is 2011-01-01; expected the valid_from of a camera: 2010-01-01" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--camera", str(date(2009, 1, 1))], ["--processed"]])
def test_a_camera_without_a_lens_is_refused(option: list[str], configure: Configure, capsys: Captured) -> None:
    configure(WITHOUT, WITH_LENS)
    assert main(["export", "skymap", "sky.nc", *option]) == 1
    assert "the camera of 2009-01-01 has no lens" in capsys.readouterr().err
    assert not Path("sky.nc").exists()


def test_kirunas_processed_frames_have_the_reference_grid_without_a_lens(configure: Configure) -> None:
    kiruna = yaml.safe_load((ROOT / "demo/config.yaml").read_text())["cameras"][0]
    configure(kiruna)
    assert main(["export", "skymap", "sky.nc", "--processed"]) == 0


@pytest.mark.skipif(CHECKER is None, reason="compliance-checker is not installed")
def test_the_file_meets_the_cf_conventions(configure: Configure) -> None:
    configure(WITH_LENS)
    assert main(["export", "skymap", "sky.nc"]) == 0
    options = ["--test=cf:1.11", "--criteria=strict", "--format=json", "--output=report.json"]
    subprocess.run([str(CHECKER), *options, "sky.nc"], check=False, timeout=120)
    found = json.loads(Path("report.json").read_text())["cf:1.11"]
    said = [text for check in found["all_priorities"] for text in check["msgs"]]
    # Rows and columns of pixels are no Y and X of the Earth, and the checker would have them before the height.
    assert [text.split(" are not in the recommended order")[0] for text in said] == [
        f"{name}'s spatio-temporal dimensions" for name in ("latitude", "longitude")
    ]


def test_a_library_that_is_not_there_is_asked_for_in_a_sentence() -> None:
    with pytest.raises(
        ExchangeError, match=r"norrsken export x needs no_such_library \(No module named.*\); type this"
    ):
        library("no_such_library.part", "norrsken export x", "type this")


# Neither may be in this environment: both bring another OpenCV, which overwrites the one that processes frames.
SENTENCE = r"needs {} \(No module named .*\); install envs/field.txt into an environment of its own"


def test_asilib_is_asked_for_in_a_sentence(configure: Configure) -> None:
    configure(WITH_LENS)
    observatory = load_observatory("config.yaml")
    with pytest.raises(ExchangeError, match=SENTENCE.format("asilib")):
        asilib.imager(observatory, date(2018, 1, 14))


def test_pyaurorax_is_asked_for_in_a_sentence(configure: Configure) -> None:
    configure(WITH_LENS)
    site, source = load_observatory("config.yaml").site, aurorax.Source("norrsken", "kiruna", "RGB ASI")
    with pytest.raises(ExchangeError, match=SENTENCE.format("pyaurorax")):
        aurorax.write_records([], site, ["mist"], "A title", source, "out.json")
