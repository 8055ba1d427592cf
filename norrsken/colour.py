"""Colours of a camera brought to those of the reference camera, Kiruna's, in linear light.

Kvammen et al. (2020, section 4) say that other cameras' colours must be adapted before their classifier may be used.
"""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from norrsken.config.colour import DEFAULT_TONE, REFERENCE_RESPONSE, Response, Tone, by_line
from norrsken.config.site import Camera
from norrsken.lens import CAMERAS_KEPT

Image = NDArray[np.uint8]
Field = NDArray[np.float32]

#: Steps of light, from 0 to 1, for which the reference camera's level is looked up. From level 4 on, which is darker
#: than any sky, a level is more than a step wide.
_STEPS = 2**16


def light_of_levels(tone: Tone) -> Field:
    """The light, 0…1, of each level from 0 to 255: (256,) float32."""
    levels = np.arange(256)
    if isinstance(tone, list):
        at, light = np.array(tone).T
        return np.asarray(np.interp(levels, at, light), np.float32)
    return np.asarray((levels / 255) ** tone, np.float32)


def response_matrix(response: Response) -> NDArray[np.float64]:
    """Red, green and blue (rows) that a camera sees of the lines 427.8, 557.7 and 630.0 nm (columns): (3, 3)."""
    return np.array(by_line(response), np.float64).T


def matrix_to_reference(camera: Camera) -> NDArray[np.float64]:
    """The 3 × 3 matrix from the camera's linear red, green and blue to those of the reference camera.

    It maps what the one sees of the three auroral lines to what the other sees of them. Where the response has one
    number a line, only each line's own colour is scaled.
    """
    if camera.colour != "response":
        return np.array(camera.colour or np.eye(3), np.float64)
    reference = REFERENCE_RESPONSE
    if not any(isinstance(value, tuple) for value in camera.response.values()):
        own = response_matrix(REFERENCE_RESPONSE).max(axis=0).tolist()
        reference = dict(zip(REFERENCE_RESPONSE, own, strict=True))
    return np.asarray(response_matrix(reference) @ np.linalg.inv(response_matrix(camera.response)))


def to_reference(image: Image, camera: Camera) -> Image:
    """A picture in the reference camera's colours: (n, m, 3) uint8 → the same. What is below 0 or above 1 is cut."""
    light, matrix, levels = _tables(camera)
    mapped = cv2.transform(cv2.LUT(image, light), matrix)
    steps = np.clip(np.rint(mapped * (_STEPS - 1)), 0, _STEPS - 1).astype(np.uint16)
    return np.asarray(levels[steps], np.uint8)


@lru_cache(CAMERAS_KEPT)
def _tables(camera: Camera) -> tuple[Field, Field, Image]:
    """The light of each level of the camera, its matrix, and the reference camera's level of each step of light."""
    levels = np.rint(255 * np.linspace(0, 1, _STEPS) ** (1 / DEFAULT_TONE)).astype(np.uint8)
    return light_of_levels(camera.tone), matrix_to_reference(camera).astype(np.float32), levels
