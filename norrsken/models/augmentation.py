"""Random changes of training frames that keep what defines the classes.

Frames are flipped east-west, turned by small angles and made brighter or darker. They are not turned by 90°, because
arcs are east-west, and their hue is not changed, because of colored aurora.
"""

import math

import torch
from torch import Tensor, nn

#: The largest rotation, in degrees: magnetic north wanders by less over the frame and from camera to camera.
ROTATION = 10.0

#: Brightness is changed by up to this share: exposures and transparency differ by more than that from night to night.
BRIGHTNESS = 0.1


def augment(frames: Tensor, random: torch.Generator) -> Tensor:
    """Flip half of the frames; turn each, and make it brighter or darker: (n, 3, h, w) uint8 → float 0…255."""
    n, device = len(frames), frames.device
    flip, turn, brightness = torch.rand(3, n, generator=random, device=device)
    sign = torch.where(flip < 0.5, -1.0, 1.0)
    angle = math.radians(ROTATION) * (2 * turn - 1)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros(n, device=device)
    matrix = torch.stack([sign * cos, -sin, zero, sign * sin, cos, zero], dim=1).view(n, 2, 3)
    grid = nn.functional.affine_grid(matrix, list(frames.shape), align_corners=False)
    turned = nn.functional.grid_sample(frames.float(), grid, padding_mode="reflection", align_corners=False)
    changed: Tensor = turned * (1 + BRIGHTNESS * (2 * brightness - 1)).view(n, 1, 1, 1)
    return changed
