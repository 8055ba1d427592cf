"""A frame brought to the reference grid: every camera with a lens gives the picture that Kiruna's would have given.

It takes the place of the four steps of Kvammen et al. (2020, section 2.1): the median against single bright pixels, the
mean of blocks and the crop north up become the same median, the same mean and one look-up of each cell of the grid. For
Kiruna's own lens the result is that of the four steps, to the bit.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from numpy.typing import NDArray

from norrsken.config.base import ConfigError
from norrsken.config.lens import KIRUNA_LENS
from norrsken.config.site import CROP, Camera
from norrsken.lens import CAMERAS_KEPT, CELL, grid_in_frame

Image = NDArray[np.uint8]

#: The median is taken where a cell of the grid is at least so many pixels wide; elsewhere it would take forms away.
_MEDIAN_FROM = 1.5


@dataclass(frozen=True, eq=False)
class Filling:
    """How cells under the mask are filled: so that each is the mean of its neighbours in the grid (Laplace's equation).

    cells: the masked cells that have neighbours to be filled from, (m,) indices into the flat grid. edge: the (m, 128²)
    matrix of their unmasked neighbours. solver: the factorised equations.
    """

    cells: NDArray[np.intp]
    edge: scipy.sparse.csr_array
    solver: scipy.sparse.linalg.SuperLU

    def fill(self, image: Image) -> None:
        """Fill the masked cells of a (128, 128, 3) picture in place."""
        flat = image.reshape(-1, 3)
        flat[self.cells] = np.rint(self.solver.solve(self.edge @ flat.astype(np.float64)))


@dataclass(frozen=True, eq=False)
class Regridding:
    """What brings the frames of a camera to the grid, made once.

    part: the rows and columns of the archived frame that reach the grid, whole blocks. block: pixels of a block's side.
    median: whether it is taken. maps: where the cells are among the blocks of the part, as `cv2.remap` wants it. blank:
    the cells outside the picture or, where they cannot be filled, under the mask, (128, 128). outside: the share of all
    cells that are outside the picture or under the mask.
    """

    part: tuple[slice, slice]
    block: int
    median: bool
    maps: tuple[NDArray[np.int16], NDArray[np.uint16]]
    blank: NDArray[np.bool_]
    filling: Filling | None
    outside: float

    def __call__(self, frame: Image) -> Image:
        """The picture on the reference grid: (height, width, 3) → (128, 128, 3) uint8."""
        blocks = averaged(frame, self.part, self.block, self.median)
        image = np.asarray(cv2.remap(blocks, *self.maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)
        if self.filling is not None:
            self.filling.fill(image)
        image[self.blank] = 0
        return image


def averaged(frame: Image, part: tuple[slice, slice], block: int, median: bool = True) -> Image:
    """The means of the blocks of a part of a frame, after the 3 × 3 median where it is asked for: (n, m, 3) uint8.

    part: rows and columns, whole blocks. The result is that of the whole frame, to the bit.
    """
    rows, columns = part
    if not median:
        return _block_mean(frame[rows, columns], block)
    # The median needs one more pixel around; at the frame's edge OpenCV replicates it, as for the whole frame.
    top, left = max(rows.start - 1, 0), max(columns.start - 1, 0)
    smooth = cv2.medianBlur(frame[top : rows.stop + 1, left : columns.stop + 1], 3)
    inner = smooth[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return _block_mean(np.asarray(inner, np.uint8), block)


def _block_mean(part: Image, block: int) -> Image:
    """Mean of block × block pixels, rounded half up: (n block, m block, 3) → (n, m, 3)."""
    if block == 1:
        return part
    rows, columns = part.shape[0] // block, part.shape[1] // block
    if block == 2:  # OpenCV's area mean computes (a + b + c + d + 2) >> 2 for this factor, and for this factor only
        return np.asarray(cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
    sums = part.reshape(rows, block, columns, block, 3).sum(axis=(1, 3), dtype=np.uint32)
    return np.asarray((2 * sums + block * block) // (2 * block * block), np.uint8)


@lru_cache(CAMERAS_KEPT)
def regridding(camera: Camera, up: float) -> Regridding:
    """What brings the frames of a camera with a lens to the grid. up: the azimuth at the grid's top, degrees.

    Raises `ConfigError` where the camera's mask is a file that cannot be read or is not of the frame's size.
    """
    lens = camera.lens
    if lens is None:
        raise ValueError("the camera has no lens")
    cell = CELL * lens.scale / KIRUNA_LENS.scale  # pixels
    block, median = max(1, round(cell)), cell >= _MEDIAN_FROM
    x, y = grid_in_frame(lens, up)
    in_picture = (np.abs(x - (camera.width - 1) / 2) <= camera.width / 2) & (
        np.abs(y - (camera.height - 1) / 2) <= camera.height / 2
    )
    # A block's coordinate is that of its middle.
    column, row = ((a - (block - 1) / 2) / block for a in (x, y))
    rows, columns = (_reach(a[in_picture], n // block) for a, n in ((row, camera.height), (column, camera.width)))
    masked = _masked(camera, block, median, column, row) & in_picture
    filling, unfilled = _filling(masked, in_picture & ~masked)
    maps = cv2.convertMaps(
        (column - columns.start).astype(np.float32), (row - rows.start).astype(np.float32), cv2.CV_16SC2
    )
    return Regridding(
        part=(_times(rows, block), _times(columns, block)),
        block=block,
        median=median,
        maps=(np.asarray(maps[0], np.int16), np.asarray(maps[1], np.uint16)),
        blank=~in_picture | unfilled,
        filling=filling,
        outside=float((masked | ~in_picture).mean()),
    )


def _reach(places: NDArray[np.float64], blocks: int) -> slice:
    """The blocks that places between them need, of so many."""
    return slice(max(int(np.floor(places.min())), 0), min(int(np.floor(places.max())) + 2, blocks))


def _times(blocks: slice, block: int) -> slice:
    return slice(blocks.start * block, blocks.stop * block)


def _masked(
    camera: Camera, block: int, median: bool, column: NDArray[np.float64], row: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """The cells in which anything of the mask would be seen: (128, 128). column, row: where they are, in blocks."""
    masked = mask_of(camera)
    if masked is None:
        return np.zeros((CROP, CROP), np.bool_)
    mask = masked.astype(np.uint8)
    if median:  # it carries what is under the mask a pixel farther
        mask = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    height, width = (side // block for side in mask.shape)
    blocks = mask[: height * block, : width * block].reshape(height, block, width, block).max(axis=(1, 3))
    seen = cv2.remap(
        blocks.astype(np.float32),
        column.astype(np.float32),
        row.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(seen > 1e-3)


@lru_cache(CAMERAS_KEPT)
def mask_of(camera: Camera) -> NDArray[np.bool_] | None:
    """What the camera's mask covers of the archived frame, (height, width); None where it has none.

    Raises `ConfigError` where the mask is a file that cannot be read or is not of the frame's size.
    """
    if camera.mask is None:
        return None
    if isinstance(camera.mask, str):
        picture = cv2.imread(camera.mask, cv2.IMREAD_GRAYSCALE)
        if picture is None:
            raise ConfigError(f"mask {camera.mask}: the file is not there, or no picture")
        if picture.shape != (camera.height, camera.width):
            raise ConfigError(
                f"mask {camera.mask}: {picture.shape[1]} × {picture.shape[0]} pixels; expected those of the frame, "
                f"{camera.width} × {camera.height}"
            )
        return np.asarray(picture > 0)
    mask = np.zeros((camera.height, camera.width), np.bool_)
    for left, top, right, bottom in camera.mask:
        mask[top : bottom + 1, left : right + 1] = True
    return mask


def _filling(masked: NDArray[np.bool_], seen: NDArray[np.bool_]) -> tuple[Filling | None, NDArray[np.bool_]]:
    """How masked cells are filled from seen ones, and the masked cells that touch none, even through others."""
    _, areas = cv2.connectedComponents(masked.astype(np.uint8), connectivity=4)
    beside = cv2.dilate(seen.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))) > 0
    fillable = masked & np.isin(areas, areas[masked & beside])
    cells = np.flatnonzero(fillable)
    if len(cells) == 0:
        return None, masked
    number = np.full(masked.size, -1)
    number[cells] = np.arange(len(cells))
    row, column = np.divmod(cells, CROP)
    neighbours = np.zeros(len(cells))
    inner: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
    outer: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
    for down, right in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        at_row, at_column = row + down, column + right
        there = (at_row >= 0) & (at_row < CROP) & (at_column >= 0) & (at_column < CROP)
        at = np.where(there, at_row * CROP + at_column, 0)
        for kind, pairs in ((fillable, inner), (seen, outer)):
            is_kind = there & kind.ravel()[at]
            neighbours += is_kind
            pairs.append((np.flatnonzero(is_kind), at[is_kind]))
    of_inner, of_outer = (tuple(map(np.concatenate, zip(*pairs, strict=True))) for pairs in (inner, outer))
    own = np.arange(len(cells))
    equations = scipy.sparse.csc_array(
        (
            np.concatenate([neighbours, -np.ones(len(of_inner[0]))]),
            (np.concatenate([own, of_inner[0]]), np.concatenate([own, number[of_inner[1]]])),
        ),
        shape=(len(cells), len(cells)),
    )
    edge = scipy.sparse.csr_array((np.ones(len(of_outer[0])), of_outer), shape=(len(cells), masked.size))
    return Filling(cells, edge, scipy.sparse.linalg.splu(equations)), masked & ~fillable
