"""PNG files of cameras: every chunk's checksum is checked, so that a damaged file is not read as half a picture."""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


class PngError(ValueError):
    """The file is damaged, or no PNG; why, in a few words."""


class PngHeader(NamedTuple):
    """What a PNG says of itself. bits: of a channel. palette: whether its channel are numbers of colours."""

    width: int
    height: int
    bits: int
    channels: int
    palette: bool


def png_header(data: bytes) -> PngHeader:
    """The header of a PNG, of which all chunks are whole. Raises `PngError` otherwise; no pixel is decoded."""
    header = None
    for kind, body in _chunks(data):
        if header is None:
            if kind != b"IHDR" or len(body) != 13:
                raise PngError("PNG without a header")
            width, height, bits, colour, *_ = struct.unpack(">IIBBBBB", body)
            if colour not in _COLOUR_TYPES or 0 in (width, height):
                raise PngError("PNG with a damaged header")
            header = PngHeader(width, height, bits, _COLOUR_TYPES[colour], colour == 3)
        if kind == b"IEND":
            return header
    raise PngError("PNG without its end")


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and content of the chunks of a PNG, to the last whole one."""
    view, place = memoryview(data), len(SIGNATURE)
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        end = place + 8 + length
        if end + 4 > len(data):
            return
        if struct.unpack_from(">I", data, end)[0] != zlib.crc32(view[place + 4 : end]):
            raise PngError("PNG with a damaged chunk")
        yield data[place + 4 : place + 8], view[place + 8 : end]
        place = end + 4


def decode_png(data: bytes) -> NDArray[np.uint8]:
    """The pixels of a PNG of 8 bits, (height, width[, channels]) uint8; its EXIF orientation is ignored.

    The caller has looked at its header: see `png_header`. Raises `PngError` where it cannot be decoded.
    """
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            picture.load()
            return np.asarray(picture, np.uint8)
    except (OSError, SyntaxError, ValueError, EOFError, UnidentifiedImageError, struct.error, zlib.error) as error:
        raise PngError(f"damaged PNG: {type(error).__name__}") from None
