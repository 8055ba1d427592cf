"""Frames as they would be if something were wrong with camera, site or archive: ten changes of five strengths.

The idea is ImageNet-C (Hendrycks & Dietterich 2019, arXiv 1903.12261): a fixed list of changes, each from what often
happens (strength 1) to what breaks (strength 5). The changes here are those of all-sky cameras. ImageNet-C asks that no
model is trained on them; here a network that is trained through random cameras has met weak ones of most kinds.

Frames are processed ones, (128, 128, 3) uint8, of which a pixel is 2 × 2 pixels of Kiruna's archived frame after a
3 × 3 median. What happens before the processing (JPEG, noise, hot pixels) is done to a frame of 256 × 256 pixels, which
then goes through the median and the mean of blocks; the frame gets the difference that is left of it. So it shows what
the processing leaves of the trouble, and a frame to which nothing happened stays as it is. What happens to light is
done in linear light, by the reference camera's tone. What the frame does not hold cannot come back: levels that were
cut at 0 or 255 stay cut, the sky beyond the crop is its mirror image, and a frame carries the noise and the JPEG of its
own archive besides.

Each frame has its own random numbers, by its id: the same frame changes in the same way in each batch and run, and
stronger changes are more of the same. Where a change has two sides (darker or brighter), half of the frames go to each.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from norrsken.colour import light_of_levels
from norrsken.config.colour import DEFAULT_TONE
from norrsken.config.lens import KIRUNA_LENS
from norrsken.config.site import CROP
from norrsken.lens import CELL, ZENITH
from norrsken.nights.grid import averaged

Frame = NDArray[np.uint8]
Light = NDArray[np.float32]
Random = np.random.Generator

#: Degrees of the sky that a pixel of the processed frame spans at the zenith: 0.71.
DEGREES = float(np.degrees(CELL / KIRUNA_LENS.scale))

STRENGTHS = 5

_LIGHT = light_of_levels(DEFAULT_TONE)

#: Electrons of a pixel's read-out, deviation: a guess of what colour cameras have.
_READ_NOISE = 5.0

#: The light of haze, red, green and blue, in shares of the frame's mean light: it scatters that of the sky, and as much
#: again from the ground, which is as orange-brown as overcast over a town.
_HAZE = np.array([2.4, 2.0, 1.4], np.float32)

#: What lies on the dome gives so much of the frame's mean light, and has so soft an edge, pixels: it is out of focus.
_COVER_LIGHT, _COVER_EDGE = 0.1, 1.5


@dataclass(frozen=True)
class Change:
    """One of the changes. unit: of the values. values: one for each strength, from 1 on. of_frame: what is done."""

    name: str
    unit: str
    values: tuple[float, ...]
    of_frame: Callable[[Frame, float, Random], Frame]

    def __call__(self, frames: Frame, frame_ids: Sequence[str], strength: int) -> Frame:
        """Changed frames: (n, 128, 128, 3) uint8 → the same. strength: 1 to 5. frame_ids: n, seeds of the change."""
        value = self.values[strength - 1]
        return np.stack(
            [
                self.of_frame(frame, value, _random(self.name, name))
                for frame, name in zip(frames, frame_ids, strict=True)
            ]
        )


def _random(change: str, frame_id: str) -> Random:
    """The random numbers of a frame for a change, whatever its strength."""
    digest = hashlib.sha256(f"{change} {frame_id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8]))


def jpeg(frame: Frame, quality: float, random: Random) -> Frame:
    """JPEG of a lower quality (of libjpeg, 1 to 100, colours at half the resolution).

    Cameras write 75 to 95; archives are compressed again to save room or for the web. The blocks are those of the
    archived frame, 4 × 4 pixels here: a compressed frame of 128 × 128 pixels would look far worse.
    """

    def compressed(archived: Frame) -> Frame:
        data = simplejpeg.encode_jpeg(archived, quality=int(quality), colorsubsampling="420")
        return np.asarray(simplejpeg.decode_jpeg(data), np.uint8)

    return _before_processing(frame, compressed)


def blur(frame: Frame, width: float, random: Random) -> Frame:
    """Light spread by a Gaussian of this deviation, pixels: out of focus, or dew or ice on the dome.

    A lens that has lost its focus in the cold is 1 to 2 pixels wide; a frozen dome shows no forms any more.
    """
    return levels_of(cv2.GaussianBlur(light_of(frame), (0, 0), width, borderType=cv2.BORDER_REFLECT_101))


def noise(frame: Frame, electrons: float, random: Random) -> Frame:
    """Noise of photons (Poisson, as a normal distribution) and of the read-out (5 electrons).

    electrons: that a pixel of the archived frame has where its level is 255. They become fewer when the sky gets darker
    and the gain is raised for it, or with a smaller lens or a shorter exposure: each halving is one stop of ISO. The
    median and the mean of blocks take about two thirds of the noise away.
    """
    drawn = random.standard_normal((CELL * CROP, CELL * CROP, 3), np.float32)

    def noisy(archived: Frame) -> Frame:
        light = light_of(archived)
        return levels_of(light + drawn * np.sqrt(light / electrons + (_READ_NOISE / electrons) ** 2))

    return _before_processing(frame, noisy)


def hot_pixels(frame: Frame, percent: float, random: Random) -> Frame:
    """Pixels of the sensor that shine in the dark, per cent of all, each of one colour and of any level.

    An old or warm sensor has some. The camera spreads each of them over its neighbours when it makes colours of the
    mosaic (bilinear: half to the sides, a quarter to the corners); so the median lowers it, and does not take it away.
    """
    side = CELL * CROP
    places, colours, light = random.permutation(side**2), random.integers(3, size=side**2), random.random(side**2)
    some = slice(round(percent / 100 * side**2))
    hot = np.zeros((side**2, 3), np.float32)
    hot[places[some], colours[some]] = light[some]
    aside = np.array([0.5, 1, 0.5], np.float32)
    spread = cv2.sepFilter2D(hot.reshape(side, side, 3), -1, aside, aside)
    return _before_processing(frame, lambda archived: levels_of(light_of(archived) + spread))


def brightness(frame: Frame, stops: float, random: Random) -> Frame:
    """More or less light by so many stops, to either side: another exposure or gain, frost, an old dome.

    Kiruna's exposures of 2 to 6 s differ by 1.6 stops.
    """
    return levels_of(light_of(frame) * np.float32(2 ** (_side(random) * stops)))


def white_balance(frame: Frame, factor: float, random: Random) -> Frame:
    """Red times a factor and blue divided by it, or the other way round: another setting of the white balance.

    The factors are about 24, 46, 84, 133 and 197 mired (a change of 10⁶ K / T, from a black body at 600 and 450 nm);
    daylight and tungsten, the presets of cameras, lie about 140 mired apart.
    """
    gain = factor ** _side(random)
    return levels_of(light_of(frame) * np.array([gain, 1, 1 / gain], np.float32))


def rotation(frame: Frame, degrees: float, random: Random) -> Frame:
    """The sky turned about the zenith, to either side: north was measured badly, or the camera was mounted askew.

    Corners of the frame show the mirrored sky where there is nothing else.
    """
    matrix = cv2.getRotationMatrix2D((ZENITH, ZENITH), _side(random) * degrees, 1)
    turned = cv2.warpAffine(frame, matrix, (CROP, CROP), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(turned, np.uint8)


def shift(frame: Frame, pixels: float, random: Random) -> Frame:
    """The sky moved by whole pixels towards one of the four sides: the zenith is not where it is said to be.

    A camera that leans by some degrees does this, and one that was knocked. The side that comes free shows the mirrored
    sky.
    """
    by, (axis, towards) = int(pixels), divmod(int(random.integers(4)), 2)
    widths = [(0, 0)] * 3
    widths[axis] = (by, 0) if towards else (0, by)
    padded = np.pad(frame, widths, mode="reflect")
    start = [0, 0]
    start[axis] = 0 if towards else by
    return padded[start[0] : start[0] + CROP, start[1] : start[1] + CROP]


def haze(frame: Frame, share: float, random: Random) -> Frame:
    """A veil of scattered light before this share of the sky's: its contrast falls, and dark sky is lifted.

    Light L becomes (1 − a) L + a A (Koschmieder 1924). A is twice the mean light of the frame: the haze scatters the
    light of the sky, and sends back that of the ground, of a town or of snow under aurora.
    """
    light = light_of(frame)
    veil = light.mean() * _HAZE
    return levels_of(light + np.float32(share) * (veil - light))


def cover(frame: Frame, share: float, random: Random) -> Frame:
    """This share of the frame covered from one side inwards, by snow on the dome, a building, a hand.

    The side is drawn, and the edge is straight and a little soft, since the dome is out of focus. The frame ends 47°
    from the zenith (68° in its corners), so more of the dome is covered: all that lies beyond that edge.
    """
    angle = 2 * np.pi * random.random()
    row, column = np.mgrid[:CROP, :CROP] - ZENITH
    along = np.cos(angle) * column + np.sin(angle) * row
    over = cv2.GaussianBlur((along > np.quantile(along, 1 - share)).astype(np.float32), (0, 0), _COVER_EDGE)
    light = light_of(frame)
    dark = np.float32(_COVER_LIGHT) * light.mean()
    return levels_of(light + over[..., None] * (dark - light))


CHANGES = (
    Change("JPEG", "quality", (80, 60, 40, 20, 10), jpeg),
    Change("blur", f"deviation, pixels of {DEGREES:.2f}°", (0.7, 1.5, 2.5, 4, 6), blur),
    Change("noise", "electrons at level 255", (8000, 2000, 1000, 500, 250), noise),
    Change("hot pixels", "% of the sensor", (0.05, 0.2, 0.5, 1.5, 4), hot_pixels),
    Change("brightness", "± stops", (0.25, 0.5, 1, 1.5, 2.5), brightness),
    Change("white balance", "factor of red, inverse of blue", (1.1, 1.2, 1.4, 1.7, 2.2), white_balance),
    Change("rotation", "± degrees about the zenith", (2, 5, 10, 20, 45), rotation),
    Change("shift", f"pixels of {DEGREES:.2f}°", (1, 3, 6, 12, 24), shift),
    Change("haze", "share of the veil", (0.1, 0.25, 0.4, 0.6, 0.8), haze),
    Change("cover", "share of the frame", (0.05, 0.1, 0.2, 0.35, 0.5), cover),
)


def _side(random: Random) -> int:
    """1 or −1."""
    return 1 if random.random() < 0.5 else -1


def levels_of(light: NDArray[np.floating]) -> Frame:
    """The levels of light, cut at 0 and 1."""
    levels: Frame = np.rint(255 * cv2.pow(np.clip(light, 0, 1), 1 / DEFAULT_TONE)).astype(np.uint8)
    return levels


def light_of(frame: Frame) -> Light:
    """The light of levels, 0 to 1."""
    return np.asarray(cv2.LUT(frame, _LIGHT), np.float32)


def _before_processing(frame: Frame, change: Callable[[Frame], Frame]) -> Frame:
    """A frame with what the processing leaves of a change of the archived frame of 256 × 256 pixels."""
    archived = np.ascontiguousarray(frame.repeat(CELL, axis=0).repeat(CELL, axis=1))
    whole = (slice(0, CELL * CROP),) * 2
    after, before = (averaged(image, whole, CELL).astype(np.int16) for image in (change(archived), archived))
    changed: Frame = np.clip(frame + after - before, 0, 255).astype(np.uint8)
    return changed
