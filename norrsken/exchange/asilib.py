"""A night as an `asilib.Imager`: asilib's fisheye plots, maps, keograms and satellite conjunctions then work.

asilib is installed in an environment of its own: see `docs/exchange.md`.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from norrsken import tables
from norrsken.config.observatory import Observatory
from norrsken.config.site import Camera
from norrsken.exchange.library import FIELD, ExchangeError, library
from norrsken.exchange.skymap import require_grid, skymaps
from norrsken.nights.images import UnreadableImage, WrongGeometry, read_frame
from norrsken.nights.names import camera_in_force
from norrsken.paths import NIGHTS
from norrsken.schemas import NIGHT_TABLE

Image = NDArray[np.uint8]

#: What asilib calls a loader: the times, (n,) of naive UTC, and the images, (n, height, width, 3), of a path.
Loader = Callable[[Any], tuple[NDArray[np.object_], Image]]

#: Which frames: those of the night table, or those of the archive in full size.
Images = Literal["processed", "archived"]

#: Seconds for which the frame of a night stands that has no other.
_ALONE = 60.0


class _Files(NamedTuple):
    """What asilib loads one after the other. times: of the frames in each, milliseconds since 1970."""

    paths: list[Any]
    times: list[NDArray[np.int64]]
    loader: Loader
    camera: Camera | None


def imager(
    observatory: Observatory, night: date, height: float = 110, images: Images = "processed", nights: str = NIGHTS
) -> Any:
    """An `asilib.Imager` of the kept frames of a night, with the skymap of the camera's lens.

    height: in km, at which the Imager maps, usually 90, 110 or 150. images: `processed` are those of the night table,
    128 × 128 on the reference grid, so that asilib's keogram is norrsken's; `archived` are the JPEGs in full size, read
    one at a time, turned by quarters so that north is nearest to the top. nights: the folders of the night tables, with
    `{month}`. Times are UTC without a zone, as asilib has them. Rows count from the south, since asilib draws the first
    one below; north is up and east right. Raises `ExchangeError` where nobody knows where the pixels look.
    """
    asilib = library("asilib", "exchange.asilib", FIELD)
    table = Path(nights.format(month=f"{night:%Y-%m}")) / f"{night}.parquet"
    if not table.exists():
        raise ExchangeError(f"{table}: there is no table of the night {night}; the target nights makes it")
    find = {"processed": _processed, "archived": _archived}.get(images)
    if find is None:
        raise ExchangeError(f"images is {images!r}; expected 'processed' or 'archived'")
    files = find(observatory, table)
    site = observatory.site.model_copy(update={"up": tables.frame_source(table).up})
    maps = skymaps(site, files.camera, [height])
    fields = {"az": maps.azimuth, "el": maps.elevation, "lat": maps.latitude[0], "lon": maps.longitude[0]}
    sky: dict[str, Any] = {name: _south_first(field, files.camera) for name, field in fields.items()}
    times = np.concatenate(files.times)
    cadence = _cadence(times)
    file_info = {
        "path": files.paths,
        "start_time": [_naive(one[0]) for one in files.times],
        "end_time": [_naive(end) for end in _ends(files.times, cadence)],
        "time_range": [_naive(times[0]), _naive(times[-1])],
        "loader": files.loader,
    }
    meta = {
        "array": "norrsken",
        "location": site.station,
        "lat": site.latitude,
        "lon": site.longitude,
        "alt": site.elevation / 1000,
        "cadence": cadence,
        "resolution": (*sky["az"].shape, 3),
        "colors": "rgb",
    }
    # The colours of the frame as they are: 8 bits, not stretched.
    return asilib.Imager(file_info, meta, {**sky, "alt": height}, {"color_bounds": (0, 255), "color_norm": "lin"})


def _processed(observatory: Observatory, table: Path) -> _Files:
    """The images of the night table, a row group at a time: 64 rows, 3 MB."""
    times, groups, used = list[NDArray[np.int64]](), list[int](), list[Camera]()
    source = tables.frame_source(table)
    for group, rows in _kept(table, ["time"]):
        times.append(tables.milliseconds(rows))
        groups.append(group)
        used += _cameras(source.cameras, times[-1], table)
    if not times:
        raise ExchangeError(f"{table}: no frame of this night was kept")
    require_grid(used)

    def load(group: Any) -> tuple[NDArray[np.object_], Image]:
        ((_, rows),) = _kept(table, ["time", "image"], [int(group)])
        return _naives(tables.milliseconds(rows)), tables.images(rows["image"])[:, ::-1]

    return _Files(groups, times, load, None)


def _archived(observatory: Observatory, table: Path) -> _Files:
    """The files of the archive, one at a time."""
    columns = ["time", "path"]
    parts = [rows for _, rows in _kept(table, columns)]
    rows = pa.concat_tables([NIGHT_TABLE.empty_table().select(columns), *parts])
    if not len(rows):
        raise ExchangeError(f"{table}: no frame of this night was kept")
    times = tables.milliseconds(rows)
    cameras = _cameras(observatory.cameras, times, table)
    if len(cameras) > 1:
        raise ExchangeError(
            f"{table}: two cameras took frames of this night, those of {cameras[0].valid_from} and "
            f"{cameras[1].valid_from}, and an Imager has one skymap; processed images are all on one grid"
        )
    camera, paths = cameras[0], [os.path.join(observatory.archive.root, path) for path in rows["path"].to_pylist()]
    time_of = dict(zip(paths, times.tolist(), strict=True))

    def load(path: Any) -> tuple[NDArray[np.object_], Image]:
        try:
            frame = read_frame(path, camera)
        except (UnreadableImage, WrongGeometry) as error:
            raise ExchangeError(f"{path}: {error}") from None
        return np.array([_naive(time_of[str(path)])], object), _south_first(frame, camera)[None]

    return _Files(paths, [times[i : i + 1] for i in range(len(times))], load, camera)


def _kept(table: Path, columns: Sequence[str], groups: Sequence[int] | None = None) -> Iterator[tuple[int, pa.Table]]:
    """The kept frames of a night table's row groups that hold some, with the number of the group."""
    wanted = [*columns, "status"]
    with tables.opened(table, NIGHT_TABLE, wanted) as file:
        for group in range(file.num_row_groups) if groups is None else groups:
            rows = file.read_row_group(group, wanted)
            rows = rows.filter(pc.equal(rows["status"].cast(pa.string()), "kept")).select(list(columns))
            if len(rows):
                yield group, rows


