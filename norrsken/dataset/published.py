"""The data set that Kvammen et al. published (DataverseNO, doi 10.18710/SSA38J) → `labelled.parquet`.

It has two flat folders, train and test, with frames of 128 × 128 pixels. The label is an integer at the end of the
name, as in `…class_3.png`. The files do not say what the integers mean; Table 1's counts of train and test frames are
all different, so that they prove it.
"""

import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from norrsken import schemas, stages, tables
from norrsken.calendar import night_of
from norrsken.config.jobs import PublishedSettings
from norrsken.config.site import CROP, FrameSource
from norrsken.errors import NorrskenError, raise_listed
from norrsken.paper import CLASSES, PAPER_LABELS

log = logging.getLogger(__name__)

_LABEL = re.compile(r"class_([0-6])\.[A-Za-z]+$")
_TIME = re.compile(r"\d{8}T\d{6}")

#: Names of files that operating systems leave in folders.
_STRAY = re.compile(r"^(\.|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)

#: Formats that are not read: another program must be started for them, or they are no images of pixels.
_UNSAFE = {"EPS", "WMF", "MPEG", "HDF5", "GRIB", "BUFR"}


class PublishedError(NorrskenError):
    """The folder is not the published data set; the message lists the first problems."""


class Published(NamedTuple):
    """A file of the data set. part: train or test. label: the integer in its name. time: in the name, or None."""

    path: Path
    part: str
    label: int
    time: datetime | None

    @property
    def frame_id(self) -> str:
        """Unique in the data set: both folders may number their files from one."""
        return f"{self.part}-{self.path.stem}"


def read_published(folders: Mapping[str, str], settings: PublishedSettings, output: str) -> None:
    """Write `labelled.parquet` of a published data set; its column `part` is the data set's own division.

    folders: part, train or test → its folder. Raises `PublishedError` for files that are not such frames, and where the
    class counts do not prove what the integers mean and the settings do not say it.
    """
    files = list(_list_files(folders))
    classes = settings.classes or prove_classes(files)
    if settings.classes and counts_of(files) != [PAPER_LABELS[name][:2] for name in classes]:
        log.warning("the class counts are not those of Table 1: %s", counts_of(files))
    Image.init()
    problems: list[str] = []
    source = FrameSource(processing=stages.PROCESSING, cameras=settings.cameras).plain()
    with tables.writer(output, schemas.PUBLISHED_TABLE, settings.plain(), frames=source) as writer:
        for start in range(0, len(files), tables.ROW_GROUP):
            group = files[start : start + tables.ROW_GROUP]
            images = [_read(file.path, problems) for file in group]
            if not problems:
                writer.write_table(_table(group, np.stack(images), classes, settings))
        raise_listed(problems, PublishedError)


def counts_of(files: list[Published]) -> list[tuple[int, int]]:
    """The numbers of train and test frames of each integer, from 0 to 6."""
    counts = Counter((file.part, file.label) for file in files)
    return [(counts["train", label], counts["test", label]) for label in range(len(CLASSES))]


def prove_classes(files: list[Published]) -> list[str]:
    """The class of each integer, by the counts of Table 1; raises `PublishedError` where they are not its counts."""
    paper = {PAPER_LABELS[name][:2]: name for name in CLASSES}
    counts = counts_of(files)
    if sorted(counts) != sorted(paper):
        raise PublishedError(
            "the class counts are not those of Table 1 of the paper, so nothing proves what the integers in the file "
            "names mean.\n"
            f"found (train, test): {', '.join(f'{label}: {pair}' for label, pair in enumerate(counts))}\n"
            f"Table 1: {', '.join(f'{name}: {pair}' for pair, name in paper.items())}\n"
            "If you know it, name the classes in the order of the integers under `classes` of the release"
        )
    return [paper[pair] for pair in counts]


def _list_files(folders: Mapping[str, str]) -> Iterator[Published]:
    """The files of both folders, by name; raises `PublishedError` for names without a label."""
    problems, any_frame = [], False
    for part, folder in folders.items():
        for path in sorted(Path(folder).iterdir()):
            if _STRAY.search(path.name):
                continue
            label, time = _LABEL.search(path.name), _TIME.search(path.name)
            if label is None or not path.is_file() or path.resolve().parent != Path(folder).resolve():
                problems.append(f"{path}: expected a file named …class_0 to …class_6 and a suffix")
                continue
            any_frame = True
            yield Published(path, part, int(label[1]), _time(time[0]) if time else None)
    raise_listed(problems, PublishedError)
    if not any_frame:
        raise PublishedError(f"{' and '.join(folders.values())}: there are no frames")


def _time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _read(path: Path, problems: list[str]) -> NDArray[np.uint8]:
    """A frame (128, 128, 3). Where the file is none, the frame is black, and `problems` gets a sentence."""
    try:
        with Image.open(path, formats=[name for name in Image.OPEN if name not in _UNSAFE]) as image:
            bands = image.getbands()
            if image.size != (CROP, CROP):
                problems.append(f"{path}: {image.size[0]} × {image.size[1]} pixels, expected {CROP} × {CROP}")
            elif bands not in (("R", "G", "B"), ("R", "G", "B", "A"), ("P",)):
                problems.append(f"{path}: has the channels {''.join(bands)}, expected RGB")
            else:
                return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        problems.append(f"{path}: cannot be read as an image: {error}")
    return np.zeros((CROP, CROP, 3), np.uint8)


def _table(
    files: list[Published], images: NDArray[np.uint8], classes: Sequence[str], settings: PublishedSettings
) -> pa.Table:
    times = [file.time for file in files]
    columns = {
        "frame_id": [file.frame_id for file in files],
        "time": times,
        "night": [None if time is None else night_of(time, settings.longitude) for time in times],
        "part": [file.part for file in files],
        "verdict": ["agreed"] * len(files),
        "label": [classes[file.label] for file in files],
        "image": tables.image_column(images),
    }
    return pa.table(columns, schemas.PUBLISHED_TABLE)
