"""From the bytes of an archived picture to the processed frame: the four steps of Kvammen et al. 2020, section 2.1, or
the same for a camera whose lens is known.
"""

import os
import re

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from norrsken.colour import to_reference
from norrsken.config.site import CROP, Camera
from norrsken.lens import grid_in_frame
from norrsken.nights.grid import averaged, regridding
from norrsken.nights.png import SIGNATURE, PngError, decode_png, png_header

Image = NDArray[np.uint8]

#: Larger files and images are not read or decoded: no camera makes them, and they would fill the memory.
MAX_FILE_BYTES = 64 * 2**20
MAX_PIXELS = 64 * 10**6

#: (rotate, flip) of a camera → whether rows and columns change places, and then OpenCV's code of a flip: 0 upside down,
#: 1 east-west, -1 both. A rotation and a flip one after the other take three passes where one or two will do.
_TURNS: dict[tuple[int, bool], tuple[bool, int | None]] = {
    (0, False): (False, None),
    (0, True): (False, 1),
    (90, False): (True, 1),
    (90, True): (True, None),
    (180, False): (False, -1),
    (180, True): (False, 0),
    (270, False): (True, 0),
    (270, True): (True, -1),
}
_COLOURSPACES = {"YCbCr": "RGB", "RGB": "RGB", "Gray": "GRAY", "CMYK": "CMYK", "YCCK": "CMYK"}


#: Why a picture of so many channels is no colour frame; three equal ones of a grey sky are one.
_CHANNELS = {1: "grey: one channel, not three", 2: "grey with transparency", 4: "four channels, not three"}


class UnreadableImage(ValueError):
    """The file is no decodable JPEG or PNG: empty, damaged, without end, or something else; why, in a few words."""


class WrongGeometry(ValueError):
    """The file is a readable picture, but not of the camera's size, or not of three colours of 8 bits; which it is."""


def read_frame(path: str | os.PathLike[str], camera: Camera, buffer: Image | None = None) -> Image:
    """Read and decode an archived picture: see `decode`. Raises `OSError` where the file cannot be read."""
    with open(path, "rb", buffering=0) as file:
        if os.fstat(file.fileno()).st_size > MAX_FILE_BYTES:
            raise UnreadableImage("too large for a frame")
        return decode(file.readall(), camera, buffer)


def buffer_for(camera: Camera) -> Image:
    """Memory to decode a camera's frames into, one after the other: (height, width, 3).

    It begins at an odd address. On x86 processors libjpeg-turbo seems to write rows that begin at a multiple of 32
    bytes past the caches: decoding and all later steps were measured to be slower with them.
    """
    pixels = camera.height * camera.width * 3
    return np.empty(pixels + 1, np.uint8)[1:].reshape(camera.height, camera.width, 3)


def decode(data: bytes, camera: Camera, buffer: Image | None = None) -> Image:
    """Decode a JPEG, as libjpeg-turbo does by default, or a PNG: (height, width, 3) uint8 RGB, as archived.

    buffer: an array of that shape to decode into; new memory for every frame costs half as much as its decoding.
    EXIF orientation is ignored. Raises `UnreadableImage` at any warning of libjpeg and any damage of a PNG,
    `WrongGeometry` for another size or number of colours. The first bytes tell the format, not the file's name.
    """
    if not data:
        raise UnreadableImage("an empty file")
    if data.startswith(SIGNATURE):
        return _decode_png(data, camera)
    if not data.startswith(b"\xff\xd8"):
        raise UnreadableImage("neither JPEG nor PNG")
    try:
        height, width, colourspace, _ = simplejpeg.decode_jpeg_header(data)
        if width * height > MAX_PIXELS:
            raise _wrong_size(width, height, camera)
        colours = _COLOURSPACES[colourspace]
        target = buffer if (height, width, colours) == (camera.height, camera.width, "RGB") else None
        frame: Image = simplejpeg.decode_jpeg(data, colours, strict=True, buffer=target)
    except WrongGeometry:
        raise
    except (ValueError, KeyError) as error:
        raise UnreadableImage(_without_numbers(str(error))) from None
    _check(width, height, frame.shape[2], camera)
    return frame


def _decode_png(data: bytes, camera: Camera) -> Image:
    """Decode a PNG of three colours of 8 bits; the errors are those of `decode`."""
    try:
        header = png_header(data)
        if header.width * header.height > MAX_PIXELS:
            raise _wrong_size(header.width, header.height, camera)
        if header.bits > 8:
            raise WrongGeometry(f"{header.bits} bits a colour, not 8")
        if header.palette:
            raise WrongGeometry("a palette, not three channels")
        frame = decode_png(data)
    except PngError as error:
        raise UnreadableImage(str(error)) from None
    _check(header.width, header.height, header.channels, camera)
    return frame


def _check(width: int, height: int, channels: int, camera: Camera) -> None:
    """Raise `WrongGeometry` where a picture is none of the camera's."""
    if channels != 3:
        raise WrongGeometry(_CHANNELS[channels])
    if (width, height) != (camera.width, camera.height):
        raise _wrong_size(width, height, camera)