def _cameras(cameras: Sequence[Camera], times: NDArray[np.int64], table: Path) -> list[Camera]:
    """The cameras that were in force at these times, in order."""
    days = np.unique(times.astype("datetime64[ms]").astype("datetime64[D]")).tolist()
    found = [camera_in_force(cameras, datetime(day.year, day.month, day.day, tzinfo=UTC)) for day in days]
    if None in found:
        raise ExchangeError(f"{table}: no camera of the configuration was in force on {days[found.index(None)]}")
    return list(dict.fromkeys(camera for camera in found if camera is not None))


def _south_first(field: NDArray[Any], camera: Camera | None) -> NDArray[Any]:
    """A frame or a field of its pixels, (height, width, …), with the south in the first row and east right.

    An archived frame is mirrored and turned by quarters, which brings north to within 45° of the last row.
    """
    if camera is not None and camera.lens is not None:
        lens = camera.lens
        if lens.east == "left":
            field = field[:, ::-1]
        # Mirroring takes an angle that is clockwise from the upward direction to the other side.
        quarters = round(lens.sense * lens.north / 90) % 4
        field = np.rot90(field, quarters)
    return np.ascontiguousarray(field[::-1])


def _cadence(times: NDArray[np.int64]) -> float:
    """Seconds from frame to frame by which asilib reserves enough room, whatever part of the night is asked for.

    asilib reserves the length of a part in cadences, and two more. That is enough if no two or three spaces in a row
    are shorter on average; longer rows are made of these.
    """
    spaces = [np.min(times[n:] - times[:-n]) / n for n in (2, 3) if len(times) > n]
    shortest = min(spaces, default=times[-1] - times[0] if len(times) > 1 else _ALONE * 1000)
    return max(float(np.floor(shortest)), 1.0) / 1000


def _ends(files: Sequence[NDArray[np.int64]], cadence: float) -> list[int]:
    """Until when each file's last frame stands: until the next file begins, or a cadence, milliseconds since 1970."""
    following = [*(int(one[0]) - 1 for one in files[1:]), None]
    last = [int(one[-1]) + round(cadence * 1000) for one in files]
    return [end if begins is None else min(begins, end) for begins, end in zip(following, last, strict=True)]


def _naive(milliseconds: int | np.int64) -> datetime:
    """The time in UTC without its zone, as asilib has it."""
    return datetime(1970, 1, 1) + timedelta(milliseconds=int(milliseconds))


def _naives(milliseconds: NDArray[np.int64]) -> NDArray[np.object_]:
    return np.array([_naive(one) for one in milliseconds], object)
