"""Frames as other cameras would have taken them: each training frame is seen through a camera that is drawn at random.

What is drawn comes in the order in which light becomes a picture: light of the sky, lens, sensor, tone, JPEG. Nothing
is fitted to a camera: the ranges are guesses of how colour all-sky cameras differ, and wider for `strong`.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch
from torch import Generator, Tensor, nn

from norrsken.config.colour import DEFAULT_TONE

#: Standard tables of JPEG (ITU-T T.81, annex K) for luminance; colours have about twice these steps.
_QUANTISATION = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55), (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62), (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip


@dataclass(frozen=True)
class Range:
    """How far the drawn cameras differ from the one that took the frames.

    Deviations of normal draws: response: of the numbers of a 3 × 3 matrix; balance, gain: of logarithms of each
    colour's and of all light; tone: of the exponent. Largest values of uniform draws: background: light that is added,
    in shares of full light; black: levels; vignetting: share lost in the corner; blur: pixels; noise, grain: levels of
    fine and of coarse noise; hot: share of hot pixels; angle: degrees; shift, zoom: shares of the side. quality: the
    lowest of JPEG.
    """

    response: float
    balance: float
    gain: float
    tone: float
    background: float
    black: float
    vignetting: float
    blur: float
    noise: float
    grain: float
    hot: float
    angle: float
    shift: float
    zoom: float
    quality: float


RANGES = {
    "mild": Range(
        response=0.05, balance=0.08, gain=0.15, tone=0.12, background=0.008, black=4, vignetting=0.15, blur=0.6,
        noise=2, grain=1.5, hot=0.0005, angle=1.5, shift=0.015, zoom=0.02, quality=70,
    ),
    "strong": Range(
        response=0.12, balance=0.2, gain=0.4, tone=0.3, background=0.03, black=10, vignetting=0.4, blur=1.2,
        noise=6, grain=4, hot=0.002, angle=4, shift=0.04, zoom=0.06, quality=35,
    ),
}  # fmt: skip


def seen_by_others(frames: Tensor, random: Generator, strength: Literal["mild", "strong"]) -> Tensor:
    """Each frame as a camera of its own would have taken it: (n, 3, h, w) of 0…255 → float32 of the same shape."""
    limits, n, device = RANGES[strength], len(frames), frames.device

    def uniform(*shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=random, device=device)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=random, device=device)

    light = (frames.float() / 255) ** DEFAULT_TONE
    light = _moved(light, limits, uniform(n, 4, low=-1))
    # Sky: a background that is brighter on one side, as over a town.
    ramp = _ramp(light.shape[-2:], 2 * math.pi * uniform(n), device)
    light = light + limits.background * uniform(n, 3, 1, 1) * (0.4 + 0.6 * ramp)
    # Lens and sensor.
    light = light * (1 - limits.vignetting * uniform(n, 1, 1, 1) * _radius(light.shape[-2:], device) ** 2)
    light = _blurred(light, limits.blur * uniform(n))
    colours = torch.eye(3, device=device) + limits.response * normal(n, 3, 3)
    colours = colours * torch.exp(limits.balance * normal(n, 3, 1) + limits.gain * normal(n, 1, 1))
    light = torch.einsum("nij,njhw->nihw", colours, light).clamp(0, 1)
    hot = uniform(*light.shape) < limits.hot * uniform(n, 1, 1, 1)
    light = torch.where(hot, uniform(*light.shape), light)
    # Tone, black level and noise, which is told in levels.
    exponent = DEFAULT_TONE * torch.exp(limits.tone * normal(n, 1, 1, 1) / DEFAULT_TONE)
    level = 255 * (light + 1e-6) ** (1 / exponent) + limits.black * uniform(n, 3, 1, 1, low=-1)
    level = level + limits.noise * uniform(n, 1, 1, 1) * normal(*level.shape)
    small = normal(n, 3, -(-level.shape[-2] // 3), -(-level.shape[-1] // 3))
    coarse = nn.functional.interpolate(small, size=level.shape[-2:], mode="bilinear", align_corners=False)
    level = level + limits.grain * uniform(n, 1, 1, 1) * coarse
    return compressed(level.clamp(0, 255), uniform(n, low=limits.quality, high=98)).clamp(0, 255)


def _moved(light: Tensor, limits: Range, draws: Tensor) -> Tensor:
    """Frames turned, shifted and made larger or smaller as by an error of the lens. draws: (n, 4) in [−1, 1]."""
    angle = math.radians(limits.angle) * draws[:, 0]
    scale = 1 + limits.zoom * draws[:, 1]
    cosine, sine = scale * torch.cos(angle), scale * torch.sin(angle)
    shift = 2 * limits.shift * draws[:, 2:]
    matrix = torch.stack([cosine, -sine, shift[:, 0], sine, cosine, shift[:, 1]], dim=1).view(-1, 2, 3)
    grid = nn.functional.affine_grid(matrix, list(light.shape), align_corners=False)
    return nn.functional.grid_sample(light, grid, padding_mode="border", align_corners=False)


def _ramp(size: torch.Size, towards: Tensor, device: torch.device) -> Tensor:
    """0 on one side of a frame and 1 on the other: (n, 1, h, w). towards: the direction of the brighter side."""
    y, x = (torch.linspace(-1, 1, side, device=device) for side in size)
    along = torch.cos(towards).view(-1, 1, 1, 1) * x + torch.sin(towards).view(-1, 1, 1, 1) * y[:, None]
    return (1 + along / math.sqrt(2)) / 2


def _radius(size: torch.Size, device: torch.device) -> Tensor:
    """The distance from the middle of a frame, 1 in its corners: (h, w)."""
    y, x = (torch.linspace(-1, 1, side, device=device) for side in size)
    return torch.hypot(x[None], y[:, None]) / math.sqrt(2)


def _blurred(light: Tensor, width: Tensor) -> Tensor:
    """Frames blurred by a Gaussian of a width of its own each, pixels."""
    at = torch.arange(-3, 4, device=light.device)
    kernel = torch.exp(-(at**2) / (2 * width.clamp(min=0.05)[:, None] ** 2))
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(light.shape[1], dim=0)
    merged = light.reshape(1, -1, *light.shape[-2:])
    for shape, padding in (((-1, 1, 1, 7), (3, 3, 0, 0)), ((-1, 1, 7, 1), (0, 0, 3, 3))):
        padded = nn.functional.pad(merged, padding, mode="replicate")
        merged = nn.functional.conv2d(padded, kernel.reshape(shape), groups=merged.shape[1])
    return merged.view_as(light)


def compressed(level: Tensor, quality: Tensor) -> Tensor:
    """Frames as JPEG of a quality each gives them back: cosines of blocks of 8 × 8 pixels are rounded.

    Brightness and colours are rounded apart; colours are not made coarser. Sides that are no multiple of 8 stay as they
    are in the last pixels.
    """
    n, _, height, width = level.shape
    rows, columns = height // 8, width // 8
    cosines, to_ycc = _cosines(level.device), _to_ycc(level.device)
    inside = torch.einsum("ij,njhw->nihw", to_ycc, level[..., : 8 * rows, : 8 * columns] - 128)
    blocks = inside.reshape(n, 3, rows, 8, columns, 8).transpose(3, 4)
    found = cosines @ blocks @ cosines.T
    scale = torch.where(quality < 50, 50 / quality, 2 - quality / 50)
    steps = torch.tensor(_QUANTISATION, device=level.device, dtype=level.dtype) * scale.view(-1, 1, 1, 1, 1, 1)
    steps = steps * torch.tensor([1.0, 1.8, 1.8], device=level.device).view(1, 3, 1, 1, 1, 1)
    found = torch.round(found / steps.clamp(min=1)) * steps.clamp(min=1)
    back = (cosines.T @ found @ cosines).transpose(3, 4).reshape(inside.shape)
    result = level.clone()
    result[..., : 8 * rows, : 8 * columns] = 128 + torch.einsum("ij,njhw->nihw", torch.linalg.inv(to_ycc), back)
    return result


@cache
def _cosines(device: torch.device) -> Tensor:
    """The matrix of the discrete cosine transform of 8 values."""
    k, x = torch.arange(8.0, device=device)[:, None], torch.arange(8.0, device=device)
    matrix = torch.cos((2 * x + 1) * k * math.pi / 16) / 2
    matrix[0] /= math.sqrt(2)
    return matrix


@cache
def _to_ycc(device: torch.device) -> Tensor:
    """Brightness and two colours of red, green and blue (ITU-R BT.601)."""
    rows = [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
    return torch.tensor(rows, device=device)