def _wrong_size(width: int, height: int, camera: Camera) -> WrongGeometry:
    return WrongGeometry(f"{width} × {height} pixels, not {camera.width} × {camera.height}")


def _without_numbers(message: str) -> str:
    """What libjpeg says without its numbers, so that equal damages can be counted."""
    return re.sub(r"\b(?:0x[0-9a-f]+|\d+)\b", "…", message.splitlines()[0] if message else "damaged", flags=re.I)[:80]


def process(frame: Image, camera: Camera, up: float = 0.0) -> Image:
    """The processed frame: (height, width, 3) → (128, 128, 3) uint8.

    With a lens it is brought to the reference grid, whose top is the azimuth `up`, degrees: see `nights.grid`. Without
    one these are the four steps: turn north up, 3 × 3 median, mean of blocks, crop. Colours are mapped where the
    camera says so.
    """
    image = _four_steps(frame, camera) if camera.lens is None else regridding(camera, up)(frame)
    return to_reference(image, camera) if camera.colour is not None else image


def _four_steps(frame: Image, camera: Camera) -> Image:
    """The four steps of a camera without a lens.

    Median and block mean do not care about direction, so they work on the archived orientation and only on the
    part that reaches the crop; the small result is turned at the end. The result equals that of the
    whole frame to the bit.
    """
    return turn(averaged(frame, crop_in_archive(camera), camera.blocks), camera)


def crop_outline(camera: Camera, up: float) -> NDArray[np.float64]:
    """The edge of the processed frame in the archived one, x and y in pixels, clockwise in the processed: (n, 2)."""
    if camera.lens is None:
        rows, columns = crop_in_archive(camera)
        (left, right), (top, bottom) = ((side.start - 0.5, side.stop - 0.5) for side in (columns, rows))
        return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    x, y = grid_in_frame(camera.lens, up)
    return np.concatenate([np.stack([np.rot90(x, k)[0, :-1], np.rot90(y, k)[0, :-1]], axis=1) for k in range(4)])


def outside(camera: Camera, up: float) -> float:
    """The share of the processed frame that lies outside the picture or under the mask; 0 without a lens."""
    return 0.0 if camera.lens is None else regridding(camera, up).outside


def upright(frame: Image, camera: Camera, up: float = 0.0) -> Image:
    """A whole frame with the azimuth `up` at the top and east right; the sky is as large as in the archived one.

    With a lens it is a square that the horizon circle fills, turned around the middle of that circle.
    """
    lens = camera.lens
    if lens is None:
        return turn(frame, camera)
    side = 2 * round(lens.horizon) + 1
    top = np.radians(lens.north + lens.sense * up)
    right, down = np.cos(top) * lens.sense, np.sin(top) * lens.sense
    to_frame = np.array([[right, -np.sin(top), lens.centre[0]], [down, np.cos(top), lens.centre[1]]])
    to_frame[:, 2] -= to_frame[:, :2] @ [side // 2, side // 2]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(frame, to_frame, (side, side), flags=flags), np.uint8)


def turn(frame: Image, camera: Camera) -> Image:
    """Step 1: rotate clockwise, then flip east-west, so that north is up and east right."""
    transposed, flip = _TURNS[camera.rotate or 0, bool(camera.flip)]
    if transposed:
        frame = np.asarray(cv2.transpose(frame), np.uint8)
    return frame if flip is None else np.asarray(cv2.flip(frame, flip), np.uint8)


def first_block(pixels: int, block: int) -> int:
    """First block of the crop on a side of n pixels: round((n / block − 128) / 2), halves up."""
    return (pixels - CROP * block + block) // (2 * block)


def crop_in_archive(camera: Camera) -> tuple[slice, slice]:
    """Rows and columns of the archived frame under the crop; blocks count from the turned frame's corner."""
    swapped = camera.rotate in (90, 270)
    height, width = (camera.width, camera.height) if swapped else (camera.height, camera.width)
    side = CROP * camera.blocks
    top, left = (first_block(pixels, camera.blocks) * camera.blocks for pixels in (height, width))
    row, column = map(round, place_in_archive(top, left, camera, side))
    return slice(row, row + side), slice(column, column + side)


def place_in_archive(row: float, column: float, camera: Camera, side: int = 1) -> tuple[float, float]:
    """Row and column in the archived frame of the upper left corner of a square in the turned one.

    side: of the square, pixels; 1: it is a pixel, or a place between pixels' middles.
    """
    swapped = camera.rotate in (90, 270)
    height, width = (camera.width, camera.height) if swapped else (camera.height, camera.width)
    # Undo the flip, then the rotation.
    if camera.flip:
        column = width - side - column
    match camera.rotate:
        case 90:
            return width - side - column, row
        case 180:
            return height - side - row, width - side - column
        case 270:
            return column, height - side - row
        case _:
            return row, column
