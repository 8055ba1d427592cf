"""The four steps are those of the paper, to the bit, and only good JPEGs get through."""

import io

import numpy as np
import pytest
import scipy.ndimage
import simplejpeg
from conftest import jpeg
from PIL import Image

from norrsken.config.site import Camera
from norrsken.nights.images import UnreadableImage, WrongGeometry, buffer_for, decode, first_block, process

NOISE = np.random.default_rng(1).integers(0, 256, (479, 720, 3), dtype=np.uint8)


def camera(width: int = 720, height: int = 479, rotate: int = 90, flip: bool = True, block: int = 2) -> Camera:
    fields = {"valid_from": "2009-01-01", "name": "any", "pattern": "{time:%Y%m%d%H%M%S}.jpg"}
    return Camera.model_validate(
        {**fields, "width": width, "height": height, "rotate": rotate, "flip": flip, "block": block}
    )


def whole_frame(frame: np.ndarray, camera: Camera) -> np.ndarray:
    """The paper's steps in the paper's order, on the whole frame, with NumPy and SciPy alone."""
    turned = np.rot90(frame, -camera.rotate // 90)
    turned = turned[:, ::-1] if camera.flip else turned
    median = np.stack([scipy.ndimage.median_filter(turned[..., i], 3, mode="nearest") for i in range(3)], axis=-1)
    n, (height, width) = camera.block, median.shape[:2]
    blocks = median[: height // n * n, : width // n * n].astype(int).reshape(height // n, n, width // n, n, 3)
    mean = (2 * blocks.sum(axis=(1, 3)) + n * n) // (2 * n * n)
    row, column = (int(np.floor((side / n - 128) / 2 + 0.5)) for side in (height, width))
    return mean[row : row + 128, column : column + 128]


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(
    ("width", "height", "block"),
    [(720, 479, 2), (720, 480, 2), (256, 257, 2), (259, 260, 2), (390, 391, 3), (521, 530, 4), (128, 131, 1)],
)
def test_processing_equals_the_whole_frame(rotate: int, flip: bool, width: int, height: int, block: int) -> None:
    frame = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    settings = camera(width, height, rotate, flip, block)
    np.testing.assert_array_equal(process(frame, settings), whole_frame(frame, settings))


def test_kirunas_crop_begins_at_block_row_116_and_column_56() -> None:
    assert (first_block(720, 2), first_block(479, 2)) == (116, 56)
    np.testing.assert_array_equal(process(NOISE, camera()), whole_frame(NOISE, camera()))


def test_kirunas_raw_west_and_north_come_out_left_and_up() -> None:
    raw = np.zeros((479, 720, 3), np.uint8)
    raw[:, :330] = (255, 0, 0)  # north is left in the archive
    raw[:210, 400:] = (0, 255, 0)  # west is top
    processed = process(raw, camera())
    assert processed[2, 64].tolist() == [255, 0, 0]
    assert processed[120, 5].tolist() == [0, 255, 0]
    assert processed[120, 120].tolist() == [0, 0, 0]


def test_decoding_is_libjpeg_turbos_default() -> None:
    data = jpeg(NOISE)
    pillow = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    np.testing.assert_array_equal(decode(data, camera()), pillow)


GOOD = jpeg(NOISE)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(GOOD[: len(GOOD) // 2], id="cut off"),
        pytest.param(GOOD[:-2], id="without end marker"),
        pytest.param(b"<html>404 Not Found</html>", id="HTML"),
        pytest.param(GOOD[:2] + b"\0\0\0" + GOOD[2:], id="bytes before a marker"),
        pytest.param(GOOD[:60_000] + b"\xff\xd4" + GOOD[60_002:], id="a marker in the middle"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(100), id="PNG"),
    ],
)
def test_what_libjpeg_complains_about_is_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableImage):
        decode(data, camera())


def pillow_jpeg(mode: str, size: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(jpeg(NOISE[:100, :100]), id="smaller"),
        pytest.param(pillow_jpeg("L", (720, 479)), id="grey"),
        pytest.param(pillow_jpeg("CMYK", (720, 479)), id="four colours"),
        pytest.param(jpeg(np.rot90(NOISE)), id="turned"),
    ],
)
def test_another_size_or_number_of_colours_is_wrong_geometry(data: bytes) -> None:
    with pytest.raises(WrongGeometry):
        decode(data, camera())


def test_a_small_image_that_is_cut_off_is_unreadable_first() -> None:
    with pytest.raises(UnreadableImage):
        decode(jpeg(NOISE[:100, :100])[:-2], camera())


def test_a_giant_image_is_refused_before_it_is_decoded() -> None:
    data = bytearray(simplejpeg.encode_jpeg(np.zeros((16, 16, 3), np.uint8)))
    start = data.index(b"\xff\xc0")  # the frame header: length, precision, height, width
    data[start + 5 : start + 9] = (65_000).to_bytes(2, "big") * 2
    with pytest.raises(WrongGeometry, match="65000"):
        decode(bytes(data), camera())


def test_bytes_after_the_end_marker_do_no_harm() -> None:
    np.testing.assert_array_equal(decode(GOOD + b"trailer", camera()), decode(GOOD, camera()))


def test_decoding_into_a_buffer_changes_nothing() -> None:
    buffer = buffer_for(camera())
    assert buffer.ctypes.data % 2 == 1  # else some of its rows are written past the caches
    assert np.shares_memory(decode(GOOD, camera(), buffer), buffer)
    np.testing.assert_array_equal(buffer, decode(GOOD, camera()))
    with pytest.raises(WrongGeometry):  # not "buffer too small"
        decode(jpeg(np.zeros((1000, 1000, 3), np.uint8)), camera(), buffer)
    with pytest.raises(WrongGeometry):
        decode(pillow_jpeg("CMYK", (720, 479)), camera(), buffer)


def test_exif_orientation_is_ignored() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.fromarray(NOISE).save(buffer, "JPEG", quality=90, exif=exif)
    assert decode(buffer.getvalue(), camera()).shape == (479, 720, 3)
